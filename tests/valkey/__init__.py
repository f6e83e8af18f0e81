"""The wire to Valkey: ``langchain_llmcache/_valkey`` and ``elasticache``."""
