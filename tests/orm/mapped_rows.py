"""Mapped classes of many kinds, and an empty database in memory that has tables for them."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Engine,
    ForeignKey,
    Integer,
    Numeric,
    String,
    Text,
    create_engine,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.ext.associationproxy import association_proxy
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    column_property,
    declarative_base,
    declared_attr,
    deferred,
    mapped_column,
    relationship,
    synonym,
    validates,
)

from vortex.tuples import (
    Tuple,
    TupleField,
    addTupleType,
)

__all__ = [
    "Animal",
    "Base",
    "Cat",
    "Colour",
    "Dog",
    "Job",
    "LegacyBase",
    "OldFirst",
    "OldLast",
    "Step",
    "engine",
]


class Base(DeclarativeBase):
    pass


LegacyBase: Any = declarative_base()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Stamped:
    by: Mapped[str | None]

    @declared_attr
    def at(cls) -> Mapped[datetime | None]:
        return mapped_column(DateTime(timezone=True))


@addTupleType
class Job(Tuple, Stamped, Base):
    __tupleType__ = "test_mapped.Job"
    __tablename__ = "job"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column("ttl", String(20), default="untitled", comment="what to do")
    due: Mapped[datetime | None] = mapped_column()
    colour: Mapped[Colour | None] = mapped_column()
    cost: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    data: Mapped[Any] = mapped_column(JSON, nullable=True)
    token: Mapped[UUID | None] = mapped_column()
    made: Mapped[str] = mapped_column(server_default=text("'here'"))
    secret: Mapped[str] = mapped_column(default="", info={"tupleField": TupleField(transport=False)})
    long = deferred(Column(Text))

    steps: Mapped[list[Step]] = relationship(back_populates="job")
    numbers = association_proxy("steps", "number")
    heading = synonym("title")
    answer = column_property(literal(42))
    counted: Mapped[int] = column_property(select(func.count()).scalar_subquery())

    mood: str = TupleField(default="calm")
    notes: list[str] = TupleField(default=[])
    helper: int = 3

    @hybrid_property
    def loud(self) -> str:
        return self.title.upper()

    @validates("title")
    def _checkTitle(self, key: str, title: str) -> str:
        if title == "swordfish":
            raise ValueError("that is the password")
        return title


@addTupleType
class Step(Base, Tuple):
    __tupleType__ = "test_mapped.Step"
    __tablename__ = "step"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    number: Mapped[int] = mapped_column(default=0)
    job: Mapped[Job | None] = relationship(back_populates="steps")

    mood: str = TupleField(default="eager")


@addTupleType
class Animal(Tuple, Base):
    __tupleType__ = "test_mapped.Animal"
    __tablename__ = "animal"
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    mood: str = TupleField(default="calm")


@addTupleType
class Dog(Animal):
    __tupleType__ = "test_mapped.Dog"
    __tablename__ = "dog"
    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey("animal.id"), primary_key=True)
    breed: Mapped[str | None]


@addTupleType
class Cat(Animal):
    __tupleType__ = "test_mapped.Cat"
    __mapper_args__ = {"polymorphic_identity": "cat"}  # noqa: RUF012

    lives: Mapped[int | None] = mapped_column(use_existing_column=True)


@addTupleType
class OldFirst(Tuple, LegacyBase):  # type: ignore[misc]
    __tupleType__ = "test_mapped.OldFirst"
    __tablename__ = "old_first"

    id = Column(Integer, primary_key=True)
    name = Column("nm", String)
    mood: str = TupleField(default="calm")


@addTupleType
class OldLast(LegacyBase, Tuple):  # type: ignore[misc]
    __tupleType__ = "test_mapped.OldLast"
    __tablename__ = "old_last"

    id = Column(Integer, primary_key=True)
    name = Column("nm", String)
    mood = TupleField(default="calm")


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    LegacyBase.metadata.create_all(engine)
    yield engine
    engine.dispose()
