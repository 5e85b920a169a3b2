"""Benchmarks: each one command, each writing its table and its pictures."""
