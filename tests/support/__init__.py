"""Real servers, and ways to break them. Nothing here imports langchain_llmcache.

* ``servers``: a Valkey of one's own, alone or as a cluster.
* ``proxy``: what a network does to a conversation.
* ``certificates``: an authority that lives for one test run.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checkout: README, notebooks, docker-compose.yml."""
