"""
TupleField: one named value of a tuple - its type, its default, and whether and how it travels.

A field stands on its class as a descriptor that answers only while the instance has no value of its own. So
an object that was made without ``__init__`` (a row that an object-relational mapper loads, an object off the
wire that lacked the field) still has every default. What an instance does have is in its ``__dict__``, and
nowhere else.

A field does not know how values look on a wire: `vortex.tuples.convert` does.
"""

from __future__ import annotations

import copy
import sys
import typing
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vortex.tuples.registry import tupleTypes

if TYPE_CHECKING:
    # A field stands where the annotation says int or str: to a type checker it fits everywhere.
    from typing import Any as _Anything
else:
    _Anything = object

__all__ = ["Namespace", "TupleField", "UnresolvedHint"]

# Values that nobody can change: they are shared by all instances, everything else is copied for each.
_UNCHANGING = (type(None), bool, int, float, complex, str, bytes, date, time, timedelta, Decimal, UUID, Enum)


class UnresolvedHint(TypeError):
    """The annotation of a field names something that cannot be found."""


class Namespace:
    """
    Where the names in a class's annotations are looked up.

    Args:
        cls: The class whose annotations they are.
        callerGlobals: The globals of the code that registered it. They count before the module's own where
            that is no importable module: a script, or a ``.tac`` file, which is run without a name.
        callerLocals: The locals of that code, for a class that is made in a function.
    """

    def __init__(
        self,
        cls: type[Any],
        callerGlobals: Mapping[str, Any] | None = None,
        callerLocals: Mapping[str, Any] | None = None,
    ) -> None:
        self._cls = cls
        self._globals = callerGlobals
        self._locals = callerLocals

    def names(self) -> dict[str, Any]:
        """Everything an annotation can mean now; later than the class, so classes after it are found too."""
        cls = self._cls
        names: dict[str, Any] = {
            other.__name__: other for _, other in tupleTypes() if other.__module__ == cls.__module__
        }
        module = sys.modules.get(cls.__module__)
        own = vars(module) if module is not None else {}
        caller = self._globals or {}
        isScript = cls.__module__ in ("__main__", "builtins")
        for more in (own, caller) if isScript else (caller, own):
            names.update(more)
        names.update(self._locals or {})
        names[cls.__name__] = cls
        return names


class TupleField(_Anything):  # type: ignore[misc]  # a base of type Any is the point, see above
    """
    One field of a `Tuple`.

    ``id: int = TupleField(key=True)`` says more than ``id: int`` does; ``id = TupleField()`` works too, and
    says nothing of the type.

    Args:
        default: The value of an instance that was given none. A list, dict or other changeable value is
            copied for each instance.
        factory: A function without arguments that makes the default, instead of *default*.
        key: Whether the field is (part of) what tells one record of this type from another.
        transport: Whether the field travels. One that does not is neither sent nor, if a peer sends it, read.
        encoder: Given the value (never None), what travels in its stead: anything that can travel.
        decoder: Given what travelled (never None), the value. It may raise any error to refuse it.
        comment: What the field means, for people.

    Raises:
        TypeError: If both *default* and *factory* are given.
    """

    def __new__(
        cls,
        *,
        default: Any = None,
        factory: Callable[[], Any] | None = None,
        key: bool = False,
        transport: bool = True,
        encoder: Callable[[Any], Any] | None = None,
        decoder: Callable[[Any], Any] | None = None,
        comment: str = "",
    ) -> Any:
        return object.__new__(cls)

    def __init__(
        self,
        *,
        default: Any = None,
        factory: Callable[[], Any] | None = None,
        key: bool = False,
        transport: bool = True,
        encoder: Callable[[Any], Any] | None = None,
        decoder: Callable[[Any], Any] | None = None,
        comment: str = "",
    ) -> None:
        if factory is not None and default is not None:
            raise TypeError("a field has a default or a factory, not both")
        self.name: str = ""
        self.default: Any = default
        self.factory: Callable[[], Any] | None = factory
        self.key: bool = key
        self.transport: bool = transport
        self.encoder: Callable[[Any], Any] | None = encoder
        self.decoder: Callable[[Any], Any] | None = decoder
        self.comment: str = comment
        # What a mapper adds: whether the column may be null, and the last touch to a value off the wire.
        self.isMapped: bool = False
        self.nullable: bool | None = None
        self.adapter: Callable[[Any], Any] | None = None
        self._annotation: Any = Any
        self._namespace: Namespace | None = None
        self._className: str = ""
        self._isShared = factory is None and _isUnchanging(default)

    def __set_name__(self, owner: type[Any], name: str) -> None:
        if not self.name:
            self.name = name
            self._className = owner.__qualname__

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        if self._isShared:
            return self.default
        value = instance.__dict__[self.name] = self.makeDefault()
        return value

    def __repr__(self) -> str:
        return f"<TupleField {self._className}.{self.name}>" if self.name else "<TupleField>"

    @property
    def isShared(self) -> bool:
        """Whether all instances can share the one default: it never changes."""
        return self._isShared

    def makeDefault(self) -> Any:
        """A default for one instance, its own where it could be changed."""
        if self.factory is not None:
            return self.factory()
        return self.default if self._isShared else copy.deepcopy(self.default)

    def copied(self, **changes: Any) -> TupleField:
        """Another field like this one, without a name or a type yet, with some of its arguments changed."""
        arguments: dict[str, Any] = {
            "default": self.default,
            "factory": self.factory,
            "key": self.key,
            "transport": self.transport,
            "encoder": self.encoder,
            "decoder": self.decoder,
            "comment": self.comment,
        }
        field: TupleField = TupleField(**{**arguments, **changes})
        return field

    def annotate(self, annotation: Any, cls: type[Any], namespace: Namespace) -> None:
        """Note the type, as it stands in the code of *cls*: it is looked up when first needed."""
        self._annotation = annotation
        self._namespace = namespace
        self._className = cls.__qualname__

    def giveHint(self, hint: Any) -> None:
        """Note the type, as an object: there is nothing to look up."""
        self._annotation = hint
        self._namespace = None

    def annotateLike(self, other: TupleField) -> None:
        """Have the type that *other* has."""
        self._annotation = other._annotation
        self._namespace = other._namespace

    @property
    def hint(self) -> Any:
        """
        The type of the field, as an object; Any if nothing is known.

        Raises:
            UnresolvedHint: If the annotation names something that cannot be found.
        """
        if self._namespace is not None:
            try:
                self._annotation = _resolve(self._annotation, self._namespace.names())
            except Exception as exc:
                raise UnresolvedHint(
                    f"the type of {self._className}.{self.name} cannot be made out of "
                    f"{self._annotation!r}: {exc}"
                ) from exc
            self._namespace = None  # it may hold the locals of a whole function
        return self._annotation


def _resolve(annotation: Any, names: dict[str, Any]) -> Any:
    if annotation is None:
        return type(None)
    annotated = type("_Annotated", (), {"__annotations__": {"it": annotation}})
    return typing.get_type_hints(annotated, globalns={}, localns=names)["it"]


def _isUnchanging(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_isUnchanging, value))
    return isinstance(value, _UNCHANGING)
