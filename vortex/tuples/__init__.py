"""Floor 0: what travels. Tuples and their fields, the names of their types, and how values become JSON."""

from __future__ import annotations

from vortex.tuples.action_tuples import TupleAction, TupleGenericAction, TupleUpdateAction
from vortex.tuples.change import TupleChange
from vortex.tuples.convert import (
    TAGGED,
    TAGGED_ERA0,
    Dialect,
    NonFinite,
    Reading,
    WellKnownBinary,
    compiledSource,
    fromJsonable,
    registerComposite,
    registerFieldType,
    toJsonable,
)
from vortex.tuples.field import TupleField
from vortex.tuples.registry import readFieldsWith, tupleTypeNamed, tupleTypes
from vortex.tuples.schema import FieldSchema, TupleSchema, describe
from vortex.tuples.selector import TupleSelector
from vortex.tuples.tuple import Tuple, addTupleType, fieldsOf, isMapped, presentFields

__all__ = [
    "TAGGED",
    "TAGGED_ERA0",
    "Dialect",
    "FieldSchema",
    "NonFinite",
    "Reading",
    "Tuple",
    "TupleAction",
    "TupleChange",
    "TupleField",
    "TupleGenericAction",
    "TupleSchema",
    "TupleSelector",
    "TupleUpdateAction",
    "WellKnownBinary",
    "addTupleType",
    "compiledSource",
    "describe",
    "fieldsOf",
    "fromJsonable",
    "isMapped",
    "presentFields",
    "readFieldsWith",
    "registerComposite",
    "registerFieldType",
    "toJsonable",
    "tupleTypeNamed",
    "tupleTypes",
]
