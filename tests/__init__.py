"""Tests of langchain_llmcache."""
