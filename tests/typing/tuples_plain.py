"""
What a type checker knows of Tuples.

Checked, not run: a line with an ignore must be an error, or mypy says that the ignore is not needed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar, assert_type

from vortex import Tuple, TupleField, addTupleType, registerFieldType
from vortex.tuples import describe, fieldsOf, presentFields


@addTupleType
class Job(Tuple):
    __tupleType__ = "typing.Job"

    id: int = TupleField(key=True)
    title: str
    cost: float = 0.0
    tags: list[str] = TupleField(factory=list)
    due: datetime | None = TupleField(default=None, comment="in UTC")
    friend: Job | None = None
    loose = TupleField()
    count: ClassVar[int] = 0


@addTupleType
class Urgent(Job):
    __tupleType__ = "typing.Urgent"
    deadline: datetime | None = None


# ---- the fields are keywords of their types; those without a default have to be given
job = Job(
    id=1, title="Water", tags=["garden"], due=datetime(2024, 1, 1, tzinfo=UTC), friend=Job(id=2, title="")
)
urgent = Urgent(id=1, title="Water", deadline=None)
Job(title="Water")  # type: ignore[call-arg]
Job(id=1)  # type: ignore[call-arg]
Job(id="1", title="Water")  # type: ignore[arg-type]
Job(1, "Water")  # type: ignore[call-arg]
Job(id=1, titel="Water")  # type: ignore[call-arg]
Job(id=1, title="Water", count=1)  # type: ignore[call-arg]

# ---- the attributes are of their types; one without an annotation may be anything
assert_type(job, Job)
assert_type(job.id, int)
assert_type(job.tags, list[str])
assert_type(job.due, datetime | None)
assert_type(urgent.title, str)
assert_type(job.friend, Job | None)
assert_type(job.loose, Any)
job.title = "x"
job.loose = 5
job.title = 5  # type: ignore[assignment]
_ = job.titel  # type: ignore[attr-defined]

# ---- the decorator gives the class back as it was
cls: type[Job] = Job
assert_type(Job.tupleType(), str)


@addTupleType
class NoTuple:  # type: ignore[type-var]
    pass


# ---- what tells about classes and instances takes Tuples
assert_type(presentFields(job), frozenset[str])
assert_type(fieldsOf(Job), dict[str, TupleField])
assert_type(describe(Job).fields[0].name, str)
presentFields(5)  # type: ignore[arg-type]


# ---- an encoder and a decoder are of the type they are for
class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


registerFieldType(Money, lambda money: money.cents, Money)
registerFieldType(Money, lambda money: money.euros, Money)  # type: ignore[attr-defined]
registerFieldType(Money, lambda money: money.cents, lambda value: "5")  # type: ignore[arg-type, return-value]
