"""Objects of langchain-core from plain data: built, not validated again.

What an entry holds was proven when it was written, so that what pydantic would do to it is
known: nothing. Here the same object is put together, at a third of the cost.

Rules of this file: a field of the wrong kind is refused, as pydantic refuses it in strict mode; a
class of which not all is understood is validated by pydantic.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from typing import (
    Any,
    Final,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

import orjson
from pydantic import BaseModel
from typing_extensions import (
    NotRequired,
    Required,
    get_type_hints,
    is_typeddict,
)

from langchain_llmcache._answer.entries import CorruptEntryError
from langchain_llmcache._signals import pass_on

M = TypeVar("M", bound=BaseModel)

Check: TypeAlias = Callable[[Any], bool]


class _Plan(NamedTuple):
    """How objects of a class are built.

    Attributes:
        defaults: The value of each field that is not given; of a required one, anything.
        factories: Makes the values of those that two objects must not share.
        required: The fields that must be given.
        checks: Tells of each field whether a value is of its kind.
        extra: Whether there may be others.
    """

    defaults: dict[str, Any]
    factories: tuple[tuple[str, Callable[[], Any]], ...]
    required: tuple[str, ...]
    checks: dict[str, Check]
    extra: bool


_PLANS: Final[dict[type[BaseModel], _Plan | None]] = {}


def build(cls: type[M], fields: dict[str, Any]) -> M:
    """Return an object with these fields. Takes their values over.

    Raises:
        CorruptEntryError: if one of them is of the wrong kind, or missing.
        ValidationError: the same, of a class that pydantic validates.
    """
    plan = plan_of(cls)
    if plan is None:
        return _validated(cls, fields)
    check_fields(plan, fields)
    for name in plan.required:
        if name not in fields:
            raise CorruptEntryError("a field is missing")
    state = plan.defaults | fields
    for name, factory in plan.factories:
        if name not in fields:
            state[name] = factory()
    extra: dict[str, Any] | None = None
    if plan.extra:
        extra = {}
        if len(state) > len(plan.defaults):
            extra = {name: state.pop(name) for name in fields if name not in plan.defaults}
    elif len(state) > len(plan.defaults):
        raise CorruptEntryError("a field that there is not")
    return _put_together(cls, state, set(fields), extra)


def _setter(name: str) -> Callable[[Any, Any], None]:
    """Return what sets one of the four slots of pydantic's objects."""
    slot: Any = vars(BaseModel).get(name)
    if slot is None:
        return lambda instance, value: object.__setattr__(instance, name, value)
    return slot.__set__  # type: ignore[no-any-return]  # in half the time


_new: Final = object.__new__
_set_state: Final = _setter("__dict__")
_set_given: Final = _setter("__pydantic_fields_set__")
_set_extra: Final = _setter("__pydantic_extra__")
_set_private: Final = _setter("__pydantic_private__")


def _put_together(
    cls: type[M], state: dict[str, Any], given: set[str], extra: dict[str, Any] | None
) -> M:
    instance = _new(cls)
    _set_state(instance, state)
    _set_given(instance, given)
    _set_extra(instance, extra)
    _set_private(instance, None)
    return instance


class Mould:
    """Makes objects that are equal to one, and share nothing with it that can change.

    Args:
        model: An object of langchain-core that was built here. Not to be changed any more.

    Raises:
        CannotCopy: if only pydantic knows what is in it, or it is quicker read anew.
    """

    __slots__ = ("_cls", "_copies", "_extra", "_given", "_state")

    def __init__(self, model: BaseModel) -> None:
        self._cls = type(model)
        if plan_of(self._cls) is None:
            raise CannotCopy
        extra = model.__pydantic_extra__
        self._given = model.__pydantic_fields_set__
        self._extra = None if extra is None else _copier(extra)
        self._state = dict(model.__dict__)
        # (What may change, and is none of these, has no copy.)
        self._copies = [
            (name, _copier(value))
            for name, value in self._state.items()
            if type(value) not in _PLAIN
            and (isinstance(value, (BaseModel, dict, list, tuple)) or copied(value) is not value)
        ]

    def __call__(self) -> Any:
        """Return such an object."""
        state = self._state.copy()
        for name, copy in self._copies:
            state[name] = copy()
        extra = None if self._extra is None else self._extra()
        return _put_together(self._cls, state, self._given.copy(), extra)


