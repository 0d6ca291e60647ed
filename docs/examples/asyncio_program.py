"""An asyncio program that asks a vortex for its jobs, prints them, and ends."""

import asyncio

from twisted.internet import asyncioreactor

from vortex import Payload, Tuple, Vortex, addTupleType


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str
    status: str


async def main():
    loop = asyncio.get_running_loop()
    asyncioreactor.install(loop)
    from twisted.internet import reactor  # not before it is installed

    reactor.startRunning(installSignalHandlers=False)
    vortex = Vortex("asyncio")
    try:
        async with asyncio.timeout(10):
            board = await vortex.connect("ws://127.0.0.1:8080/vortex").connected.asFuture(loop)
        answer = await board.request(Payload({"key": "jobs"})).asFuture(loop)
        for job in answer.tuples:
            print(job.id, job.title)
    finally:
        await vortex.shutdown().asFuture(loop)
        reactor.getThreadPool().stop()


asyncio.run(main())
