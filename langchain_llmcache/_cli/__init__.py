"""The commands of ``llmcache``, one module each. Needs the extra ``cli``."""