class CannotCopy(Exception):  # noqa: N818 - a signal between two functions
    """The object cannot be copied, or reading it again is quicker."""


def _copier(value: Any) -> Callable[[], Any]:
    """Return what returns copies of a value.

    Raises:
        CannotCopy: if it has no copies, or is too large for copies to be worth while.
    """
    if isinstance(value, BaseModel):
        return Mould(value)
    if type(value) is dict and _PLAIN.issuperset(map(type, value.values())):
        return value.copy  # as most are, and many are empty
    if type(value) is list and _PLAIN.issuperset(map(type, value)):
        return value.copy
    copied(value)
    if _containers(value) <= _FEW:
        return _tree_copier(value)
    try:
        text = orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except orjson.JSONEncodeError:
        return partial(copied, value)
    if len(text) > _MOST_BYTES:
        raise CannotCopy
    # Most of it is JSON, of which a new object takes less room than what copies each part.
    is_json = repr(orjson.loads(text)) == repr(value)
    return partial(orjson.loads, text) if is_json else partial(copied, value)


def _tree_copier(value: Any) -> Callable[[], Any]:
    """Return what copies containers, and leaves what is in them where it cannot change."""
    if not value:
        return type(value)  # many are, and nothing of this answer has to be looked at
    if type(value) is tuple:
        return partial(copied, value)
    places = value.items() if type(value) is dict else enumerate(value)
    parts = [(at, _tree_copier(part)) for at, part in places if type(part) in _CONTAINERS]
    copy: Callable[[], Any] = value.copy
    if not parts:
        return copy

    def tree() -> Any:
        made = copy()
        for at, part in parts:
            made[at] = part()
        return made

    return tree


def _containers(value: Any) -> int:
    if type(value) not in _CONTAINERS:
        return 0
    return 1 + sum(map(_containers, value.values() if type(value) is dict else value))


def copied(value: Any) -> Any:
    """Return data of an entry that share nothing with these that can change.

    Raises:
        CannotCopy: if there is something else in it.
    """
    kind = type(value)
    if kind is dict:
        return {name: copied(item) for name, item in value.items()}
    if kind is list or kind is tuple:
        return kind(map(copied, value))
    if not isinstance(value, _UNCHANGING):
        raise CannotCopy
    return value


# Of a part of an answer: more is read from its entry in little more time.
_MOST_BYTES: Final = 64 * 2**10
_UNCHANGING: Final = (
    str,
    int,
    float,
    type(None),
    bytes,
    date,
    time,
    timedelta,
    Decimal,
    UUID,
)
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_CONTAINERS: Final = frozenset({dict, list, tuple})
# Of containers in one value: what copies each of them takes room of its own.
_FEW: Final = 64


def check_fields(plan: _Plan, fields: Mapping[str, Any]) -> None:
    """Check that these fields are of the kinds that a class has.

    Raises:
        CorruptEntryError: if one of them is not.
    """
    checks = plan.checks
    for name, value in fields.items():
        check = checks.get(name)
        if check is not None and not check(value):
            raise CorruptEntryError("a field of the wrong kind")


def plan_of(cls: type[BaseModel]) -> _Plan | None:
    """Return how objects of a class are built, or None if pydantic is to do it."""
    try:
        return _PLANS[cls]
    except KeyError as error:
        pass_on(error)
        plan = _PLANS[cls] = _made_plan(cls)
        return plan


