"""A VortexPY 6.2 program that loads the jobs of jobs.tac. It runs where VortexPY is installed, not Vortex."""

from twisted.internet import defer, reactor

from vortex.PayloadEnvelope import PayloadEnvelope
from vortex.PayloadResponse import PayloadResponse
from vortex.Tuple import Tuple, TupleField, addTupleType
from vortex.VortexFactory import VortexFactory


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id = TupleField()
    title = TupleField()


@defer.inlineCallbacks
def main():
    yield VortexFactory.createWebsocketClient("client", "127.0.0.1", 8080, "ws://127.0.0.1:8080/vortexws")
    answer = yield PayloadResponse(PayloadEnvelope(filt={"key": "jobs"}), destVortexName="demo")
    payload = yield answer.decodePayloadDefer()
    for job in payload.tuples:
        print(job.id, job.title, flush=True)


reactor.callWhenRunning(lambda: main().addErrback(print).addBoth(lambda _: reactor.stop()))
reactor.run()
