"""Asks language models: one protocol, one client for each SDK, one retry layer, costs."""
