"""A board of jobs in a database, for ``twistd -n vortex --app board:board``."""

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

from vortex import OrmCrudExtension, OrmCrudHandler, Rejected, Tuple, addTupleType


class Base(DeclarativeBase):
    pass


@addTupleType
class Job(Tuple, Base):
    __tupleType__ = "demo.Job"
    __tablename__ = "job"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    status: Mapped[str] = mapped_column(default="open")


class Rules(OrmCrudExtension):
    def beforeUpdate(self, tuple_, tuples, session, filt):
        if tuple_.title is not None and not tuple_.title.strip():
            raise Rejected("a job needs a title", code="no-title")


def board(vortex):
    engine = create_engine("sqlite:///board.sqlite")
    Base.metadata.create_all(engine)
    jobs = OrmCrudHandler(sessionmaker(engine), Job, {"key": "jobs"}, True, vortex)
    jobs.addExtension(Job, Rules())
    return jobs
