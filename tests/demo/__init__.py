"""The local stand-in for Amazon Bedrock: ``langchain_llmcache/_demo``."""
