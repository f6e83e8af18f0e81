"""What the notebooks need to run anywhere, and the caches that they compare, each in its own right way.

A valkey-server on a free port of 127.0.0.1 (if there is one on the PATH) and a local stand-in
for Amazon Bedrock. Every cache is a ``Peer``: the same few verbs over requests and answers that
real calls of a real chat model have made. What a peer cannot do, it says with its own error.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache, InMemoryCache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation

# The test suite's servers and certificates serve here too.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from langchain_llmcache import LLMCache
from langchain_llmcache._demo import ConverseEndpoint, chat_model
from tests.support.acl import CLUSTER, MINIMAL_USER, rules
from tests.support.certificates import Certificates
from tests.support.servers import (
    Server,
    ValkeyClusterServers,
    ValkeyServer,
    find_server_binary,
    search_modules,
)

TTL: Final = 3600
# The user of the local cluster: name, password, and what it may do, which is no more than it needs.
APP: Final = MINIMAL_USER
APP_COMMANDS: Final = CLUSTER
# What langchain-redis wants of a server.
MODULES: Final = search_modules()
MODEL_NAME: Final = "us.anthropic.claude-haiku-4-5-20251001-v1:0"


def start_server(*directives: str) -> ValkeyServer | None:
    """Start a server on a free port; None, and a sentence, where there is no ``valkey-server``."""
    if find_server_binary() is None:
        print("There is no valkey-server on the PATH: what needs one is left out below.")
        return None
    return ValkeyServer(*directives).start()


def start_tls_cluster(folder: Path) -> tuple[ValkeyClusterServers, Certificates]:
    """Start three primaries and three replicas that speak TLS only, with the user ``app``."""
    certificates = Certificates(folder)
    cluster = ValkeyClusterServers(
        3, 3, node_timeout=2.0, certificates=certificates, users=rules(CLUSTER)
    )
    return cluster.start(), certificates


async def async_cluster_client(cluster: ValkeyClusterServers) -> Any:
    """Return valkey-py's asyncio client of a cluster with TLS."""
    from valkey.asyncio import ValkeyCluster

    certificates = cluster.nodes[0].certificates
    assert certificates is not None
    client: Any = ValkeyCluster.from_url(cluster.url, ssl_ca_certs=str(certificates.ca))
    await client.initialize()
    return client


def real_or_local_model(endpoint: ConverseEndpoint, **options: Any) -> BaseChatModel:
    """Return Amazon Bedrock's model where LLMCACHE_BEDROCK=1, else the same class on the endpoint."""
    if os.environ.get("LLMCACHE_BEDROCK") == "1":
        from langchain_aws import ChatBedrockConverse

        print(f"Real Amazon Bedrock: {MODEL_NAME}")
        real: BaseChatModel = ChatBedrockConverse(model=MODEL_NAME, **options)
        return real
    print("A local stand-in for Amazon Bedrock (LLMCACHE_BEDROCK=1 asks the real one)")
    return chat_model(endpoint, **options)


@dataclass(frozen=True)
class Request:
    """One request as LangChain hands it to caches, with its answer."""

    question: str
    prompt: str
    llm_string: str
    answer: Sequence[Generation]

    @property
    def text(self) -> str:
        """The first answer's text."""
        return self.answer[0].text


