"""Streams and agents: ``langchain_llmcache/streaming.py`` and ``agents.py``."""
