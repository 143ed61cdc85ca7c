"""What every script and agent shares; imports nothing from them."""
