"""The vocabulary of the search: transforms of grids, facts about cells and parts."""
