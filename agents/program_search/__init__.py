"""Program search: solves tasks with grid transforms and no model; the embedded default."""
