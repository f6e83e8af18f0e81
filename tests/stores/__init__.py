"""Where answers lie: ``langchain_llmcache/_stores``."""
