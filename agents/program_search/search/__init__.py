"""The search: exploring, learning rules, ranking what fits."""
