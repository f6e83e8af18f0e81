"""What is asked: the key of a request."""
