"""Real chat model classes in front of the cache."""
