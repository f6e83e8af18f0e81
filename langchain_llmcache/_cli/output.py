"""How commands talk: results on stdout, everything else on stderr, no secrets on either.

Exit codes: 0 done, 1 the job failed, 2 bad usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import unquote, urlsplit

import typer
from rich.console import Console

FAILED = 1
BAD_CONFIGURATION = 2
INTERRUPTED = 130

EXIT_CODES = "Exit codes: 0 done, 1 the job failed, 2 bad usage or configuration, 130 interrupted."


def stdout() -> Console:
    """A console for results: plain text where it is not a terminal."""
    return Console(highlight=False)


def stderr() -> Console:
    """A console for progress; what is said meanwhile goes through ``note``."""
    return Console(stderr=True, highlight=False)


def note(message: str) -> None:
    """Print a line on stderr, above the progress if there is one; terminals wrap it at words."""
    if sys.stderr.isatty():
        message = textwrap.fill(
            message, stderr().width, break_long_words=False, break_on_hyphens=False
        )
    # Not through a console of its own: rich hands only this to the one that shows the progress.
    print(message, file=sys.stderr)


def fail(
    message: str, *, code: int = FAILED, url: str | None = None, lines: Sequence[str] = ()
) -> NoReturn:
    """End the command with one line on stderr.

    Args:
        message: One sentence: what was wrong, what to do.
        code: The exit code.
        url: The store's URL; what is secret in it is taken out of the message.
        lines: What the sentence is about, one a line, to be copied.
    """
    if url is not None:
        message = _without_secrets(message, url)
    # (Of a message that asks, the full stop behind it.)
    note(f"llmcache: {' '.join(message.split()).replace('?.', '?')}")
    for line in lines:
        print(f"  {line}", file=sys.stderr)
    raise typer.Exit(code)


def shown_url(url: str) -> str:
    """The URL without user, password and query, any of which may be secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("://")[0] + "://..."
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _without_secrets(message: str, url: str) -> str:
    if "://" in url:  # else it is no URL, and no message repeats it
        message = message.replace(url, shown_url(url))
    try:
        parts = urlsplit(url)
    except ValueError:
        return message
    user_info = parts.netloc.rpartition("@")[0]
    password = user_info.partition(":")[2]
    for secret in filter(None, (user_info, password, unquote(password), parts.query)):
        message = message.replace(secret, "***")
    return message
