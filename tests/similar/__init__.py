"""Near-identical prompts: the gate, the evidence, the indexes, and the whole of it."""
