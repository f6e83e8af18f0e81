"""What is counted and told: ``langchain_llmcache/_insight`` and ``telemetry``."""
