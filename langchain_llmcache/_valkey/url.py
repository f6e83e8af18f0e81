"""A store's URL, read strictly: what cannot be meant is refused at once.

No message repeats anything of the URL, not even in an error's context: a password that was not
percent-encoded may stand anywhere in it.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import unquote, unquote_to_bytes

from langchain_llmcache._checks import kind_of
from langchain_llmcache._signals import pass_on
from langchain_llmcache.errors import ConfigurationError

# Each scheme, and what a URL of it looks like.
EXAMPLES: Final = {
    "valkey": "valkey://localhost:6379",
    "valkeys": "valkeys://localhost:6379",
    "redis": "redis://localhost:6379",
    "rediss": "rediss://localhost:6379",
    "unix": "unix:///run/valkey.sock",
    "memory": "memory://",
    "sqlite": "sqlite:///cache.db",
}
_EXPECTED: Final = (
    "expected valkey://, valkeys://, redis://, rediss://, unix://, memory:// or sqlite:///path"
)
_ENCODE: Final = "percent-encode # ? / @ in the password (# is %23, ? is %3F, / is %2F, @ is %40)"
PORT: Final = 6379
_MOST_PORTS: Final = 65_535
# A path of a unix socket that is longer does not fit into its address.
_LONGEST_SOCKET: Final = 107
_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


class Url(NamedTuple):
    """The parts of a URL, not decoded yet.

    Attributes:
        scheme: One of ``EXAMPLES``.
        authority: What stands between the slashes and the path.
        path: From its slash on; empty where there is none.
        query: What stands behind the question mark; None where there is none.
    """

    scheme: str
    authority: str
    path: str
    query: str | None


class Server(NamedTuple):
    """Where a server is.

    Attributes:
        host: Its name or address, without brackets.
        port: Its port.
        username: Of the user; None: not said.
        password: Likewise.
        db: Number of the database; None: not said.
    """

    host: str
    port: int
    username: str | None
    password: str | None
    db: int | None


class UrlError(ConfigurationError):
    """A URL that cannot be meant. Nothing of it is repeated."""


def refuse(message: str) -> NoReturn:
    """Refuse a URL.

    Raises:
        UrlError: always.
    """
    raise UrlError(message)


def split(url: object) -> Url:
    """Return the parts of a URL.

    Raises:
        ConfigurationError: if it is not the URL of a store.
    """
    if not isinstance(url, str):
        refuse(f"the store's URL is {kind_of(url)}; expected text such as {EXAMPLES['valkey']!r}")
    if not url.strip():
        refuse(f"the store's URL is empty; {_EXPECTED}")
    if url.strip()[0] in "'\"":
        refuse("there are quotation marks around the store's URL; remove them")
    scheme = _scheme(url.strip())
    if url != url.strip():
        refuse(
            "there is a space or a line break before or after the store's URL; "
            f"did you mean {EXAMPLES[scheme]}?"
        )
    _check_characters(url, scheme)
    if "#" in url:
        refuse(f"there is a # in the store's URL, which has no use in it: {_ENCODE}")
    rest = url[len(scheme) + 3 :]
    before, mark, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    _check_escapes(rest)
    return Url(scheme, authority, slash + path, query if mark else None)


def _scheme(url: str) -> str:
    """Return the scheme of a URL that begins with one."""
    scheme, separator, _ = url.partition("://")
    if separator and scheme in EXAMPLES:
        return scheme
    meant = scheme.lower()
    if not separator:
        # valkey:host, sqlite:/path, or no scheme at all
        meant = next((name for name in EXAMPLES if meant.startswith(f"{name}:")), "")
        example = EXAMPLES.get(meant) or (
            EXAMPLES["sqlite"]
            if re.search(r"\.(db|sqlite3?)$", url, re.IGNORECASE)
            else EXAMPLES["valkey"]
        )
        refuse(f"the store's URL has no scheme; did you mean {example}? ({_EXPECTED})")
    if "sentinel" in meant:
        refuse(
            "a Sentinel has no URL; give its client: "
            "LLMCache(ValkeyCache(Sentinel([(host, 26379)]).master_for(name)))"
        )
    close = difflib.get_close_matches(meant, EXAMPLES, n=1, cutoff=0.7)
    guess = f"; did you mean {EXAMPLES[close[0]]}?" if close else ""
    refuse(f"the store's URL has a scheme that is not known{guess} ({_EXPECTED})")


def _check_characters(url: str, scheme: str) -> None:
    # Names of files may have spaces.
    allowed = " " if scheme in ("sqlite", "unix") else ""
    if any(not char.isprintable() or (char == " " and not allowed) for char in url):
        refuse(
            "there is a space, a line break or an invisible character in the store's URL; remove it, "
            "or percent-encode it (a space is %20)"
        )


def _check_escapes(text: str) -> None:
    if _ESCAPE.search(text):
        refuse("there is a % in the store's URL that begins no escape: write it as %25")
    if not _is_utf8(unquote_to_bytes(text)):
        refuse("a percent-escape in the store's URL is not UTF-8")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def server_of(url: Url) -> Server:
    """Return where the server of a URL is.

    Raises:
        ConfigurationError: if a part of it cannot be meant.
    """
    user_info, at, location = url.authority.rpartition("@")
    # What the URL's grammar does not see as one, because of a character in the password.
    if "@" in f"{url.path}{url.query or ''}":
        refuse(f"there is an @ behind the host of the store's URL: {_ENCODE}")
    username, password = _user(user_info)
    host, port = _location(location)
    if at and not host:
        refuse(
            "the store's URL has a user or a password, and no host; expected valkey://user:password@host:6379"
        )
    return Server(host or "localhost", port, username, password, _database(url.path))


def socket_of(url: Url) -> Server:
    """Return the path of a unix socket, as the host of a server.

    Raises:
        ConfigurationError: if a part of it cannot be meant.
    """
    user_info, at, rest = url.authority.rpartition("@")
    path = unquote(url.path)
    if rest or len(path) <= 1 or "\0" in path:
        refuse(
            f"a unix socket's URL names its path, as in {EXAMPLES['unix']}?db=0"
            + (f" ({_ENCODE})" if at or rest else "")
        )
    if len(path.encode("utf-8", "surrogatepass")) > _LONGEST_SOCKET:
        refuse(f"the path of a unix socket is longer than {_LONGEST_SOCKET} bytes")
    username, password = _user(user_info)
    return Server(path, 0, username, password, None)


def has_password(url: str) -> bool:
    """Tell whether a URL (that was not refused) holds a password."""
    parts = split(url)
    return _user(parts.authority.rpartition("@")[0])[1] is not None or any(
        item.startswith("password=") for item in (parts.query or "").split("&")
    )


def _user(user_info: str) -> tuple[str | None, str | None]:
    username, _, password = user_info.partition(":")
    return unquote(username) or None, unquote(password) or None


def _location(text: str) -> tuple[str, int]:
    """Return host and port; the host is empty where it is not said."""
    if "," in text:
        refuse(
            "the store's URL has several hosts; give one (any node of a cluster will do), as in "
            f"{EXAMPLES['valkey']}"
        )
    if text.startswith("["):
        inside, bracket, after = text[1:].partition("]")
        if not bracket or not _is_ipv6(unquote(inside)) or (after and not after.startswith(":")):
            refuse(
                "the store's URL has no valid host and port: its brackets do not hold an IPv6 address, as in "
                "valkey://[::1]:6379"
            )
        return unquote(inside), _port(after[1:] if after else None)
    host, colon, port = text.partition(":")
    if ":" in port:
        refuse(
            "the store's URL has no valid host and port; an IPv6 address stands in brackets, as in valkey://[::1]:6379"
        )
    host = unquote(host).lower()
    if host and not _is_host(host):
        refuse(f"the store's URL has no valid host; expected {EXAMPLES['valkey']} ({_ENCODE})")
    return host, _port(port if colon else None)


def _port(text: str | None) -> int:
    if text is None:
        return PORT
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) <= _MOST_PORTS:
        refuse(
            f"the port in the store's URL is not a number from 1 to {_MOST_PORTS}, so there is no valid "
            f"host and port; expected {EXAMPLES['valkey']} ({_ENCODE})"
        )
    return int(text)


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6  # noqa: PLR2004
    except ValueError as error:
        pass_on(error)
        return False


def _is_host(text: str) -> bool:
    """Tell whether a name server can be asked for it."""
    try:
        text.encode("idna")  # (no part between two dots may be longer than 63)
    except UnicodeError as error:
        pass_on(error)
        return False
    return re.fullmatch(r"[\w\-]+(\.[\w\-]+)*\.?", text) is not None


def _database(path: str) -> int | None:
    number = path.strip("/")
    if not number:
        return None
    if not re.fullmatch("[0-9]{1,9}", number):
        refuse(
            "the path of the store's URL is not a database number, as in valkey://localhost:6379/0 "
            f"({_ENCODE})"
        )
    return int(number)


# --- options ---------------------------------------------------------------------------------


# What URLs of valkey-py may say, and ours may not.
_OF_VALKEY_PY: Final = (
    "decode_responses",
    "encoding",
    "health_check_interval",
    "max_connections",
    "retry_on_timeout",
    "socket_connect_timeout",
    "socket_timeout",
    "ssl",
    "timeout",
)


class Option(NamedTuple):
    """An option of a URL.

    Attributes:
        pattern: What its text looks like.
        value: Makes a value of such a text.
        expected: What the text is to be, in words.
    """

    pattern: str
    value: Callable[[str], Any]
    expected: str


TEXT: Final = Option("(?s).+", str, "text")
NUMBER: Final = Option("[0-9]{1,9}", int, "a whole number, 0 or more")
POSITIVE: Final = Option("0*[1-9][0-9]{0,17}", int, "a whole number, more than 0")
FLAG: Final = Option(
    "(?i)true|yes|1|on|false|no|0|off",
    lambda text: text.lower() in {"true", "yes", "1", "on"},
    "true or false",
)


def options_of(
    url: Url, known: Mapping[str, Option], elsewhere: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the options behind the question mark.

    Args:
        url: The URL.
        known: The options of such a URL.
        elsewhere: Options that other URLs have, and what to say of them.

    Raises:
        ConfigurationError: an option is not known, or is not what is expected.
    """
    values: dict[str, Any] = {}
    for item in () if url.query is None else url.query.split("&"):
        name, _, text = item.partition("=")
        if elsewhere and name in elsewhere:
            refuse(f"unknown option {name!r} in the store's URL: {elsewhere[name]}")
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            refuse(f"unknown option{_shown(name)} in the store's URL; known: {listed} ({_ENCODE})")
        if name in values:
            refuse(f"option {name!r} stands twice in the store's URL")
        values[name] = _value(name, text, known[name])
    return values


def _shown(name: str) -> str:
    """Return the name of an option for a message, if that is one of valkey-py's, or nearly so."""
    is_harmless = not name or difflib.get_close_matches(name, _OF_VALKEY_PY, n=1, cutoff=0.85)
    return f" {name!r}" if is_harmless else ""


def _value(name: str, text: str, option: Option) -> Any:
    if not text:
        refuse(f"option {name!r} in the store's URL has no value")
    if "+" in text:
        refuse(f"there is a + in option {name!r} in the store's URL: write %2B, or %20 for a space")
    plain = unquote(text)
    if not re.fullmatch(option.pattern, plain):
        refuse(f"option {name!r} in the store's URL is not {option.expected}")
    return option.value(plain)
