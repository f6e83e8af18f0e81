"""Which requests share an answer: ``langchain_llmcache/_request``."""
