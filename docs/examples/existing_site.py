"""A site that was there before, and a vortex in it. Run it: python existing_site.py"""

from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource
from twisted.web.static import Data

from vortex import ModelHandler, Tuple, Vortex, VortexAssets, VortexResource, VortexSite, addTupleType


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str


class Jobs(ModelHandler):
    def buildModel(self, filt, delivery=None):
        return [Job(id=1, title="Water the plants")]


root = Resource()
root.putChild(b"", Data(b"<h1>The site that was there before</h1>", "text/html"))

vortex = Vortex("jobs")
jobs = Jobs({"key": "jobs"}, vortex)
root.putChild(b"vortex", VortexResource(vortex))
root.putChild(b"vortexws", VortexResource(vortex))  # where VortexPY looks for WebSockets
root.putChild(b"static", VortexAssets())  # the browser client, static/vortex.mjs

reactor.addSystemEventTrigger("before", "shutdown", vortex.shutdown)
endpoints.serverFromString(reactor, "tcp:8080").listen(VortexSite(root, vortex.limits))
reactor.run()
