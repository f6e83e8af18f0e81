"""``with_cache(model)``: a chat model whose ``stream`` and ``astream`` use the cache too.

langchain-core asks its cache in ``invoke`` and never in ``stream``. Here the model's class gets
a subclass that asks below both, in ``_stream`` and ``_astream``: so it is still that model, for
``isinstance``, ``bind_tools``, tracers and all others, and core's own ``stream`` makes the
callbacks, the events and the ids, of a hit as of a live answer.

Rules of this file: whatever reaches the caller of a miss is what the model yields, when it
yields it; only a stream that came to its end is stored.
"""

from __future__ import annotations

import contextlib
import copy
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models.chat_models import BaseChatModel, generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, BaseMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, Generation
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable

from langchain_llmcache._answer.classes import MESSAGES
from langchain_llmcache._answer.hits import MARKER
from langchain_llmcache._answer.usage import no_usage
from langchain_llmcache._checks import kind_of
from langchain_llmcache._contexts import holding
from langchain_llmcache._flow.rounds import Ending
from langchain_llmcache._flow.single_flight import Asker, held
from langchain_llmcache._request.asking import asking
from langchain_llmcache._request.blocks import Options, current, during
from langchain_llmcache._request.texts import texts_of_chat
from langchain_llmcache._runnables import with_models_wrapped
from langchain_llmcache._signals import pass_on
from langchain_llmcache.cache import LLMCache
from langchain_llmcache.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun

T = TypeVar("T")
R = TypeVar("R", bound=Runnable[Any, Any])
M = TypeVar("M", bound=BaseChatModel)

# The model in whose ``_generate_with_cache`` the running code is: there core asks the cache.
_inside: Final[ContextVar[BaseChatModel | None]] = ContextVar("llmcache_inside", default=None)


def with_cache(model: R, cache: BaseCache | None = None) -> R:
    """Return the same model, with streams that read and fill the cache.

    ``stream`` and ``astream`` share their answers with ``invoke``, ``ainvoke``, ``batch`` and
    ``abatch``. A hit is one chunk. A caller that asks what another one is streaming right now gets the
    whole answer when that stream is complete. What is abandoned or fails is not stored.

    Args:
        model: A chat model; also one that is bound to tools or arguments, retried, has fallbacks,
            or is configurable (``init_chat_model(configurable_fields=...)``,
            ``configurable_fields``, ``configurable_alternatives``): then what is configured is
            cached. It stays as it is.
        cache: For this model only; None: the model's own ``cache``, else the global one of
            the moment of each call.

    Raises:
        ConfigurationError: (a ``ValueError``) one of them is something else.
    """
    given: object = cache
    if given is not None and not isinstance(given, BaseCache):
        msg = (
            f"cache is {kind_of(given)}; expected a LangChain cache such as LLMCache "
            "(a LangGraph cache goes into one: LLMCache(cache))"
        )
        raise ConfigurationError(msg)
    if isinstance(model, BaseChatModel):
        return cast("R", _wrapped(model, cache))
    holding = with_models_wrapped(model, partial(with_cache, cache=cache))
    if holding is not None:
        return cast("R", holding)
    msg = (
        f"model is {kind_of(model)}; expected a chat model (in a chain, wrap the "
        "model and not the chain)"
    )
    raise ConfigurationError(msg)


def _wrapped(model: BaseChatModel, cache: BaseCache | None) -> BaseChatModel:
    plain = _plain(model)
    cached = _turned(plain, _class_over(type(plain)))
    if cache is not None:
        cached.cache = cache
    if cached.rate_limiter is not None:
        cached.rate_limiter = _LimitsMisses(cached.rate_limiter)
    return cached


def _plain(model: BaseChatModel) -> BaseChatModel:
    """Return the model without its wrapper, or as it is if it has none."""
    if not isinstance(model, _CachedModel):
        return model
    plain = _turned(model, model.__class__.__bases__[1])
    if isinstance(plain.rate_limiter, _LimitsMisses):
        plain.rate_limiter = plain.rate_limiter.limiter
    return plain


