"""
Tuple: the base of everything typed that travels, and addTupleType, which finishes such a class.

    @addTupleType
    class Job(Tuple):
        __tupleType__ = "demo.Job"      # its name on the wire
        id: int                         # a field; None until given
        title: str = ""                 # a field with a default
        tags: list[str] = []            # each instance has a list of its own
        note = TupleField(comment="...")

Fields are the annotated names and the TupleFields of the class and of the Tuples it derives from: those of
the bases first, and one that is declared again keeps its place. Names that begin with ``_`` and ClassVars are
no fields. A class that SQLAlchemy maps is read by `vortex.orm.mapped_tuple` instead: its fields are its
columns, and beside them only what is a TupleField explicitly.

How a tuple looks on a wire is not known here: see `vortex.tuples.convert`.
"""

from __future__ import annotations

import builtins
import difflib
import inspect
import keyword
import re
import reprlib
import sys
import typing
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, dataclass_transform

from vortex.tuples.field import Namespace, TupleField
from vortex.tuples.registry import readerOf, registerTupleType

__all__ = ["Tuple", "addTupleType", "fieldsOf", "isMapped", "presentFields"]

_TupleClass = TypeVar("_TupleClass", bound="type[Tuple]")

_CLASS_VAR = re.compile(r"\s*(\w+\s*\.\s*)*ClassVar\b")


class _Missing:
    """What a generated ``__init__`` has for what it was not given."""

    def __repr__(self) -> str:
        return "<default>"


_MISSING = _Missing()


@dataclass_transform(kw_only_default=True, field_specifiers=(TupleField,))
class Tuple:
    """
    A record with named fields that can travel between vortexes.

    Its ``__init__`` takes every field by keyword; one that is not given has its default, or None. Two tuples
    of one class are equal if their fields are, unless the class says otherwise; mapped classes keep their
    identity.

    Attributes:
        __tupleType__: The name of the class on the wire, as ``"demo.Job"``: unique in the process.
        __tupleFields__: The fields by name, in order. `addTupleType` fills it.

    Raises:
        TypeError: If a keyword is no field.
    """

    __tupleType__: ClassVar[str]
    __tupleFields__: ClassVar[dict[str, TupleField]]
    # For classes that SQLAlchemy maps: fields beside the columns are annotated with their own type, not
    # Mapped.
    __allow_unmapped__: ClassVar[bool] = True

    def __init__(self, **values: Any) -> None:
        cls = type(self)
        fields = fieldsOf(cls)
        mapped = isMapped(cls)
        for name, value in values.items():
            if name not in fields and not (mapped and not name.startswith("_") and hasattr(cls, name)):
                raise _unknownField(cls, name)
            setattr(self, name, value)
        for name, field in fields.items():
            if not field.isMapped and not field.isShared and name not in values:
                setattr(self, name, field.makeDefault())

    @classmethod
    def tupleType(cls) -> str:
        """The name of the class on the wire."""
        return cls.__tupleType__

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        # What a mapper has not loaded is not shown: printing something must never ask the database.
        has = self.__dict__
        values = ", ".join(
            f"{name}={getattr(self, name)!r}"
            for name, field in fieldsOf(type(self)).items()
            if not field.isMapped or name in has
        )
        return f"{type(self).__name__}({values})"


