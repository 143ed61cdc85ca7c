"""The store of reasoning traces, and merging results into it."""
