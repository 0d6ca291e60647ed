# jobs.tac - twistd -ny jobs.tac
from twisted.web.static import File
from vortex import ModelHandler, Tuple, Vortex, addTupleType, vortexApplication


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str


class Jobs(ModelHandler):
    def buildModel(self, filt, delivery=None):
        return [Job(id=1, title="Water the plants")]


vortex = Vortex("demo")
jobs = Jobs({"key": "jobs"}, vortex)
application = vortexApplication(vortex, "tcp:8080", root=File("pages"))
