"""From results to rows that a model is trained on."""
