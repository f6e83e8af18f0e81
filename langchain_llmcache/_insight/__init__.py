"""Counts, events, log lines and traces of what a cache does."""
