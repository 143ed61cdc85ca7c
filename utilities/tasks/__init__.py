"""Tasks, grids, and the datasets that they come from."""
