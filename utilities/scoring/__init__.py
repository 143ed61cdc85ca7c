"""Scores of benchmarks: attempts, figures, intervals, comparisons, submissions."""
