"""Requests of caches that keep only a hash of them, and where their answers are kept here.

langchain-redis and langchain-community's ``RedisCache`` store an answer under hashes of the prompt
and the model's text. So what was asked stays unknown until it is asked again.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal, NamedTuple, TypeAlias

from langchain_core.outputs import Generation

from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.key import Key
from langchain_llmcache._request.maker import KeyMaker

TakenOver: TypeAlias = Literal["imported", "hashed", "kept", "incomplete", "declined", "unreadable"]


class ForeignAnswer(NamedTuple):
    """An answer of another cache.

    Attributes:
        prompt: Of the request; of a hashed one, what it is called there (``hashed_names``).
        llm_string: Of the request; None: the request is known by a hash only.
        generations: The answer; None: it cannot be read.
        left: Milliseconds that it still lives; None: it does not expire.
    """

    prompt: str
    llm_string: str | None
    generations: list[Generation] | None
    left: int | None = None


# In the place of a model's name, in keys of such answers.
IMPORTED: Final = "llmcache-imported"


def hashed_names(prompt: str, llm_string: str) -> tuple[str, str]:
    """Return what other caches call a request: langchain-redis, and community's RedisCache."""
    asked, model = _md5(prompt), _md5(llm_string)
    return f"langchain-redis:{asked}:{model}", f"community:{_md5(prompt + llm_string)}"


def key_of_hashed(keys: KeyMaker, namespace: tuple[str, ...], name: str) -> Key:
    """Return where an answer is kept that another cache knows by this name."""
    key, _ = keys.key(namespace, name, Asked(IMPORTED))
    return key._replace(space=(*namespace, IMPORTED))


def _md5(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
