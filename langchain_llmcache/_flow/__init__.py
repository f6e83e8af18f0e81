"""What happens on a lookup, an update, a clear."""
