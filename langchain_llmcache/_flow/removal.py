"""What removes entries: an operator's command, or a parser that refuses an answer.

A command is always tried, and raises if the store could not do it; healing never raises.
"""

from __future__ import annotations

import contextlib

from langchain_llmcache._answer.origins import Origins
from langchain_llmcache._flow.parts import Parts
from langchain_llmcache._flow.ports import Side
from langchain_llmcache._flow.reading import Reader
from langchain_llmcache._request.asking import Asked
from langchain_llmcache._request.key import Key, Scope, encode_model, encode_part, parse_path
from langchain_llmcache._request.llm_strings import Uncacheable
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError


class Removal:
    """Removes entries: from the store, from what matches questions, and their copies.

    Args:
        parts: Of the cache.
        origins: Knows which entry a message came from.
        reader: Has the copies.
    """

    def __init__(self, parts: Parts, origins: Origins, reader: Reader) -> None:
        self._keys = parts.keys
        self._origins = origins
        self._reader = reader
        self._observer = parts.gate.observer
        self._gate = parts.gate
        self._heals = parts.note is not None

    async def delete(self, side: Side, told: tuple[str, Asked] | Key) -> bool:
        """Remove the answer of one request, or the entry of one key; tell whether there was one.

        Raises:
            ConfigurationError: if the key is that of another namespace.
            StoreError: if the store could not do it.
        """
        namespace = self._keys.namespace()
        try:
            key = told if isinstance(told, Key) else self._keys.key(namespace, *told)[0]
        except Uncacheable as error:
            pass_on(error)
            return False
        if not Scope(namespace).covers(key.space):
            msg = "this key is that of another namespace; use a cache, or cache_options, with it"
            raise ConfigurationError(msg)
        return await self._remove(side, key)

    async def forget(self, side: Side, message: object) -> bool:
        """Remove the entry that a message came from; tell whether there was one.

        Raises:
            ConfigurationError: if that is not known.
            StoreError: if the store could not do it.
        """
        return await self._remove(side, self._origins.of(message))

    async def _remove(self, side: Side, key: Key) -> bool:
        try:
            found = await self._gate.administer("delete", side.entries.delete(key))
            if side.matcher is not None:
                await self._gate.administer("delete", side.matcher.drop(key.path))
        finally:
            # Not before: meanwhile, others still find it in the store.
            self._reader.forget(key)
        self._observer.administered("delete", None, key, int(found))
        return found

    async def clear(self, side: Side, namespace: tuple[str, ...], model: str | None) -> int | None:
        """Remove every answer of a namespace (below the cache's own), of all models or one.

        Returns how many, where the store counts them.

        Raises:
            StoreError: if the store could not do all of it.
        """
        parts = (*self._keys.namespace(), *map(encode_part, namespace))
        scope = Scope(parts, None if model is None else encode_model(model))
        try:
            count = await self._gate.administer("clear", side.entries.clear(scope))
            if side.matcher is not None:
                alike = side.matcher.remove(
                    lambda path: (found := parse_path(path)) is None or scope.covers(found.space),
                    "".join(f"{part}/" for part in scope.namespace),
                )
                await self._gate.administer("clear", alike)
        finally:
            self._reader.forget_all(scope)
        self._observer.administered("clear", scope, None, count)
        return count

    async def heal(self, side: Side, key: Key, head: bytes) -> None:
        """Remove an entry that was refused, if it still begins like that. Never raises."""
        try:
            entry = await self._reader.find(side, key)
            if isinstance(entry, bytes) and entry.startswith(head):
                await self._gate.ask("heal", lambda: side.entries.delete(key), key)
                self._observer.count("healed", key)
        finally:
            self._reader.forget(key)

    async def heal_message(self, side: Side, message: object) -> None:
        """Remove the entry of a message that was refused, if it is known. Never raises."""
        if self._heals:
            with contextlib.suppress(ConfigurationError):
                await self.heal(side, self._origins.of(message), b"")
