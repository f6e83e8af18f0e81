"""Where entries lie: the stores."""
