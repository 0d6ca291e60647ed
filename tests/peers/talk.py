"""
A real VortexPY client that stays connected and does as it is told, for tests of what is pushed to it.

usage: run.sh talk.py PORT [SECONDS]                          6.2.2, WebSocket at ws://127.0.0.1:PORT/vortexws
       SCRIPT=talk.py run_old.sh 0.3.0 PORT [SECONDS]         0.3.0, held-open POST at http://127.0.0.1:PORT/vortex

In, a JSON line each: {"filt": {...}, "rows": [{column: value}] or null} is asked of the server; {"bye": true} ends it.
Out, a JSON line each:
  {"connected": [name of the server] or, from 0.3.0, null}
  {"answer": result, "filt": {...}, "rows": [...]} or {"error": text}   the answer to the last line in
  {"heard": result, "filt": {...}, "rows": [...]}                       whatever reaches an endpoint for peer.crud: answers too
"""

import json
import logging
import os
import sys

logging.basicConfig(level=logging.ERROR)
from sqlalchemy.orm.attributes import InstrumentedAttribute

try:
    from vortex.PayloadEnvelope import PayloadEnvelope
except ImportError:
    PayloadEnvelope = None
    # the tags of 0.3.0 expect an older SQLAlchemy
    InstrumentedAttribute.name = property(lambda self: self.key, lambda self, name: None)

from sqlalchemy import Column, Float, Integer, String
from sqlalchemy.orm import declarative_base
from twisted.internet import defer, reactor, stdio
from twisted.protocols.basic import LineReceiver
from vortex.Payload import Payload
from vortex.PayloadEndpoint import PayloadEndpoint
from vortex.PayloadResponse import PayloadResponse
from vortex.Tuple import Tuple, addTupleType
from vortex.VortexFactory import VortexFactory

PORT = int(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
COLUMNS = ("id", "name", "weight")
Base = declarative_base()


@addTupleType
class ThingRow(Tuple, Base):
    __tupleType__ = "acme.ThingRow"
    __tablename__ = "thing"
    id = Column(Integer, primary_key=True, autoincrement=True)
    name = Column(String)
    weight = Column(Float)


def say(**what):
    print(json.dumps(what, default=str), flush=True)


def leave(status):
    """The peer's worker threads can linger."""
    sys.stdout.flush()
    os._exit(status)


def rows(tuples):
    return [{name: getattr(each, name, None) for name in COLUMNS} for each in tuples or []]


@defer.inlineCallbacks
def tuplesOf(message):
    """The tuples of an answer: in 6.2.2 they are still encoded in its envelope, in 0.3.0 they lie open."""
    if PayloadEnvelope is None:
        return message.tuples
    if not message.encodedPayload:
        return []
    payload = yield message.decodePayloadDefer()
    return payload.tuples


class Ear:
    """An endpoint of the client's own: pushes come to it, and so do answers."""

    @defer.inlineCallbacks
    def hear(self, payload=None, payloadEnvelope=None, **others):
        message = payloadEnvelope if payloadEnvelope is not None else payload
        tuples = yield tuplesOf(message)
        say(heard=message.result, filt=message.filt, rows=rows(tuples))


@defer.inlineCallbacks
def ask(filt, tuples):
    if PayloadEnvelope is None:
        request = Payload(filt=filt, tuples=tuples or [])
        response = PayloadResponse(request, timeout=5)
        yield VortexFactory.sendVortexMsg(request.toVortexMsg(), destVortexName="peer-server")
    elif tuples is None:
        response = PayloadResponse(PayloadEnvelope(filt=filt), destVortexName="peer-server", timeout=5, resultCheck=False)
    else:
        envelope = yield Payload(filt=filt, tuples=tuples).makePayloadEnvelopeDefer()
        response = PayloadResponse(envelope, destVortexName="peer-server", timeout=5, resultCheck=False)
    message = yield response
    tuples = yield tuplesOf(message)
    say(answer=message.result, filt=message.filt, rows=rows(tuples))


class Orders(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line):
        order = json.loads(line)
        if "bye" in order:
            leave(0)
        tuples = None if order.get("rows") is None else [ThingRow(**row) for row in order["rows"]]
        ask(order["filt"], tuples).addErrback(lambda failure: say(error=repr(failure.value)))


@defer.inlineCallbacks
def main():
    if PayloadEnvelope is None:
        connecting = VortexFactory.createClient("peer-client-0.3.0", "127.0.0.1", PORT)
    else:
        connecting = VortexFactory.createWebsocketClient("peer-client-6.2.2", "127.0.0.1", PORT, "ws://127.0.0.1:%d/vortexws" % PORT)
    connecting.addTimeout(8, reactor)
    yield connecting
    say(connected=VortexFactory.getRemoteVortexName() if PayloadEnvelope is not None else None)


ear = Ear()
access = {} if PayloadEnvelope is None else {"requiredPermissions": frozenset()}
endpoint = PayloadEndpoint({"key": "peer.crud"}, ear.hear, **access)


def start():
    def connected(_):
        stdio.StandardIO(Orders())

    def failed(failure):
        say(error=failure.getErrorMessage())
        leave(1)

    main().addCallbacks(connected, failed)


reactor.callLater(SECONDS, leave, 3)
reactor.callWhenRunning(start)
reactor.run()
