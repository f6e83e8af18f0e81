"""Runnables that hold chat models, or make them when they are asked: the same with other models.

Bound and retried models, fallbacks, ``configurable_fields``, ``configurable_alternatives``, and
what LangChain's ``init_chat_model(configurable_fields=...)`` returns.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeAlias

from langchain_core.runnables import Runnable, RunnableWithFallbacks
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.configurable import (
    RunnableConfigurableAlternatives,
    RunnableConfigurableFields,
)

Wrap: TypeAlias = Callable[[Any], Any]

# Where LangChain keeps the class of configurable models, which has no public name.
_CONFIGURABLE: Final = frozenset(
    {"langchain.chat_models.base", "langchain_classic.chat_models.base"}
)


def with_models_wrapped(runnable: Runnable[Any, Any], wrap: Wrap) -> Any:
    """Return a copy in which ``wrap`` was applied to all models; None if it is not known to hold any.

    Args:
        runnable: What may hold models. It stays as it is.
        wrap: Returns what stands in a model's place.
    """
    if isinstance(runnable, RunnableBindingBase):
        return runnable.model_copy(update={"bound": wrap(runnable.bound)})
    if isinstance(runnable, RunnableConfigurableFields):
        return runnable.model_copy(update={"default": wrap(runnable.default)})
    if isinstance(runnable, RunnableConfigurableAlternatives):
        others = {key: _later(each, wrap) for key, each in runnable.alternatives.items()}
        return runnable.model_copy(
            update={"default": wrap(runnable.default), "alternatives": others}
        )
    if isinstance(runnable, RunnableWithFallbacks):
        return runnable.model_copy(
            update={
                "runnable": wrap(runnable.runnable),
                "fallbacks": [wrap(each) for each in runnable.fallbacks],
            }
        )
    if _is_configurable(type(runnable)):
        return _configurable(runnable, wrap)
    return None


def _later(alternative: Any, wrap: Wrap) -> Any:
    """Return an alternative wrapped; one that is made when it is asked for, when it is made."""
    if isinstance(alternative, Runnable):
        return wrap(alternative)
    return functools.partial(_made, alternative, wrap)


def _made(make: Callable[[], Any], wrap: Wrap) -> Any:
    return wrap(make())


# --- init_chat_model(configurable_fields=...) ------------------------------------------------


def _is_configurable(cls: type[Any]) -> bool:
    return any(
        base.__name__ == "_ConfigurableModel" and base.__module__ in _CONFIGURABLE
        for base in cls.__mro__
    )


class _Configurable:
    """What stands in front of LangChain's class: the models that it makes are wrapped."""

    _llmcache: tuple[type[Any], Wrap]

    def _model(self, config: Any = None) -> Any:
        base, wrap = self._llmcache
        # Before what was queued: of a model with tools, or with a parser behind it, it is the model
        # that is wrapped.
        plain = _state_in(base, {**_state_of(self), _QUEUE: []})
        model = wrap(plain._model(config))  # noqa: SLF001 - its base's
        for name, arguments, options in getattr(self, _QUEUE):
            model = getattr(model, name)(*arguments, **options)
        return model

    def with_config(self, *arguments: Any, **options: Any) -> Any:
        return self._still_wrapped(super().with_config(*arguments, **options))  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            # Not of the model that would be made: copies and pickles are of this object.
            raise AttributeError(name)
        found = super().__getattr__(name)  # type: ignore[misc]
        if not callable(found):
            return found

        @functools.wraps(found)
        def call(*arguments: Any, **options: Any) -> Any:
            return self._still_wrapped(found(*arguments, **options))

        return call

    def _still_wrapped(self, result: Any) -> Any:
        base, wrap = self._llmcache
        return _configurable(result, wrap) if type(result) is base else result

    def __reduce__(self) -> tuple[Any, ...]:
        base, wrap = self._llmcache
        return _again, (base, _state_of(self), wrap)


_QUEUE: Final = "_queued_declarative_operations"


def _configurable(model: Any, wrap: Wrap) -> Any:
    known = vars(model).get("_llmcache")
    return _again(type(model) if known is None else known[0], _state_of(model), wrap)


def _again(base: Any, state: dict[str, Any], wrap: Wrap) -> Any:
    return _state_in(_class_over(base), {**state, "_llmcache": (base, wrap)})


def _state_of(model: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(model).items() if name != "_llmcache"}


def _state_in(cls: type[Any], state: dict[str, Any]) -> Any:
    # Without a constructor: its ``__getattr__`` wants the state to be there from the beginning.
    model = object.__new__(cls)
    model.__dict__.update(state)
    return model


@functools.cache
def _class_over(base: Hashable) -> type[Any]:
    # It goes by its base's name.
    own: Any = base
    return type(own.__name__, (_Configurable, own), {"__module__": own.__module__})
