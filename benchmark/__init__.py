"""Scripts that benchmark a model on tasks."""