def _turned(model: M, cls: type[Any]) -> M:
    """Return a copy of another class of the same layout."""
    # Without a constructor, which would open clients.
    turned = model.model_copy()
    object.__setattr__(turned, "__class__", cls)
    # Settings that were changed after the first call count in the copy.
    turned.__dict__.pop("_serialized", None)
    return turned


# --- the class -------------------------------------------------------------------------------


class _CachedModel:
    """What ``with_cache`` puts in front of a model's class."""

    def _generate_with_cache(self, *args: Any, **kwargs: Any) -> ChatResult:
        with _answering(self):
            result: ChatResult = super()._generate_with_cache(*args, **kwargs)  # type: ignore[misc]
        result = _own(result, _cache_of(cast("BaseChatModel", self)))
        chunk = self._chunk_of_hit(result, async_api=False, **kwargs)
        if chunk is not None:
            kwargs["run_manager"].on_llm_new_token(chunk.text, chunk=chunk)
        return result

    async def _agenerate_with_cache(self, *args: Any, **kwargs: Any) -> ChatResult:
        with _answering(self):
            result: ChatResult = await super()._agenerate_with_cache(  # type: ignore[misc]
                *args, **kwargs
            )
        result = _own(result, _cache_of(cast("BaseChatModel", self)))
        chunk = self._chunk_of_hit(result, async_api=True, **kwargs)
        if chunk is not None:
            await kwargs["run_manager"].on_llm_new_token(chunk.text, chunk=chunk)
        return result

    def _chunk_of_hit(
        self, result: ChatResult, *, async_api: bool, stop: Any = None, **kwargs: Any
    ) -> ChatGenerationChunk | None:
        """Return what listeners to tokens are to hear of a hit in ``invoke``.

        Core streams to them behind ``invoke`` when the model answers (LangGraph's
        ``stream_mode="messages"``, ``astream_events``), and would leave them without a hit.
        """
        model = cast("Any", self)
        message = result.generations[0].message
        listened = {"async_api": async_api, **kwargs}
        if (
            kwargs.get("run_manager") is None
            or MARKER not in message.response_metadata
            or not model._should_stream(**listened)  # noqa: SLF001
            # To these core itself replays a hit; older versions do not know them.
            or getattr(model, "_should_use_protocol_streaming", _never)(**listened)
        ):
            return None
        chunk = _as_chunk(result.generations[0])
        chunk.message.id = message.id
        return chunk

    def __reduce__(self) -> tuple[Any, ...]:
        return _wrapped, (_plain(cast("BaseChatModel", self)), None)


def _class_over(base: type[BaseChatModel]) -> type[BaseChatModel]:
    """Return the subclass of a model's class that asks the cache. There is one of each."""
    for known in base.__subclasses__():
        if known.__bases__ == (_CachedModel, base):
            return known
    namespace: dict[str, Any] = {
        # It goes by its base's name: in keys, in traces, in ``lc_id``.
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        # Copies are not validated, so no validator needs to be built.
        "model_config": {"defer_build": True},
    }
    # Only what the base can do: core looks at the class to see whether a model streams.
    streams = base._stream is not BaseChatModel._stream  # noqa: SLF001
    astreams = base._astream is not BaseChatModel._astream  # noqa: SLF001
    if streams:
        namespace["_stream"] = _stream_over(base)
    if streams or astreams:
        namespace["_astream"] = _astream_over(base)
    metaclass: Any = type(base)
    cls: type[BaseChatModel] = metaclass(base.__name__, (_CachedModel, base), namespace)
    # A model's own source of protocol events goes past ``_stream``. Core has another, over it.
    if streams and hasattr(base, "_stream_chat_model_events"):
        cls._stream_chat_model_events = None  # type: ignore[attr-defined]
    if (streams or astreams) and hasattr(base, "_astream_chat_model_events"):
        cls._astream_chat_model_events = None  # type: ignore[attr-defined]
    return cls


