"""Ask a vortex for its jobs without a reactor, print them, and end."""

from vortex import BlockingVortexClient, Payload, Tuple, addTupleType


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str
    status: str


with BlockingVortexClient("http://127.0.0.1:8080", timeout=10) as client:
    for job in client.request(Payload({"key": "jobs"})).tuples:
        print(job.id, job.title)
