"""The entries of results files: their type, how they are read, what they depend on."""
