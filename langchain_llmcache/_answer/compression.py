"""Entries made smaller: zstd with a dictionary of what entries have in common.

    llm2z1:<what ties it to its key>:<a zstd frame>          (1: the dictionary's version)

Rules of this file: how large a frame becomes is known, and bounded, before it is opened; a
dictionary that was shipped is never changed, the next one gets a number of its own.
"""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError

Compression: TypeAlias = Literal["zstd"]

# In front of the colon of a tag.
MARK: Final = b"z1"
# Bytes from which the size of a payload can be told.
FRAME_HEAD: Final = 32
MISSING: Final = (
    'zstd is in Python 3.14, or in an extra: pip install "langchain-llmcache[compression]"'
)
# Bytes: below, an entry is hardly larger than what surrounds it in a store.
_LEAST: Final = 256
# What a frame may become where there is no other bound.
_MOST: Final = 256 * 2**20
_LEVEL: Final = 3
_DICTIONARY: Final = Path(__file__).with_name("zstd_1.dict")


def check_compression(given: object) -> None:
    """Check that what is to be stored can be compressed like this.

    Raises:
        ConfigurationError: if it is not ``"zstd"`` or None, or zstd is missing.
    """
    if given is None:
        return
    if given != "zstd":
        msg = f"compression is {given!r}; expected 'zstd', or None"
        raise ConfigurationError(msg)
    if zstd() is None:
        raise ConfigurationError(f"compression='zstd': {MISSING}")


class Zstd(NamedTuple):
    """A zstd library, with the dictionary.

    Attributes:
        compress: Returns a frame.
        size: Returns what a frame says that it becomes; None: it does not say.
        decompress: Returns what is in a frame.
    """

    compress: Callable[[bytes], bytes]
    size: Callable[[bytes], int | None]
    decompress: Callable[[bytes], bytes]


def smaller(payload: bytes) -> bytes | None:
    """Return the frame of a payload, or None if that is no gain."""
    library = zstd()
    if library is None or len(payload) < _LEAST:
        return None
    frame = library.compress(payload)
    return frame if len(frame) < len(payload) else None


def opened(frame: bytes, most: int | None) -> bytes:
    """Return the payload of a frame.

    Raises:
        CorruptEntryError: if it is not a frame, becomes larger than ``most``, or zstd is missing here.
    """
    library = zstd()
    if library is None:
        raise CorruptEntryError(f"compressed, and this process has no zstd: {MISSING}")
    try:
        size = library.size(frame)
        if size is None or size > (_MOST if most is None else most):
            raise CorruptEntryError("compressed, and too large")  # noqa: TRY301
        payload = library.decompress(frame)
    except CorruptEntryError:
        raise
    except Exception as error:
        raise CorruptEntryError("not a frame of zstd") from error
    if len(payload) != size:
        raise CorruptEntryError("a frame of another size than it says")
    return payload


def size_of(frame: bytes) -> int:
    """Return how large the payload of a frame is, as its beginning says; 0: it does not say."""
    library = zstd()
    try:
        return 0 if library is None else library.size(frame) or 0
    except Exception as error:  # noqa: BLE001 - opening it tells why
        pass_on(error)
        return 0


@functools.cache
def zstd() -> Zstd | None:
    """Return the library that this process has: Python's own, its backport, or ``zstandard``."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return _of_python(importlib.import_module(name))
        except ImportError:
            continue
    try:
        return _of_zstandard(importlib.import_module("zstandard"))
    except ImportError:
        return None


def _of_python(module: Any) -> Zstd:
    dictionary = module.ZstdDict(_DICTIONARY.read_bytes())
    local = threading.local()

    def compress(data: bytes) -> bytes:
        compressor = getattr(local, "compressor", None)
        if compressor is None:
            compressor = local.compressor = module.ZstdCompressor(
                level=_LEVEL, zstd_dict=dictionary
            )
        compressor.set_pledged_input_size(len(data))
        frame: bytes = compressor.compress(data, mode=compressor.FLUSH_FRAME)
        return frame

    def size(frame: bytes) -> int | None:
        found: int | None = module.get_frame_info(frame).decompressed_size
        return found

    def decompress(frame: bytes) -> bytes:
        decompressor = module.ZstdDecompressor(zstd_dict=dictionary.as_digested_dict)
        data: bytes = decompressor.decompress(frame, max_length=(size(frame) or 0) + 1)
        if not decompressor.eof or decompressor.unused_data:
            raise CorruptEntryError("not one whole frame")
        return data

    return Zstd(compress, size, decompress)


def _of_zstandard(module: Any) -> Zstd:
    dictionary = module.ZstdCompressionDict(_DICTIONARY.read_bytes())
    local = threading.local()

    def compress(data: bytes) -> bytes:
        if not hasattr(local, "compressor"):
            local.compressor = module.ZstdCompressor(level=_LEVEL, dict_data=dictionary)
        frame: bytes = local.compressor.compress(data)
        return frame

    def size(frame: bytes) -> int | None:
        found: int = module.frame_content_size(frame)
        return None if found < 0 else found

    def decompress(frame: bytes) -> bytes:
        if not hasattr(local, "decompressor"):
            local.decompressor = module.ZstdDecompressor(dict_data=dictionary)
        data: bytes = local.decompressor.decompress(frame, allow_extra_data=False)
        return data

    return Zstd(compress, size, decompress)