def addTupleType(cls: _TupleClass) -> _TupleClass:
    """
    Class decorator: find the fields of *cls*, and let its ``__tupleType__`` stand for it on the wire.

    Types in annotations are looked up when they are first needed, so a field may be of its own class or of
    one that comes later.

    Raises:
        DuplicateName: If the name stands for another class already.
        TypeError: If *cls* is no Tuple, has no ``__tupleType__`` of its own, or has a field with an
            impossible name.
    """
    given: Any = cls
    if not (isinstance(given, type) and issubclass(given, Tuple)):
        raise TypeError(f"addTupleType needs a class derived from Tuple, got {cls!r}")
    name: object = vars(cls).get("__tupleType__")
    if not (isinstance(name, str) and name):
        inherited = getattr(cls, "__tupleType__", None)
        whose = f" (that of its base is {inherited!r})" if name is None and inherited else ""
        raise TypeError(
            f"{cls.__module__}.{cls.__qualname__} needs a __tupleType__ of its own{whose}: "
            f'the name of the class on the wire, as in __tupleType__ = "demo.{cls.__name__}"'
        )
    caller = sys._getframe(1)
    callerLocals = None if caller.f_locals is caller.f_globals else dict(caller.f_locals)
    _finish(cls, Namespace(cls, caller.f_globals, callerLocals))
    registerTupleType(name, cls)
    return cls


def fieldsOf(cls: type[Tuple]) -> dict[str, TupleField]:
    """The fields of *cls* by name, in order; a class that was never decorated is finished first."""
    fields: dict[str, TupleField] | None = vars(cls).get("__tupleFields__")
    return fields if fields is not None else _finish(cls, Namespace(cls))


def isMapped(cls: type[Any]) -> bool:
    """Whether something else, such as SQLAlchemy, keeps the values of the instances of *cls*."""
    return readerOf(cls) is not None


def presentFields(tuple_: Tuple) -> frozenset[str]:
    """
    The fields that *tuple_* has values of its own for.

    Of an object that came off a wire these are the fields that were on it: what an update should touch. Of
    one made in Python they are those that were set; a default that can be changed counts from when it is
    first read. Of a mapped row, ask before a commit: it makes the row forget what it held.
    """
    has = tuple_.__dict__
    return frozenset(name for name in fieldsOf(type(tuple_)) if name in has)


# ---- finishing a class


def _finish(cls: type[Tuple], namespace: Namespace) -> dict[str, TupleField]:
    """Collect the fields of *cls*, put them on it, and give it what a Tuple needs."""
    reader = readerOf(cls)
    fields: dict[str, TupleField] = {} if reader is None else dict(reader.fields(cls))
    for base in cls.__mro__[-1:0:-1]:
        if base is Tuple or base is object:
            continue
        if issubclass(base, Tuple):
            inherited = fieldsOf(base)
        else:
            inherited = {name: value for name, value in vars(base).items() if _isField(value)}
        for name, field in inherited.items():
            if reader is None or (not field.isMapped and name not in fields):
                fields[name] = field
    for name, field in _ownFields(cls, fields, namespace, annotated=reader is None).items():
        _checkName(cls, name)
        fields[name] = field
        if vars(cls).get(name) is not field:
            # Not through the metaclass: a declarative one would look for a column.
            type.__setattr__(cls, name, field)
    for name, field in fields.items():
        if not field.isMapped and not _isField(found := inspect.getattr_static(cls, name)):
            raise TypeError(
                f"the field {name!r} of {cls.__qualname__} is hidden by {found!r}: rename one of them"
            )
    type.__setattr__(cls, "__tupleFields__", fields)
    if reader is None:
        _giveInit(cls, fields)
        if cls.__eq__ in (object.__eq__, _equals):
            type.__setattr__(cls, "__eq__", _equals)
            if cls.__hash__ is object.__hash__:
                type.__setattr__(cls, "__hash__", None)
    return fields


def _isField(value: Any) -> bool:
    return type(value) is TupleField


def _ownFields(
    cls: type[Tuple], inherited: dict[str, TupleField], namespace: Namespace, *, annotated: bool
) -> dict[str, TupleField]:
    """The fields in the body of *cls*, in its order: with *annotated* not only the explicit TupleFields."""
    annotations = _annotations(cls)
    body = vars(cls)
    fields: dict[str, TupleField] = {}
    for name in _inOrder(annotations, body):
        if name.startswith("_"):
            continue
        value = body.get(name, _MISSING)
        isAnnotated = name in annotations and not _isClassVar(annotations[name])
        if _isField(value):
            field = value
        elif hasattr(type(value), "__get__"):  # a method, a property, a column
            continue
        elif name in inherited and (annotated or value is not _MISSING):
            changes = {} if value is _MISSING else {"default": value, "factory": None}
            field = inherited[name].copied(**changes)
        elif annotated and isAnnotated:
            field = TupleField(default=None if value is _MISSING else value)
        else:
            continue
        field.__set_name__(cls, name)
        if isAnnotated:
            field.annotate(annotations[name], cls, namespace)
        elif name in inherited and not _isField(value):
            field.annotateLike(inherited[name])
        fields[name] = field
    return fields


