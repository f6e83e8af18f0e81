"""The command ``llmcache``: ``langchain_llmcache/_cli``."""
