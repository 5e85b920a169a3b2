"""Does it really drag? Cases, rows, measures and tables of `python dev.py bench quality`."""
