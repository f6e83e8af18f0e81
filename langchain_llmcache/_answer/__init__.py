"""What is kept: entries, and the answers in them."""
