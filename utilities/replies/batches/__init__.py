"""Batches of requests: planned, journalled step by step, taken up again by a later run."""
