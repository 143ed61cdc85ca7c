"""Runs untrusted programs in child processes that never see an expected output."""
