"""
What a type checker knows of Tuples that SQLAlchemy maps.

Checked, not run: a line with an ignore must be an error, or mypy says that the ignore is not needed.
"""

from __future__ import annotations

from typing import assert_type

from sqlalchemy import ForeignKey, select
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    Session,
    mapped_column,
    relationship,
)

from vortex import Tuple, TupleField, addTupleType
from vortex.tuples import presentFields


class Base(DeclarativeBase):
    pass


@addTupleType
class Job(Tuple, Base):
    __tupleType__ = "typing.mapped.Job"
    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(default="")
    secret: Mapped[str | None] = mapped_column(info={"tupleField": TupleField(transport=False)})
    steps: Mapped[list[Step]] = relationship(back_populates="job")
    mood: str = TupleField(default="calm")


@addTupleType
class Step(Base, Tuple):
    __tupleType__ = "typing.mapped.Step"
    __tablename__ = "step"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"))
    job: Mapped[Job] = relationship(back_populates="steps")


# ---- columns, relationships and fields are keywords; what they are called is checked
job = Job(id=1, title="Water", mood="eager")
step = Step(job=job)
Job(titel="Water")  # type: ignore[call-arg]
Job(title="Water", mood=5)  # type: ignore[arg-type]

# ---- an attribute is a value on an instance and a column on the class
assert_type(job.id, int)
assert_type(job.secret, str | None)
assert_type(job.mood, str)
assert_type(job.steps, list[Step])
assert_type(Job.title, InstrumentedAttribute[str])
job.title = "x"
job.title = 5  # type: ignore[assignment]


def titles(session: Session) -> list[str]:
    return [row.title for row in session.scalars(select(Job).where(Job.id > 1))]


assert_type(presentFields(job), frozenset[str])
