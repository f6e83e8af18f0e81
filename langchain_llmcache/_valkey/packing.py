"""Commands as bytes, by valkey-py's fastest way. Their words are UTF-8, whatever a client encodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from valkey.connection import PythonRespSerializer

# Bytes from which on a value is not copied.
_LARGE: Final = 6000


def _packer() -> Callable[..., list[bytes]]:
    try:
        from valkey.connection import LibvalkeyRespSerializer

        LibvalkeyRespSerializer().pack("PING")
    except (ImportError, NameError):  # without libvalkey
        return PythonRespSerializer(_LARGE, _encoded).pack
    return LibvalkeyRespSerializer().pack


def _encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


pack: Final = _packer()
