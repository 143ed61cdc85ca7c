"""Models of the user's own: `models.toml`, and the models.yml of arc-agi-benchmarking."""