class Recorder(BaseCache):
    """Keeps what LangChain asks caches, and what it gives them."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Sequence[Generation]]] = []

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Know nothing."""
        return None

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Write it down."""
        self.requests.append((prompt, llm_string, return_val))

    def clear(self, **kwargs: Any) -> None:
        """Forget."""
        self.requests.clear()


def record(questions: Sequence[str], *, answer_bytes: int = 1000) -> list[Request]:
    """Ask a real ``ChatBedrockConverse`` (on the local endpoint) and record the requests."""
    recorder = Recorder()
    with ConverseEndpoint(answer_bytes=answer_bytes) as endpoint:
        model = chat_model(endpoint, cache=recorder)
        for question in questions:
            model.invoke([HumanMessage(question)])
    return [
        Request(question, *recorded)
        for question, recorded in zip(questions, recorder.requests, strict=True)
    ]


def questions(count: int, *, topic: str = "orders") -> list[str]:
    """Return as many different questions of a support desk."""
    return [f"Ticket {i}: how do I export the last {7 + i} days of {topic}?" for i in range(count)]


# ------------------------------------------------------------------------------ the peers


class NotPossible(RuntimeError):  # noqa: N818 - not an error of ours: it says what there is none of
    """Something that a peer, or this machine, does not have."""


class Peer:
    """A cache under comparison. ``fetch`` and ``store`` are its whole lookup and update.

    Args:
        server: The server that all share; None where there is none.
        folder: For those who keep files.
    """

    name = ""
    # What it is, in the words of a table.
    what = ""
    # Whether its entries are on the server.
    on_server = True
    # The cache to give to LangChain's models; None if it is none.
    langchain: BaseCache | None = None
    langchain_async: BaseCache | None = None

    def __init__(self, server: Server | None, folder: Path) -> None:
        if self.on_server and server is None:
            raise NotPossible("needs a valkey-server on the PATH")
        self.url = server.url if server is not None else ""
        self.port = server.port if server is not None else 0
        self.folder = folder
        self.open()

    def open(self) -> None:
        """Make the cache, as its own documentation does."""

    def fetch(self, request: Request) -> Any:
        """Look up; what an application gets on a hit, else None."""
        raise NotPossible("asyncio only")

    def store(self, request: Request) -> None:
        """Keep the answer of a request."""
        raise NotPossible("asyncio only")

    async def afetch(self, request: Request) -> Any:
        """Look up with asyncio."""
        raise NotPossible("no asyncio")

    async def astore(self, request: Request) -> None:
        """Keep with asyncio."""
        raise NotPossible("no asyncio")

    async def clear(self) -> None:
        """Remove everything of its own."""
        raise NotPossible("has no way to clear its own entries")

    async def close(self) -> None:
        """Let go of connections."""


class LangChainPeer(Peer):
    """A peer that is a LangChain cache."""

    def fetch(self, request: Request) -> Any:
        """Look up as LangChain does."""
        assert self.langchain is not None
        return self.langchain.lookup(request.prompt, request.llm_string)

    def store(self, request: Request) -> None:
        """Keep as LangChain does."""
        assert self.langchain is not None
        self.langchain.update(request.prompt, request.llm_string, request.answer)

    async def afetch(self, request: Request) -> Any:
        """Look up as LangChain does."""
        cache = self.langchain_async or self.langchain
        assert cache is not None
        return await cache.alookup(request.prompt, request.llm_string)

    async def astore(self, request: Request) -> None:
        """Keep as LangChain does."""
        cache = self.langchain_async or self.langchain
        assert cache is not None
        await cache.aupdate(request.prompt, request.llm_string, request.answer)

    async def clear(self) -> None:
        """Clear as LangChain does."""
        cache = self.langchain_async or self.langchain
        assert cache is not None
        await cache.aclear()


class Ours(LangChainPeer):
    name = "LLMCache"
    what = "this package, on Valkey, as it comes"

    def open(self) -> None:
        self.langchain = self.cache = LLMCache.from_url(self.url, ttl=TTL)

    async def close(self) -> None:
        await self.cache.aclose()
        self.cache.close()


class OursInMemory(LangChainPeer):
    name = "LLMCache memory://"
    what = "this package, in the process"
    on_server = False

    def open(self) -> None:
        self.langchain = LLMCache(ttl=TTL)


class OursSQLite(LangChainPeer):
    name = "LLMCache sqlite://"
    what = "this package, in a file"
    on_server = False

    def open(self) -> None:
        self.langchain = LLMCache.from_url(f"sqlite:///{self.folder / 'llmcache.sqlite'}", ttl=TTL)


class RawClient(Peer):
    """The limit: one GET of the same answer as JSON; no key is made and nothing is decoded."""

    name = "raw valkey client"
    what = "one GET with a key at hand, bytes back: the limit"

    def open(self) -> None:
        from valkey import Valkey
        from valkey.asyncio import Valkey as AsyncValkey

        # Connected as LLMCache is: with timeouts.
        self.client: Any = Valkey.from_url(self.url, socket_timeout=5)
        self.aclient: Any = AsyncValkey.from_url(self.url, socket_timeout=5)

    def fetch(self, request: Request) -> Any:
        return self.client.get(f"raw:{request.question}")

    def store(self, request: Request) -> None:
        self.client.set(f"raw:{request.question}", wire_bytes(request), ex=TTL)

    async def afetch(self, request: Request) -> Any:
        return await self.aclient.get(f"raw:{request.question}")

    async def astore(self, request: Request) -> None:
        await self.aclient.set(f"raw:{request.question}", wire_bytes(request), ex=TTL)

    async def close(self) -> None:
        self.client.close()
        await self.aclient.aclose()


def wire_bytes(request: Request) -> bytes:
    """Return a request's answer as LangChain's own JSON."""
    from langchain_core.load import dumps

    return dumps(list(request.answer)).encode()


class ByHand(Peer):
    """ValkeyCache as the Valkey cookbook's guide uses it: a function around the model."""

    name = "ValkeyCache by hand"
    what = "langgraph-checkpoint-aws, the cookbook's recipe: text only"

    def open(self) -> None:
        from langgraph_checkpoint_aws import ValkeyCache
        from valkey import Valkey

        self.client: Any = Valkey.from_url(self.url, decode_responses=False)
        self.cache: Any = ValkeyCache(client=self.client, prefix="by_hand:", ttl=TTL)

    @staticmethod
    def key(question: str, model: str = "claude-sonnet", temperature: float = 0.7) -> Any:
        content = f"{model}|temp={temperature}|{question.strip()}"
        return (("llm_responses",), hashlib.sha256(content.encode()).hexdigest()[:16])

    def fetch(self, request: Request) -> Any:
        key = self.key(request.question)
        found = self.cache.get([key])
        return found[key]["response"] if key in found else None

    def store(self, request: Request) -> None:
        self.cache.set({self.key(request.question): ({"response": request.text}, TTL)})

    async def afetch(self, request: Request) -> Any:
        key = self.key(request.question)
        found = await self.cache.aget([key])
        return found[key]["response"] if key in found else None

    async def astore(self, request: Request) -> None:
        await self.cache.aset({self.key(request.question): ({"response": request.text}, TTL)})

    async def clear(self) -> None:
        await self.cache.aclear()

    async def close(self) -> None:
        self.client.close()


