"""Errors that do not pass by themselves, and what to do about each: one table.

For the log, and for the person who examines a cache that does not work. Errors are recognized by
their class's name and their text, so that nothing has to be imported for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Advice:
    """A misconfiguration.

    Attributes:
        code: Its name, for programs.
        problem: What is the case.
        remedy: What to do.
    """

    code: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """Return it as a sentence, without its end."""
        return f"{self.problem[:1].upper()}{self.problem[1:]}: {self.remedy}"


def sentence(text: str) -> str:
    """Return a text with an end, unless it has one."""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def with_remedy(said: str, error: BaseException) -> str:
    """Return what went wrong, and what to do about it, without the last full stop."""
    remedy = remedy_for(error)
    return said if remedy is None else f"{sentence(said)} {remedy}"


# How errors begin, as "ClassName: text", and what they mean. The first that fits counts.
_TABLE: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), Advice(code, problem, remedy))
    for pattern, code, problem, remedy in (
        (
            r"AuthenticationError: authentication required",
            "no-password",
            "the server wants a password, and was given none",
            "put it into the URL, as in valkey://user:password@host:6379",
        ),
        (
            r"AuthenticationError: .*(without any password|no password is set)",
            "password-not-wanted",
            "a password was given to a server that has none",
            "leave it out of the URL, or set one on the server (requirepass)",
        ),
        (
            r"Authentication\w*Error: ",
            "wrong-password",
            "the server does not accept this user and password",
            (
                "correct them in the URL (percent-encoded there: @ is %40), or see whether ACL LIST "
                "has the user as on"
            ),
        ),
        (
            r"NoPermissionError: .*\b(key|channel)",
            "key-not-permitted",
            "the user has no access to this cache's keys",
            "grant the prefix: ACL SETUSER <user> ~llm_cache:*, or the prefix of your own",
        ),
        (
            r"ConnectionError: .*has no permissions.* '(select|client)\b",
            "greeting-not-permitted",
            "the user may not choose a database, or name its connections",
            (
                "leave db and client_name out of the URL, or grant them: "
                "ACL SETUSER <user> +select +client|setname"
            ),
        ),
        (
            r"NoPermissionError: |ConnectionError: .*has no permissions",
            "command-not-permitted",
            "the user may not run a command that the cache needs",
            (
                "grant them: ACL SETUSER <user> +get +set +mget +unlink +scan, and +eval if "
                "lease= is used"
            ),
        ),
        (
            r"OutOfMemoryError: ",
            "out-of-memory",
            "the server's memory is full, and it evicts nothing; hits go on, nothing is stored",
            (
                "set maxmemory-policy to allkeys-lru (or to volatile-lru, with a ttl on all entries), "
                "or raise maxmemory"
            ),
        ),
        (
            r"ReadOnlyError: ",
            "read-only",
            "the server is a replica; hits go on, nothing is stored",
            "if this lasts longer than a failover, use the address of the primary",
        ),
        (
            r"ResponseError: MISCONF",
            "cannot-persist",
            "the server cannot save to its disk and takes no writes; hits go on",
            "look into the server's log, or set stop-writes-on-bgsave-error to no",
        ),
        (
            r"\w+Error: unknown command .get\b",
            "no-get",
            "what listens there knows no GET; perhaps it is a Sentinel, which holds no data",
            (
                "give the client that a Sentinel makes: "
                "LLMCache(ValkeyCache(Sentinel([(host, 26379)]).master_for(name)))"
            ),
        ),
        (
            r"\w+Error: (unknown command|syntax error$)",
            "unknown-command",
            "the server lacks a command that the cache needs, or one of its options",
            (
                "use Valkey 7 or Redis 7, or later (lease= needs its SET with NX and GET); do not "
                "rename or disable commands"
            ),
        ),
        (
            r"\w+Error: (MOVED|CROSSSLOT)\b",
            "cluster",
            "the server is a node of a cluster, and is used as a single server",
            "leave cluster=False out",
        ),
        (
            r"\w+Error: (DB index is out of range|SELECT is not allowed)",
            "no-such-database",
            "the server has no database of this number",
            "use another in the URL, or none (clusters have only 0)",
        ),
        (
            r"\w+Error: DENIED",
            "protected-mode",
            "the server is in protected mode and answers its own machine only",
            "set a password on the server, or protected-mode no",
        ),
        (
            r"ConnectionError: max number of clients",
            "too-many-clients",
            "the server accepts no more connections",
            "raise maxclients, or run fewer processes; each keeps up to 32 connections",
        ),
        (
            r"InvalidResponse",
            "not-valkey",
            "what listens there does not speak Valkey's protocol",
            "correct host and port; where the server expects TLS, use valkeys://",
        ),
        (
            r"ConnectionError: .*(certificate of|speak TLS|TLS with|for TLS)",
            "tls",
            "there is no TLS connection",
            "do what this message says; nothing is looked up or stored before",
        ),
        (
            r"\w+Error: .*as the cluster names a node, was never reached",
            "unreachable-node",
            "the cluster names an address that cannot be reached from here (NAT, Docker)",
            (
                "have the node announce another (cluster-announce-ip), or translate it: "
                "LLMCache.from_url(..., address_remap=...)"
            ),
        ),
        (
            (
                r"\w+Error: .*(name or service not known|nodename nor servname|no address associated"
                r"|name does not resolve)"
            ),
            "unknown-host",
            "there is no host of this name",
            "correct the host in the URL, or the name service",
        ),
        (
            r"NotTheStoreError: gevent",
            "gevent",
            "green threads are patched by halves",
            "patch sockets and threads, with monkey.patch_all() at the very beginning, or neither",
        ),
        (
            r"(NotTheStore|Runtime)Error: .*(no event loop of asyncio|no running event loop)",
            "no-event-loop",
            "the asyncio half of the cache was used without asyncio (with trio?)",
            "run it with asyncio, or use the sync methods in a thread",
        ),
        (
            r"OperationalError: unable to open database",
            "no-file",
            "the file of the sqlite:// URL can be neither opened nor made",
            (
                "its folder has to be there, the path must not be that of a folder, and this "
                "process has to be allowed to write in the folder (SQLite keeps files beside it)"
            ),
        ),
        (
            r"OperationalError: .*readonly database",
            "read-only-file",
            "this process may not write to the file of the sqlite:// URL; SQLite has to, even to read it",
            "allow it to write to the file and into its folder, or use another path",
        ),
        (
            r"OperationalError: .*disk is full",
            "disk-full",
            "there is no room on the disk for the file of the sqlite:// URL; hits go on",
            "make room: 10 MB are enough to remove entries with llmcache clear, which writes, too",
        ),
        (
            r"OperationalError: .*(no such column|no column named|because it is a view|be indexed)",
            "other-file",
            "the file of the sqlite:// URL has another program's table named cache",
            "use a path of its own for the cache",
        ),
        (
            r"DatabaseError: .*(not a database|malformed)",
            "bad-file",
            "the file of the sqlite:// URL is damaged, or not a file of SQLite's",
            "use another path; a damaged file can be deleted, if it was a cache's",
        ),
    )
)


def advice_for(error: BaseException) -> Advice | None:
    """Return what to do about an error, or None if it may well pass by itself."""
    for each in chain(error):
        shown = f"{type(each).__name__}: {each}"
        for pattern, advice in _TABLE:
            if pattern.match(shown):
                return advice
    return None


# What to look at first where it may pass by itself. The first that fits counts, as above.
_HINTS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            r"\w+: No (master|slave) found for",  # a failover may be under way
            (
                "Do the Sentinels answer, and know a service of this name? Check master_for(name), "
                "their addresses and their password (sentinel_kwargs=)"
            ),
        ),
        (
            r"\w+: .*is locked",
            (
                "Is there a process or a tool with an open transaction (a sqlite3 shell, a backup)? "
                "Processes that store all the time want a Valkey server"
            ),
        ),
        (
            (
                r"\w+: .*(refused|unreachable|no route to host|timeout connecting"
                r"|connect call failed|no such file)"
            ),
            "Is the server running, and may this machine reach it? Check host, port, firewall",
        ),
        (
            r"TimeoutError: (timeout reading|deadline)",
            (
                "Is the server frozen or busy (SLOWLOG GET shows by what), or the network cut? "
                "Where it is only slow, a longer timeout helps"
            ),
        ),
    )
)


def remedy_for(error: BaseException) -> str | None:
    """Return what to do about an error, or what to look at first if it may pass by itself."""
    if (advice := advice_for(error)) is not None:
        return str(advice)
    said = [f"{type(each).__name__}: {each}" for each in chain(error)]
    fitting = (hint for pattern, hint in _HINTS if any(map(pattern.match, said)))
    return next(fitting, None)


_OWN_ERRORS: Final = frozenset({"ConfigurationError", "NotTheStoreError", "Overloaded"})
# As Python says that a caller has no event loop, or that its process is ending.
_OF_THE_CALLER: Final = re.compile(
    "no running event loop|no event loop of asyncio|event loop is closed|different (event )?loop"
    "|shutdown|can't (start|create) new thread|thread can be started",
    re.IGNORECASE,
)


def is_of_the_caller(error: BaseException) -> bool:
    """Tell whether an error says nothing about the store, but about where it was asked from."""
    return any(
        isinstance(each, RuntimeError) and _OF_THE_CALLER.search(str(each)) for each in chain(error)
    )


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that it was raised from."""
    each: BaseException | None = error
    for _ in range(5):
        if each is None:
            return
        yield each
        each = each.__cause__


