"""Ask a vortex for its jobs, print them, and end."""

from twisted.internet.task import react

from vortex import Payload, Tuple, Vortex, addTupleType


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str


async def main(reactor):
    vortex = Vortex("script")
    board = await vortex.connect("ws://127.0.0.1:8080/vortex").connected
    answer = await board.request(Payload({"key": "jobs"}))
    for job in answer.tuples:
        print(job.id, job.title)
    await vortex.shutdown()


react(main)
