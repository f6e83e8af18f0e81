"""What the documents say and show: README, notebooks, compose file."""
