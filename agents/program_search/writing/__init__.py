"""What the search writes: programs and reasoning traces."""
