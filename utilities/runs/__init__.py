"""A run of an asking script: its loop, its files, its counts and its summary."""
