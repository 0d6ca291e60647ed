# linked.tac - twistd -ny linked.tac
from twisted.application.service import Application
from twisted.logger import Logger
from vortex import Payload, PayloadEndpoint, Tuple, Vortex, VortexConnection, addTupleType

log = Logger("linked")


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str
    status: str


class Watcher:
    """Logs the jobs of another vortex whenever they change."""

    def __init__(self, vortex, connection):
        PayloadEndpoint({"key": "jobs"}, self.onJobs, vortex)
        connection.onStateChange(self.onStateChange)

    def onStateChange(self, state, connection):
        if state == "open":
            connection.send(Payload({"key": "jobs"}))

    def onJobs(self, payload, delivery):
        log.info("{count} jobs, the last one is {job}", count=len(payload.tuples), job=payload.tuples[-1:])


vortex = Vortex("linked")
connection = VortexConnection(vortex, "ws://127.0.0.1:8080/vortex")
watcher = Watcher(vortex, connection)

application = Application("linked")
connection.setServiceParent(application)
