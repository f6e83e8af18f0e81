"""The package as a whole: what its import costs, what its metadata says."""