_QUOTED: Final = 200


# Whose messages are about connections and files. (InvalidResponse repeats what it received.)
_QUOTED_MODULES = frozenset({"sqlite3", "valkey.exceptions"})


# Whose messages are the client's, and not a server's.
_OWN_WORDS = frozenset({"ConnectionError", "TimeoutError"})


def describe(error: BaseException) -> str:
    """Return the name of an error, and its text if that is about a connection or a file."""
    for each in chain(error):
        name = type(each).__name__
        if (
            isinstance(each, OSError)
            or name in _OWN_ERRORS
            or (type(each).__module__ in _QUOTED_MODULES and name != "InvalidResponse")
        ):
            own = name in _OWN_WORDS and each.__cause__ is None
            text = _harmless(str(each), known=own or advice_for(each) is not None)
            return f"{name}: {text}" if text else name
        if name == "InvalidResponse" and (service := _service(str(each))):
            return f"{name}: {service} answers there"
    return type(error).__name__


# How others begin to talk, and who they are.
_SERVICES: Final = {
    "HTTP": "a web server",
    "<": "a web server",
    "SSH-": "an SSH server",
    "220": "a mail or FTP server",
    "ERROR": "memcached, or the like,",
    "AMQP": "a message broker (AMQP)",
    "\\x15": "a server that expects TLS (valkeys://)",
}


def _service(said: str) -> str | None:
    """Return what listens there, by its first words or, with libvalkey, by its first letter."""
    first = re.search(r"""got .(\\?.\w*)|b['"](.*)""", said)
    start = (first[1] or first[2] or "") if first else ""
    for words, service in _SERVICES.items():
        if start and (start.startswith(words) or (first and first[1] and words.startswith(start))):
            return service
    return None


def _harmless(text: str, *, known: bool) -> str:
    """Return what a message says without what it may repeat: arguments, that is keys and answers.

    Those stand behind "with args", and in the quotation marks of messages that are not known.
    """
    text = re.split(r",? with args|\n", text, maxsplit=1)[0]
    if not known:
        text = re.split("[\"'`]", text, maxsplit=1)[0]
    return "".join(char if char.isprintable() else "?" for char in text[:_QUOTED]).rstrip(" .")