def _annotations(cls: type[Any]) -> dict[str, Any]:
    """The annotations in the body of *cls*, not of its bases; what cannot be found yet stays a name."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _inOrder(annotations: dict[str, Any], body: typing.Mapping[str, Any]) -> list[str]:
    """Names as they stand in the class, as far as is known: annotations and values have an order each."""
    ordered: dict[str, None] = {}
    unannotated = [name for name in body if name not in annotations]
    for name in annotations:
        if name in body:
            before = list(body)[: list(body).index(name)]
            ordered.update(dict.fromkeys(other for other in before if other not in annotations))
        ordered[name] = None
    ordered.update(dict.fromkeys(unannotated))
    return list(ordered)


def _isClassVar(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return _CLASS_VAR.match(annotation) is not None
    return annotation is ClassVar or typing.get_origin(annotation) is ClassVar


def _checkName(cls: type[Tuple], name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise TypeError(f"{name!r} is no name for a field of {cls.__qualname__}")
    if name in vars(Tuple) or name == "self":
        raise TypeError(
            f"a field of {cls.__qualname__} cannot be called {name!r}: every Tuple has that already"
        )


def _equals(self: Tuple, other: Any) -> Any:
    """Whether both are of one class and have equal fields."""
    if type(other) is not type(self):
        return NotImplemented
    names = fieldsOf(type(self)).keys()
    return [getattr(self, name) for name in names] == [getattr(other, name) for name in names]


def _unknownField(cls: type[Tuple], name: str) -> TypeError:
    names = list(fieldsOf(cls))
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = f"its fields are {', '.join(names)}" if names else "it has no fields"
    return TypeError(f"{cls.__qualname__} has no field {name!r}: {hint}")


# ---- the generated __init__


def _giveInit(cls: type[Tuple], fields: dict[str, TupleField]) -> None:
    """Compile an ``__init__`` for *cls*, unless the class or a base of it has written one."""
    current: Any = cls.__init__
    if current is not Tuple.__init__ and not hasattr(current, "__tupleSource__"):
        return
    parameters = "".join(f", {name}=_MISSING" for name in fields)
    lines = [f"def __init__(self{', *' if fields else ''}{parameters}, **_unknown):"]
    lines.append("    _has = self.__dict__")
    for name, field in fields.items():
        lines.append(f"    if {name} is not _MISSING:")
        lines.append(f"        _has[{name!r}] = {name}")
        if not field.isShared:
            lines.append("    else:")
            lines.append(f"        _has[{name!r}] = _fields[{name!r}].makeDefault()")
    lines.append("    if _unknown:")
    lines.append("        _more(self, _unknown)")
    source = "\n".join(lines) + "\n"
    names: dict[str, Any] = {"_MISSING": _MISSING, "_fields": fields, "_more": _more}
    names["__builtins__"] = vars(builtins)
    exec(compile(source, f"<vortex: {cls.__qualname__}.__init__>", "exec"), names)
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    init.__tupleSource__ = source  # type: ignore[attr-defined]
    type.__setattr__(cls, "__init__", init)


def _more(self: Tuple, unknown: dict[str, Any]) -> None:
    """Keywords that a generated ``__init__`` does not know: fields of a class derived later, or mistakes."""
    fields = fieldsOf(type(self))
    for name, value in unknown.items():
        if name not in fields:
            raise _unknownField(type(self), name)
        self.__dict__[name] = value
