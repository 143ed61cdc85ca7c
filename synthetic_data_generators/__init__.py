"""Scripts that generate reasoning and code for tasks, and verify the code."""
