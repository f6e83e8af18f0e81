"""Real servers, and ways to break them. Nothing here imports langchain_llmcache.

* ``servers``: a Valkey of one's own, alone or as a cluster.
* ``proxy``: what a network does to a conversation.
* ``certificates``: an authority that lives for one test run.
"""
