"""Faults that must not happen: files, texts and requests of any kind, kills, full disks, long runs."""
