"""What is kept of an answer, and what comes back: ``langchain_llmcache/_answer``."""
