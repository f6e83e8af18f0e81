"""What happens around a call of the model: ``langchain_llmcache/_flow``."""
