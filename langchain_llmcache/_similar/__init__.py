"""Near-identical prompts: an option in a room of its own, which the core never imports."""
