"""
Database errors: what a peer may know of them, which is never SQL, a path or a driver's own words.

    what happened                                        becomes                 and its code
    ---------------------------------------------------  ----------------------  --------------------
    a constraint of the database refuses the rows        ConstraintViolation     constraint-violation
    the row was changed by someone else meanwhile        StaleRecord             stale-record
    a value that its column cannot hold                  DecodeError             bad-payload
    the database is away, full, locked or too busy       DatabaseUnavailable     database-unavailable
    anything else: a missing table, a wrong statement    stays as it is          internal, and an id

A message names a field only if it is a column that the handler's classes map.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import exc
from sqlalchemy.orm.exc import ObjectDeletedError, StaleDataError

from vortex.errors import (
    ConstraintViolation,
    DatabaseUnavailable,
    DecodeError,
    StaleRecord,
    UnknownRecord,
    VortexError,
)

__all__ = ["asVortexError"]

# SQLite's result codes that say nothing about the statement: it may work the next time.
_SQLITE_AWAY = ("BUSY", "LOCKED", "CANTOPEN", "IOERR", "FULL", "READONLY", "PROTOCOL", "NOMEM", "INTERRUPT")
# PostgreSQL: connection, resources, operator intervention, I/O; deadlock, no lock to be had.
_SQLSTATE_AWAY = ("08", "53", "57", "58", "40P01", "55P03")
_SERIALIZATION = "40001"
_SQLITE_CONSTRAINT = re.compile(
    r"(UNIQUE|NOT NULL|FOREIGN KEY|CHECK) constraint failed(?:: (.*))?\Z", re.DOTALL
)
_KEY_DETAIL = re.compile(r"\(([^()]*)\)=\(")
_SQLSTATE_CONSTRAINT = {"23505": "UNIQUE", "23502": "NOT NULL", "23503": "FOREIGN KEY", "23514": "CHECK"}


def asVortexError(error: BaseException, fieldNames: Mapping[str, str]) -> VortexError | None:
    """
    What to tell a peer of *error*; None if it is none of the above, and the peer learns nothing.

    Args:
        error: What SQLAlchemy or the driver below it raised.
        fieldNames: ``"table.column"`` to the name of the field, for what may be named.
    """
    match error:
        case StaleDataError():
            return StaleRecord("somebody else has changed the record meanwhile: load it again")
        case ObjectDeletedError():
            return UnknownRecord("somebody else has deleted the record meanwhile")
        case exc.IntegrityError():
            return _constraint(error.orig, fieldNames)
        case exc.TimeoutError():
            return _away()
        case exc.DataError():
            return DecodeError("the database cannot hold one of the values: too long, or out of range")
        case exc.DBAPIError() if error.connection_invalidated:
            return _away()
        case exc.DBAPIError() if _isBinding(error.orig):
            return _misfit()
        case exc.OperationalError() | exc.InterfaceError() | exc.InternalError():
            return _operational(error.orig)
        case exc.StatementError() if not isinstance(error, exc.DBAPIError):
            return _misfit()
        case OverflowError() | UnicodeError() if _isFromDriver(error):
            return _misfit()
        case _:
            return None


def _away() -> DatabaseUnavailable:
    return DatabaseUnavailable("the database cannot do this at the moment: try again")


def _misfit() -> DecodeError:
    return DecodeError("the database cannot hold one of the values: it does not fit its column")


def _isBinding(orig: BaseException | None) -> bool:
    """Whether SQLite has no form for a value; it says so in two ways, by its version."""
    return type(orig).__module__ == "sqlite3" and str(orig).startswith("Error binding parameter")


def _isFromDriver(error: BaseException) -> bool:
    """Whether *error*, of a kind that any code may raise, comes from where values go to the database."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return module.partition(".")[0] in ("sqlalchemy", "psycopg", "psycopg_binary", "sqlite3")


def _operational(orig: BaseException | None) -> VortexError | None:
    sqlite = getattr(orig, "sqlite_errorname", None)
    if isinstance(sqlite, str):
        return _away() if sqlite.removeprefix("SQLITE_").startswith(_SQLITE_AWAY) else None
    state = _sqlstate(orig)
    if state == _SERIALIZATION:
        return StaleRecord("somebody else has changed the same data meanwhile: try again")
    if state is None or str(state).startswith(_SQLSTATE_AWAY):
        return _away()  # a driver has no state for what never reached the database
    return None


def _constraint(orig: BaseException | None, fieldNames: Mapping[str, str]) -> ConstraintViolation:
    kind, columns = _sqliteConstraint(orig) or _postgresConstraint(orig) or ("", ())
    names = [fieldNames[column] for column in columns if column in fieldNames]
    which = ", ".join(names) if len(names) == len(columns) else ""
    match kind:
        case "UNIQUE" if which:
            return ConstraintViolation(f"another record has the same {which}")
        case "UNIQUE":
            return ConstraintViolation("another record has the same value where each needs its own")
        case "NOT NULL":
            return ConstraintViolation(f"{which or 'a field that needs a value'} must not be null")
        case "FOREIGN KEY":
            return ConstraintViolation(
                "it refers to a record that is not there, or is still referred to itself"
            )
        case _:
            return ConstraintViolation("the database has a rule that the record does not keep")


def _sqliteConstraint(orig: BaseException | None) -> tuple[str, Sequence[str]] | None:
    found = _SQLITE_CONSTRAINT.match(str(orig))
    if found is None:
        return None
    isColumns = found[1] in ("UNIQUE", "NOT NULL") and found[2]
    return found[1], found[2].split(", ") if isColumns else ()


def _postgresConstraint(orig: BaseException | None) -> tuple[str, Sequence[str]] | None:
    kind = _SQLSTATE_CONSTRAINT.get(_sqlstate(orig) or "")
    if kind is None:
        return None
    diagnosis: Any = getattr(orig, "diag", None)
    table = getattr(diagnosis, "table_name", None)
    column = getattr(diagnosis, "column_name", None)
    if column:
        return kind, (f"{table}.{column}",)
    # The constraint's own name means nothing to a peer; the columns stand in the detail, in every language.
    found = _KEY_DETAIL.search(getattr(diagnosis, "message_detail", None) or "")
    return kind, [f"{table}.{name}" for name in found[1].split(", ")] if found is not None else ()


def _sqlstate(orig: BaseException | None) -> str | None:
    return getattr(orig, "sqlstate", None) or getattr(orig, "pgcode", None)
