"""How a task's samples are spent: what is asked again, and what it is shown."""