def _stream_over(base: type[BaseChatModel]) -> Callable[..., Iterator[ChatGenerationChunk]]:
    # No generator itself: who asks is decided when it is called, not when it is read.
    def _stream(
        self: BaseChatModel,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        given = kwargs if run_manager is None else {"run_manager": run_manager, **kwargs}

        def live() -> Iterator[ChatGenerationChunk]:
            return base._stream(self, messages, stop=stop, **given)  # noqa: SLF001

        if _inside.get() is self:
            return live()
        return _through_cache(self, _request(self, messages, stop, kwargs), live, run_manager)

    return _stream


def _astream_over(base: type[BaseChatModel]) -> Callable[..., AsyncIterator[ChatGenerationChunk]]:
    def _astream(
        self: BaseChatModel,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        given = kwargs if run_manager is None else {"run_manager": run_manager, **kwargs}

        def live() -> AsyncIterator[ChatGenerationChunk]:
            return base._astream(self, messages, stop=stop, **given)  # noqa: SLF001

        if _inside.get() is self:
            return live()
        return _athrough_cache(self, _request(self, messages, stop, kwargs), live, run_manager)

    return _astream


def _answering(model: Any) -> AbstractContextManager[None]:
    """Keep the model's ``_stream`` from asking the cache: it was asked already."""
    return holding(_inside, model)


def _never(**_: Any) -> bool:
    return False


# --- a stream --------------------------------------------------------------------------------


class _Request(NamedTuple):
    """A question, as core puts it to a cache, and the options that it was asked with."""

    cache: BaseCache
    prompt: str
    llm_string: str
    options: Options
    asking: asking


def _request(
    model: BaseChatModel, messages: list[BaseMessage], stop: list[str] | None, kwargs: Any
) -> _Request | None:
    """Return what core asks the cache in ``_generate_with_cache``, or None if it asks none."""
    cache = _cache_of(model)
    if cache is None:
        if not model.cache:
            return None
        msg = "Asked to cache, but no cache found at `langchain.cache`."  # as core says
        raise ValueError(msg)
    if kwargs.get("n", getattr(model, "n", None)) not in (None, 1):
        return None  # several answers: a stream mixes them, and ``invoke`` has them apart
    prompt, llm_string = texts_of_chat(model, messages, stop, kwargs)
    told = kwargs if stop is None else {**kwargs, "stop": stop}
    block = asking(model, prompt, llm_string, options=told)
    block.streams = True
    return _Request(cache, prompt, llm_string, current(), block)


def _through_cache(
    model: BaseChatModel,
    request: _Request | None,
    live: Callable[[], Iterator[ChatGenerationChunk]],
    run_manager: CallbackManagerForLLMRun | None,
) -> Iterator[ChatGenerationChunk]:
    askers: Sequence[Asker] = ()
    if request is not None:
        with request.asking, during(request.options), held() as askers:
            found = request.cache.lookup(request.prompt, request.llm_string)
        if isinstance(found, list) and found:
            chunk = _as_chunk(_own(found[0], request.cache))
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
            return
    with _ending(askers):
        if isinstance(model.rate_limiter, _LimitsMisses):
            model.rate_limiter.limiter.acquire(blocking=True)
        kept: list[ChatGenerationChunk] = []
        chunks = live()
        try:
            for chunk in chunks:
                if request is not None:
                    kept.append(_snapshot(chunk))
                _suspend(askers, time.monotonic())
                yield chunk
                _suspend(askers, None)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        # (Its last chunk has got the id from core by now that the caller sees.)
        if request is not None and kept and (answer := _whole(kept, model, chunk.message.id)):
            with request.asking, during(request.options):
                request.cache.update(request.prompt, request.llm_string, answer)


async def _athrough_cache(
    model: BaseChatModel,
    request: _Request | None,
    live: Callable[[], AsyncIterator[ChatGenerationChunk]],
    run_manager: AsyncCallbackManagerForLLMRun | None,
) -> AsyncIterator[ChatGenerationChunk]:
    askers: Sequence[Asker] = ()
    if request is not None:
        with request.asking, held() as askers:
            found = await request.cache.alookup(request.prompt, request.llm_string)
        if isinstance(found, list) and found:
            chunk = _as_chunk(_own(found[0], request.cache))
            if run_manager is not None:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
            return
    with _ending(askers):
        if isinstance(model.rate_limiter, _LimitsMisses):
            await model.rate_limiter.limiter.aacquire(blocking=True)
        kept: list[ChatGenerationChunk] = []
        chunks = live()
        try:
            while True:
                # A model without ``_astream`` is asked by its ``_stream``, in a thread.
                with _answering(model):
                    try:
                        chunk = await anext(chunks)
                    except StopAsyncIteration:
                        break
                if request is not None:
                    kept.append(_snapshot(chunk))
                _suspend(askers, time.monotonic())
                yield chunk
                _suspend(askers, None)
        finally:
            if hasattr(chunks, "aclose"):
                await chunks.aclose()
        # (Its last chunk has got the id from core by now that the caller sees.)
        if request is not None and kept and (answer := _whole(kept, model, chunk.message.id)):
            with request.asking, during(request.options):
                await request.cache.aupdate(request.prompt, request.llm_string, answer)


@contextlib.contextmanager
def _ending(askers: Sequence[Asker]) -> Iterator[None]:
    """Let no caller wait any longer when the block is left without an answer."""
    # A reader that goes away before the end says nothing about the model.
    ending: Ending = "cancelled"
    try:
        yield
        ending = "declined"
    except Exception:
        ending = "failed"
        raise
    finally:
        for asker in askers:
            if asker.give_up is not None:
                asker.give_up(ending)


def _suspend(askers: Sequence[Asker], since: float | None) -> None:
    """Note since when the stream stands still: its reader has not asked for more yet."""
    for asker in askers:
        asker.suspended = since


class _LimitsMisses(BaseRateLimiter):
    """A model's rate limiter, for misses only: core asks it in ``stream`` before the cache."""

    def __init__(self, limiter: BaseRateLimiter) -> None:
        self.limiter = limiter

    def acquire(self, *, blocking: bool = True) -> bool:
        # In ``invoke``, core has asked the cache by now.
        return self._is_early() or self.limiter.acquire(blocking=blocking)

    async def aacquire(self, *, blocking: bool = True) -> bool:
        return self._is_early() or await self.limiter.aacquire(blocking=blocking)

    def _is_early(self) -> bool:
        model = _inside.get()
        return model is None or model.rate_limiter is not self


def _own(answer: T, cache: object) -> T:
    """Return an answer that its caller may change: other caches hand out what they hold."""
    return answer if cache is None or isinstance(cache, LLMCache) else _copied(answer)


def _cache_of(model: BaseChatModel) -> BaseCache | None:
    """Return the cache that core asks for a model."""
    if model.cache is False:
        return None
    return model.cache if isinstance(model.cache, BaseCache) else get_llm_cache()


# --- chunks and messages ---------------------------------------------------------------------


def _as_chunk(generation: Generation) -> ChatGenerationChunk:
    """Return a stored answer as the only chunk of a stream. It has no id: core gives it one."""
    message: BaseMessage = (
        generation.message
        if isinstance(generation, ChatGeneration)
        else AIMessage(generation.text)  # as core does
    )
    chunk = message if isinstance(message, BaseMessageChunk) else _message_chunk(message)
    chunk.id = None
    if isinstance(chunk, AIMessageChunk):
        chunk.chunk_position = "last"
        if chunk.usage_metadata is not None:
            # As core does with hits, for tracers: it costs nothing.
            usage: Any = {**chunk.usage_metadata, "total_cost": 0}
            chunk.usage_metadata = usage
    return ChatGenerationChunk(message=chunk, generation_info=generation.generation_info)


def _message_chunk(message: BaseMessage) -> BaseMessageChunk:
    fields = {**message.__dict__, **(message.__pydantic_extra__ or {})}
    del fields["type"]
    if not isinstance(message, AIMessage):
        chunk_class: Any = MESSAGES[f"{type(message).__name__}Chunk"]
        return cast("BaseMessageChunk", chunk_class(**fields))
    if message.usage_metadata is not None:
        # In a cache that hands out what it holds, core has left a usage with a cost and no tokens.
        fields["usage_metadata"] = {**no_usage(), **message.usage_metadata}
    calls = fields.pop("tool_calls")
    broken = fields.pop("invalid_tool_calls")
    texts = [
        *((call["name"], json.dumps(call["args"]), call["id"]) for call in calls),
        *((call["name"], call["args"], call["id"]) for call in broken),
    ]
    chunk = AIMessageChunk(
        **fields,
        chunk_position="last",
        tool_call_chunks=[
            tool_call_chunk(name=name, args=args, id=call_id, index=index)
            for index, (name, args, call_id) in enumerate(texts)
        ],
    )
    # Not as they come out of their text again, but as they were.
    chunk.tool_calls = calls
    chunk.invalid_tool_calls = broken
    return chunk


def _snapshot(chunk: ChatGenerationChunk) -> ChatGenerationChunk:
    """Return a copy that neither core nor the reader of the stream can change."""
    message = chunk.message
    fields = {
        name: _copied(value)
        for name, value in message.__dict__.items()
        if value and not isinstance(value, str)
    }
    return chunk.model_copy(
        update={
            "message": message.model_copy(update=fields),
            "generation_info": _copied(chunk.generation_info),
        }
    )


def _copied(value: T) -> T:
    try:
        return copy.deepcopy(value)
    except Exception as error:  # noqa: BLE001 - an object that only the provider knows; no entry will hold it
        pass_on(error)
        return value


def _whole(
    chunks: list[ChatGenerationChunk], model: BaseChatModel, message_id: str | None
) -> list[Generation]:
    """Return the answer that these chunks are, as ``invoke`` would; nothing if they are not one."""
    for chunk in chunks:
        _tell_generation_info(chunk)
    last = chunks[-1].message
    if isinstance(last, AIMessageChunk) and not last.chunk_position:
        empty: Any = "" if isinstance(last.content, str) else []
        end = AIMessageChunk(content=empty, chunk_position="last")
        chunks.append(ChatGenerationChunk(message=end))
    try:
        [answer] = generate_from_stream(iter(chunks)).generations
    except Exception as error:  # noqa: BLE001 - chunks that do not add up to an answer
        pass_on(error)
        return []
    if model.output_version == "v1":
        answer.message = _with_blocks(answer.message)
    _tell_generation_info(answer)
    if answer.message.id is None:
        answer.message.id = message_id
    return [answer]


def _with_blocks(message: BaseMessage) -> BaseMessage:
    """Return a message with the content that ``output_version="v1"`` asks for."""
    metadata = message.response_metadata
    if all(isinstance(part, str) for part in message.content):
        # Older versions take a text, whole or in parts, for blocks if a chunk said already that
        # it has some.
        said = {name: value for name, value in metadata.items() if name != "output_version"}
        message = message.model_copy(update={"content": message.text, "response_metadata": said})
    return message.model_copy(
        update={
            "content": message.content_blocks,
            "response_metadata": {**metadata, "output_version": "v1"},
        }
    )


def _tell_generation_info(generation: ChatGeneration) -> None:
    message = generation.message
    message.response_metadata = {
        **(generation.generation_info or {}),
        **message.response_metadata,
    }