class CommunityRedis(LangChainPeer):
    name = "community RedisCache"
    what = "langchain-community: RedisCache, AsyncRedisCache"

    def open(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from langchain_community.cache import AsyncRedisCache, RedisCache
        from redis import Redis
        from redis.asyncio import Redis as AsyncRedis

        url = self.url.replace("valkey://", "redis://")
        self.client: Any = Redis.from_url(url)
        self.aclient: Any = AsyncRedis.from_url(url)
        self.langchain = RedisCache(self.client, ttl=TTL)
        self.langchain_async = AsyncRedisCache(self.aclient, ttl=TTL)

    async def close(self) -> None:
        self.client.close()
        await self.aclient.aclose()


class LangChainRedis(LangChainPeer):
    name = "langchain-redis"
    what = "langchain-redis: RedisCache, with the RedisJSON module"

    def open(self) -> None:
        logging.getLogger("redisvl").setLevel(logging.ERROR)
        from langchain_redis import RedisCache

        self.cache: Any = RedisCache(self.url.replace("valkey://", "redis://"), ttl=TTL)
        self.langchain = self.cache

    async def close(self) -> None:
        self.cache.redis.close()


class BetterDB(LangChainPeer):
    name = "betterdb-agent-cache"
    what = "its LangChain adapter, asyncio only: text only"

    def open(self) -> None:
        from betterdb_agent_cache import AgentCache
        from betterdb_agent_cache.adapters.langchain import BetterDBLlmCache
        from betterdb_agent_cache.types import AgentCacheOptions, AnalyticsOptions
        from prometheus_client import CollectorRegistry
        from valkey.asyncio import Valkey as AsyncValkey

        self.client: Any = AsyncValkey.from_url(self.url)
        options = AgentCacheOptions(
            client=self.client,
            default_ttl=TTL,
            analytics=AnalyticsOptions(disabled=True),  # it would phone home
        )
        options.telemetry.registry = CollectorRegistry()  # one for each cache object
        self.cache: Any = AgentCache(options)
        self.langchain = BetterDBLlmCache(cache=self.cache)

    async def close(self) -> None:
        await self.cache.shutdown()
        await self.client.aclose()


class LiteLLM(Peer):
    name = "litellm"
    what = "litellm's own cache of its own calls; no LangChain cache"

    def open(self) -> None:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch one
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import litellm
            from litellm.caching.caching import Cache

        litellm.suppress_debug_info = True
        logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
        self.litellm: Any = litellm
        self.cache: Any = Cache(
            type="redis",
            host="127.0.0.1",
            port=str(self.port),
            namespace="litellm",
            ttl=TTL,
        )

    def call(self, request: Request) -> dict[str, Any]:
        return {
            "model": f"bedrock/converse/{MODEL_NAME}",
            "messages": [{"role": "user", "content": request.question}],
        }

    def complete(self, endpoint: ConverseEndpoint, question: str) -> dict[str, Any]:
        """Return the arguments of ``litellm.completion`` for the local endpoint."""
        return {
            "model": f"bedrock/converse/{MODEL_NAME}",
            "messages": [{"role": "user", "content": question}],
            "aws_bedrock_runtime_endpoint": endpoint.url,
            "aws_access_key_id": "local-demo",
            "aws_secret_access_key": "local-demo",
            "aws_region_name": "us-west-2",
            "caching": True,
        }

    def response(self, request: Request) -> Any:
        message = {"role": "assistant", "content": request.text}
        return self.litellm.ModelResponse(choices=[{"message": message}], model=MODEL_NAME)

    def fetch(self, request: Request) -> Any:
        found = self.cache.get_cache(**self.call(request))
        return None if found is None else self.litellm.ModelResponse(**found)

    def store(self, request: Request) -> None:
        self.cache.add_cache(self.response(request).model_dump_json(), **self.call(request))

    async def afetch(self, request: Request) -> Any:
        found = await self.cache.async_get_cache(**self.call(request))
        return None if found is None else self.litellm.ModelResponse(**found)

    async def astore(self, request: Request) -> None:
        await self.cache.async_add_cache(
            self.response(request).model_dump_json(), **self.call(request)
        )

    async def clear(self) -> None:
        self.cache.cache.flush_cache()


class CoreInMemory(LangChainPeer):
    name = "InMemoryCache"
    what = "langchain-core: a dict, no TTL, hands out its own objects"
    on_server = False

    def open(self) -> None:
        self.langchain = InMemoryCache()


class CommunitySQLite(LangChainPeer):
    name = "community SQLiteCache"
    what = "langchain-community, in a file, no TTL"
    on_server = False

    def open(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from langchain_community.cache import SQLiteCache

        self.langchain = SQLiteCache(database_path=str(self.folder / "langchain.sqlite"))


class DiskCacheAdapter(BaseCache):
    """diskcache behind LangChain's protocol: eight lines that one would write by hand."""

    def __init__(self, folder: Path) -> None:
        from diskcache import Cache

        self._cache: Any = Cache(str(folder))

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Return what was pickled."""
        found: RETURN_VAL_TYPE | None = self._cache.get((prompt, llm_string))
        return found

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Pickle it."""
        self._cache.set((prompt, llm_string), return_val, expire=TTL)

    def clear(self, **kwargs: Any) -> None:
        """Remove all."""
        self._cache.clear()


class Disk(LangChainPeer):
    name = "diskcache"
    what = "a file, pickled, by hand behind LangChain's protocol"
    on_server = False

    def open(self) -> None:
        self.langchain = DiskCacheAdapter(self.folder / "diskcache")


class LruCache(Peer):
    """A function of the question, decorated: what one has without any package."""

    name = "functools.lru_cache"
    what = "a decorated function of the question, in the process"
    on_server = False

    def open(self) -> None:
        self._known: dict[str, Any] = {}
        self._asked = functools.lru_cache(maxsize=None)(self._known.__getitem__)

    def fetch(self, request: Request) -> Any:
        return self._asked(request.question)

    def store(self, request: Request) -> None:
        self._known[request.question] = list(request.answer)

    async def clear(self) -> None:
        self._asked.cache_clear()


PEERS: Final[tuple[type[Peer], ...]] = (
    Ours,
    RawClient,
    ByHand,
    CommunityRedis,
    LangChainRedis,
    BetterDB,
    LiteLLM,
    OursInMemory,
    CoreInMemory,
    LruCache,
    OursSQLite,
    CommunitySQLite,
    Disk,
)


def open_peers(
    server: Server | None, kinds: Sequence[type[Peer]] = PEERS
) -> tuple[list[Peer], dict[str, str]]:
    """Open each peer, on one server; return those that opened, and the others' errors."""
    folder = Path(tempfile.mkdtemp(prefix="llmcache-notebook-"))
    opened, failed = [], {}
    _hush_peers()
    for kind in kinds:
        try:
            opened.append(kind(server, folder))
        except Exception as error:  # noqa: BLE001 - whatever it is, the table shows it
            failed[kind.name] = said(error)
    return opened, failed


def _hush_peers() -> None:
    """Leave out what peers warn of about themselves: it is not what the notebooks are about."""
    from langchain_core._api.deprecation import LangChainPendingDeprecationWarning

    # langchain-community calls ``loads`` without ``allowed_objects``.
    warnings.filterwarnings("ignore", category=LangChainPendingDeprecationWarning)
    # litellm's models, as pydantic sees them.
    warnings.filterwarnings("ignore", message=".*ReadOnly", category=UserWarning)
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)


def said(error: BaseException) -> str:
    """Return an error in the one line that a table has for it, without what changes: ports, keys."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else ""
    text = re.split(r",? with args|Use an async", text)[0].replace("|", "/")
    text = re.sub(r"127\.0\.0\.1:\d+", "the server", text).strip()
    shown = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return shown if len(shown) <= 110 else f"{shown[:109]}…"


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Keep log lines out of the notebook while caches are in trouble on purpose."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


async def close_peers(peers: Sequence[Peer]) -> None:
    """Close all of them."""
    for peer in peers:
        await peer.close()


async def in_thread(function: Callable[[], Any]) -> Any:
    """Run blocking code in a thread without an event loop, as a sync application would."""
    return await asyncio.to_thread(function)


async def outcome(attempt: Awaitable[Any]) -> Any:
    """Return what an attempt gives, or the error in a table's words."""
    try:
        return await attempt
    except Exception as error:  # noqa: BLE001 - the table shows it
        return said(error)


# ------------------------------------------------------------------------------ shapes of answers

_USAGE: Final[Any] = {"input_tokens": 12, "output_tokens": 34, "total_tokens": 46}
_CALL: Final[Any] = {
    "name": "weather",
    "args": {"city": "Oslo"},
    "id": "tooluse_1",
    "type": "tool_call",
}
_BAD_CALL: Final[Any] = {
    "name": "weather",
    "args": '{"city": ',
    "id": "tooluse_2",
    "error": "cut off",
    "type": "invalid_tool_call",
}


def shapes() -> dict[str, Sequence[Generation]]:
    """Return an answer of each shape that chat models and LLMs give."""

    def message(content: Any, **fields: Any) -> AIMessage:
        meta = {"model_name": "m", "stopReason": "end_turn"}
        return AIMessage(
            content, id="run-1", usage_metadata=_USAGE, response_metadata=meta, **fields
        )

    def chat(*messages: AIMessage) -> list[Generation]:
        return [ChatGeneration(message=each) for each in messages]

    words = {"type": "text", "text": "Hello."}
    thought = {"type": "reasoning_content", "reasoning_content": {"text": "Hmm."}}
    picture = {"image": {"format": "png", "source": {"bytes": b"\x89PNG\x00"}}}
    return {
        "text": chat(message("Hello.")),
        "tool call": chat(message("", tool_calls=[_CALL])),
        "reasoning": chat(message([thought, words])),
        "image bytes": chat(message([words, picture])),
        "n = 5": chat(*(message(f"answer {number}") for number in range(5))),
        "text LLM": [Generation(text="Hello.", generation_info={"finish_reason": "stop"})],
        "invalid tool call": chat(message("", invalid_tool_calls=[_BAD_CALL])),
    }


def difference(stored: Sequence[Generation], found: Any) -> str:
    """Tell what a hit lacks: "" if it is the answer that was stored.

    The ids of the message and of its tool calls, and ``response_metadata["llmcache"]``, may differ.
    """
    if found is None:
        return "not stored"
    if isinstance(found, str):
        found = [Generation(text=found)]
    if not isinstance(found, list):
        return f"a {type(found).__name__} with the text"
    if len(found) != len(stored):
        return f"{len(found)} of {len(stored)}"
    if len(stored) > 1 and [g.text for g in stored] != [g.text for g in found]:
        return "in another order"
    differences = (_lost(before, after) for before, after in zip(stored, found, strict=True))
    return next(filter(None, differences), "")


def _lost(before: Any, after: Any) -> str:
    if before.text != after.text:
        return "another text"
    if type(before) is not type(after):
        return "text only"
    if isinstance(before, ChatGeneration):
        was, found = _fields(before.message), _fields(after.message)
        lost = [name for name in was if was[name] != found[name]]
        if len(lost) > 1:
            return f"lost {lost[0]} and {len(lost) - 1} more"
        return f"lost {lost[0]}" if lost else ""
    return "" if before.generation_info == after.generation_info else "lost generation_info"


def _fields(message: Any) -> dict[str, Any]:
    """Return what makes a message up, the most important first."""
    names = ("tool_calls", "invalid_tool_calls", "content", "usage_metadata", "response_metadata")
    fields = {"class": type(message)} | {name: getattr(message, name, None) for name in names}
    # (As with a message's own id, ours gives each hit new ones.)
    fields["tool_calls"] = [{**call, "id": None} for call in getattr(message, "tool_calls", ())]
    fields["response_metadata"] = {
        key: value for key, value in message.response_metadata.items() if key != "llmcache"
    }
    return fields
