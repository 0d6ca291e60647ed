"""
The real VortexPY 6.2.2 on the demo's job board: says what it is told of the jobs, and saves what it is given.

usage: run.sh board.py PORT [SECONDS]      WebSocket at ws://127.0.0.1:PORT/vortexws, name "peer-client-6.2.2"

In, a JSON line each: {"rows": [{field: value}] or null, "delete": bool} is asked of demo.jobs: null loads all.
Out, a JSON line each:
  {"connected": [name of the server]}
  {"answer": result, "rows": [...]} or {"error": text}      the answer to the last line in
  {"heard": result, "delete": bool, "rows": [...]}          a push that reaches its endpoint for demo.jobs
"""

import json
import logging
import os
import sys

logging.basicConfig(level=logging.ERROR)

from twisted.internet import defer, reactor, stdio
from twisted.protocols.basic import LineReceiver
from vortex.Payload import Payload
from vortex.PayloadEndpoint import PayloadEndpoint
from vortex.PayloadEnvelope import PayloadEnvelope
from vortex.PayloadResponse import PayloadResponse
from vortex.Tuple import Tuple, TupleField, addTupleType
from vortex.VortexFactory import VortexFactory

PORT = int(sys.argv[1])
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60
FIELDS = ("id", "title", "status", "assignee", "due")


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id = TupleField()
    title = TupleField()
    status = TupleField()
    assignee = TupleField()
    due = TupleField()


def say(**what):
    print(json.dumps(what, default=str), flush=True)


def leave(status):
    """The peer's worker threads can linger."""
    sys.stdout.flush()
    os._exit(status)


@defer.inlineCallbacks
def rowsOf(envelope):
    if not envelope.encodedPayload:
        return []
    payload = yield envelope.decodePayloadDefer()
    return [{name: getattr(each, name) for name in FIELDS} for each in payload.tuples]


@defer.inlineCallbacks
def hear(payloadEnvelope=None, **others):
    if "PayloadResponse.messageId" in payloadEnvelope.filt:
        return
    rows = yield rowsOf(payloadEnvelope)
    say(heard=payloadEnvelope.result, delete=bool(payloadEnvelope.filt.get("delete")), rows=rows)


@defer.inlineCallbacks
def ask(rows, delete):
    filt = {"key": "demo.jobs", **({"delete": True} if delete else {})}
    if rows is None:
        envelope = PayloadEnvelope(filt=filt)
    else:
        envelope = yield Payload(filt=filt, tuples=[Job(**row) for row in rows]).makePayloadEnvelopeDefer()
    answer = yield PayloadResponse(envelope, destVortexName="demo", timeout=5, resultCheck=False)
    rows = yield rowsOf(answer)
    say(answer=answer.result, rows=rows)


class Orders(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line):
        order = json.loads(line)
        ask(order["rows"], order.get("delete", False)).addErrback(lambda failure: say(error=repr(failure.value)))


def start():
    def connected(_):
        say(connected=VortexFactory.getRemoteVortexName())
        stdio.StandardIO(Orders())

    def failed(failure):
        say(error=failure.getErrorMessage())
        leave(1)

    url = "ws://127.0.0.1:%d/vortexws" % PORT
    connecting = VortexFactory.createWebsocketClient("peer-client-6.2.2", "127.0.0.1", PORT, url)
    connecting.addTimeout(8, reactor)
    connecting.addCallbacks(connected, failed)


endpoint = PayloadEndpoint({"key": "demo.jobs"}, hear, requiredPermissions=frozenset())
reactor.callLater(SECONDS, leave, 3)
reactor.callWhenRunning(start)
reactor.run()
