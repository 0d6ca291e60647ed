"""Ask a vortex for its jobs by one POST, and print what it answers."""

from urllib.request import urlopen
from uuid import uuid4

from vortex import Payload, Tuple, addTupleType


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str


def messages(held):
    """The payloads on a held-open response, as they come. Each ends in a dot."""
    text = b""
    while more := held.read1():
        *whole, text = (text + more).split(b".")
        yield from (Payload.fromVortexMsg(each) for each in whole if each)


request = Payload({"key": "jobs"})
url = f"http://127.0.0.1:8080/vortex?vortexUuid={uuid4()}&vortexName=ask"
with urlopen(url, request.toVortexMsg()) as held:
    answer = next(payload for payload in messages(held) if payload.filt == request.filt)
print(answer.tuples)
