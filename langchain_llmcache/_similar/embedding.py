"""Texts as vectors, under a deadline: an embedder that fails or is slow is a miss."""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import numpy as np
from langchain_core.embeddings import Embeddings

from langchain_llmcache._signals import pass_on

# Threads that wait for embedders, at most: one that hangs keeps its thread.
_THREADS: Final = 8


class EmbeddingFailedError(Exception):
    """The embedder gave no usable vector in time. The message says why, and no text."""


class Embedder(Protocol):
    """Makes vectors for one kind of caller."""

    async def embed(self, text: str) -> bytes:
        """Return the text's vector, of length 1, as 32-bit floats.

        Raises:
            EmbeddingFailedError: if the embedder does not return one in time.
        """


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what a call in a thread of its own returns.

    Raises:
        TimeoutError: if that takes too long; the thread goes on.
    """
    reply: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            reply.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - told to the caller
            reply.put((None, error))

    threading.Thread(target=work, name="llmcache-similar", daemon=True).start()
    try:
        value, error = reply.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return value


class BlockingEmbedder:
    """Embeds in a thread of its own, so that the caller waits no longer than the deadline."""

    def __init__(self, embeddings: Embeddings, timeout: float) -> None:
        self._embeddings = embeddings
        self._timeout = timeout
        self._free = threading.BoundedSemaphore(_THREADS)

    async def embed(self, text: str) -> bytes:
        if not self._free.acquire(blocking=False):
            raise EmbeddingFailedError("too many texts wait for the embedder")

        def work() -> Any:
            try:
                return self._embeddings.embed_documents([text])
            finally:
                self._free.release()

        try:
            vectors = within(self._timeout, work)
        except TimeoutError:
            raise EmbeddingFailedError("the embedder took too long") from None
        except Exception as error:  # noqa: BLE001 - whatever a user's embedder raises
            raise _failed(error) from None
        return _checked(vectors, 1)[0]


class AsyncEmbedder:
    """Embeds natively; the texts of one loop turn travel together, equal ones once."""

    def __init__(self, embeddings: Embeddings, timeout: float) -> None:
        self._embeddings = embeddings
        self._timeout = timeout
        # By loop: the batch that is being collected.
        self._batches: weakref.WeakKeyDictionary[Any, dict[str, asyncio.Future[bytes]]] = (
            weakref.WeakKeyDictionary()
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def embed(self, text: str) -> bytes:
        loop = asyncio.get_running_loop()
        batch = self._batches.get(loop)
        if batch is None:
            batch = self._batches[loop] = {}
            loop.call_soon(self._depart, loop)
        future = batch.get(text)
        if future is None:
            future = batch[text] = loop.create_future()
        try:
            # Shielded: others may wait for the same text.
            return await asyncio.wait_for(asyncio.shield(future), self._timeout)
        except asyncio.TimeoutError:
            raise EmbeddingFailedError("the embedder took too long") from None

    def _depart(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._batches.pop(loop)
        task = loop.create_task(self._answer(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, batch: dict[str, asyncio.Future[bytes]]) -> None:
        try:
            vectors = await asyncio.wait_for(
                self._embeddings.aembed_documents(list(batch)), self._timeout
            )
            found: Sequence[bytes | Exception] = _checked(vectors, len(batch))
        except asyncio.TimeoutError as error:
            pass_on(error)
            found = [EmbeddingFailedError("the embedder took too long")] * len(batch)
        except EmbeddingFailedError as error:
            found = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - whatever a user's embedder raises
            pass_on(error)
            found = [_failed(error)] * len(batch)
        for future, vector in zip(batch.values(), found, strict=True):
            if future.done():
                continue
            if isinstance(vector, bytes):
                future.set_result(vector)
            else:
                future.set_exception(vector)
                future.exception()  # seen, even if the caller is gone


def _failed(error: BaseException) -> EmbeddingFailedError:
    # Its text may repeat what was embedded.
    return EmbeddingFailedError(f"the embedder failed ({type(error).__name__})")


def _checked(vectors: Any, count: int) -> list[bytes]:
    """Return vectors of length 1, as bytes."""
    try:
        matrix = np.asarray(vectors, dtype="<f4")
    except (ValueError, TypeError) as error:
        raise _failed(error) from None
    if matrix.ndim != len(("texts", "numbers")) or len(matrix) != count or not matrix.shape[1]:
        raise EmbeddingFailedError("the embedder returned no vector for each text")
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
        raise EmbeddingFailedError("the embedder returned a vector without a direction")
    return [row.tobytes() for row in (matrix / lengths).astype("<f4")]


def cosine(left: bytes, right: bytes) -> float:
    """Return the cosine of two vectors of length 1; -1 where their sizes differ."""
    if len(left) != len(right):
        return -1.0
    value = float(np.frombuffer(left, "<f4") @ np.frombuffer(right, "<f4"))
    return value if math.isfinite(value) else -1.0
