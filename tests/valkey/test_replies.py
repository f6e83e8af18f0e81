"""Replies are read out of bytes, however those come, where libvalkey is not installed."""

from __future__ import annotations

from typing import Any

import pytest
from valkey._parsers import _AsyncRESP2Parser
from valkey._parsers.libvalkey import NOT_ENOUGH_DATA
from valkey.exceptions import InvalidResponse, NoPermissionError, ResponseError

from langchain_llmcache._valkey.replies import Replies

REPLIES: list[tuple[bytes, Any]] = [
    (b"+OK\r\n", b"OK"),
    (b":-12\r\n", -12),
    (b"$5\r\na\r\nbc\r\n", b"a\r\nbc"),
    (b"$0\r\n\r\n", b""),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"*0\r\n", []),
    (b"*3\r\n$1\r\na\r\n$-1\r\n*2\r\n:1\r\n+b\r\n", [b"a", None, [1, b"b"]]),
    (b"_\r\n", None),
    (b"#t\r\n", True),
    (b",1.5\r\n", 1.5),
    (b"(12345678901234567890\r\n", 12345678901234567890),
    (b"=7\r\ntxt:abc\r\n", b"abc"),
    (b"~2\r\n:1\r\n:2\r\n", [1, 2]),
    (b"%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*1\r\n_\r\n", {b"a": 1, b"b": [None]}),
]


def reader() -> Replies:
    """Return one that has read nothing."""
    return Replies(_AsyncRESP2Parser.parse_error)


def read(replies: Replies, sent: bytes, size: int) -> list[Any]:
    """Return what comes of bytes that arrive in pieces of a size."""
    found = []
    for first in range(0, len(sent), size):
        replies.feed(sent[first : first + size])
        found += all_of(replies)
    return found


def all_of(replies: Replies) -> list[Any]:
    """Return what is here."""
    return list(iter(lambda: replies.gets(False), NOT_ENOUGH_DATA))


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_replies_come_in_pieces(size: int) -> None:
    """Whole, byte by byte, or several at once: each reply is what was sent, in order."""
    replies = reader()
    found = read(replies, b"".join(sent for sent, _ in REPLIES) * 3, size)
    assert found == [value for _, value in REPLIES] * 3
    assert not replies.has_data()


@pytest.mark.parametrize("sent", [sent for sent, _ in REPLIES], ids=repr)
def test_a_part_of_a_reply_is_told(sent: bytes) -> None:
    """Until the last byte, there is no reply, and data."""
    replies = reader()
    assert not replies.has_data()
    for place in range(len(sent) - 1):
        replies.feed(sent[place : place + 1])
        assert all_of(replies) == []
        assert replies.has_data()
    replies.feed(sent[-1:])
    assert len(all_of(replies)) == 1
    assert not replies.has_data()


def test_errors_are_replies() -> None:
    """What the server refuses is an exception of valkey-py's, also in an array."""
    replies = reader()
    replies.feed(b"-NOPERM no\r\n*2\r\n-WRONGTYPE \xff\r\n:1\r\n!9\r\nERR no\r\nx\r\n")
    first, [second, one], third = all_of(replies)
    assert type(first) is NoPermissionError
    assert type(second) is type(third) is ResponseError
    assert str(second).startswith("WRONGTYPE")
    assert one == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n",
        b"\r\n",
        b"$x\r\n",
        b"*1x\r\n",
        b":\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b">1\r\n+a\r\n",
        b"\x15\x03\x01\x00\x02",
        b"%1\r\n" * 2000,
        b"%1\r\n*0\r\n:1\r\n",
        b"*1\r\n" * 2000,
        b"+" + b"a" * 100_000,
    ],
    ids=lambda sent: repr(sent[:20]),
)
def test_what_is_not_a_reply(sent: bytes) -> None:
    """Anything else is refused, however deep or long."""
    with pytest.raises(InvalidResponse):
        read(reader(), sent, 1000)