def _validated(cls: type[M], fields: dict[str, Any]) -> M:
    # What BaseModel.__init__ does, without the constructors on top of it.
    instance = cls.__new__(cls)
    cls.__pydantic_validator__.validate_python(fields, self_instance=instance)
    return instance


def _made_plan(cls: type[BaseModel]) -> _Plan | None:
    fields = cls.model_fields.items()
    checks = {name: _check_of(field.annotation) for name, field in fields}
    extra = cls.model_config.get("extra")
    if (
        cls.__private_attributes__
        or cls.__new__ is not _new
        or None in checks.values()
        or extra not in ("allow", "ignore")
        or any(isinstance(field.default, (dict, list, set)) for _, field in fields)
    ):
        return None
    return _Plan(
        defaults={name: None if field.is_required() else field.default for name, field in fields},
        factories=tuple(
            (name, typing.cast("Callable[[], Any]", field.default_factory))
            for name, field in fields
            if field.default_factory is not None
        ),
        required=tuple(name for name, field in fields if field.is_required()),
        checks=typing.cast("dict[str, Check]", checks),
        extra=extra == "allow",
    )


# --- kinds -------------------------------------------------------------------------------------


def _check_of(annotation: Any) -> Check | None:
    """Return what tells whether a value is of a type; None if that is not understood."""
    if annotation is Any:
        return _anything
    if annotation is None or annotation in _KINDS:
        return _of_types(frozenset({type(None) if annotation is None else annotation}))
    if is_typeddict(annotation):
        return _of_typed_dict(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return lambda value: isinstance(value, annotation)
    return _of_origin(get_origin(annotation), get_args(annotation))


_KINDS: Final = _PLAIN | {dict, list}


def _anything(_: Any) -> bool:
    return True


def _of_types(kinds: frozenset[type]) -> Check:
    return lambda value: type(value) in kinds


def _of_origin(origin: Any, arguments: tuple[Any, ...]) -> Check | None:
    if origin is dict:
        return _of_types(frozenset({dict}))
    if origin is Literal:
        return lambda value: type(value) is str and value in arguments
    if origin in (Required, NotRequired, typing.Annotated):
        return _check_of(arguments[0])
    if origin is list:
        return _of_list(arguments[0])
    if origin in (Union, types.UnionType):
        return _of_union(arguments)
    return None


def _of_list(item: Any) -> Check | None:
    kinds = _plain_kinds(item)
    if kinds is not None:
        return lambda value: type(value) is list and kinds.issuperset(map(type, value))
    check = _check_of(item)
    return check and (lambda value: type(value) is list and all(map(check, value)))


def _of_union(members: tuple[Any, ...]) -> Check | None:
    kinds = frozenset(_kind(member) for member in members if _is_plain(member))
    others = [_check_of(member) for member in members if not _is_plain(member)]
    if None in others:
        return None
    if not others:
        return _of_types(kinds)
    checks = typing.cast("list[Check]", others)
    return lambda value: type(value) in kinds or any(check(value) for check in checks)


def _plain_kinds(annotation: Any) -> frozenset[type] | None:
    """Return the types that a plain type or a union of such consists of."""
    union = get_origin(annotation) in (Union, types.UnionType)
    members = get_args(annotation) if union else (annotation,)
    return frozenset(map(_kind, members)) if all(map(_is_plain, members)) else None


def _is_plain(annotation: Any) -> bool:
    return _kind(annotation) in _PLAIN


def _kind(annotation: Any) -> Any:
    if annotation is None:
        return type(None)
    return dict if get_origin(annotation) is dict else annotation


def _of_typed_dict(cls: Any) -> Check | None:
    hints = get_type_hints(cls)
    checks = {name: _check_of(hint) for name, hint in hints.items()}
    if None in checks.values():
        return None
    required: frozenset[str] = cls.__required_keys__

    def check(value: Any) -> bool:
        return (
            type(value) is dict
            and required <= value.keys()
            and all(test(value[name]) for name, test in checks.items() if name in value)  # type: ignore[misc]
        )

    return check
