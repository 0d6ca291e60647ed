"""Ask a vortex for its jobs, print them, and end."""

from twisted.internet import defer
from twisted.internet.task import react

from vortex import Payload, Tuple, Vortex, addTupleType


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str
    status: str


async def main(reactor):
    vortex = Vortex("script")
    connection = vortex.connect("ws://127.0.0.1:8080/vortex")
    try:
        board = await connection.connected.addTimeout(10, reactor)
        answer = await board.request(Payload({"key": "jobs"}))
        for job in answer.tuples:
            print(job.id, job.title)
    except defer.TimeoutError:
        raise SystemExit(f"no connection in 10 s: {connection.error}") from None
    finally:
        await vortex.shutdown()


react(main)
