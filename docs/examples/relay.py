"""The jobs of another vortex, for peers of this one: twistd -n vortex --app relay:relay --port tcp:8090"""

from vortex import ModelHandler, Payload, PayloadEndpoint, Tuple, addTupleType


@addTupleType
class Job(Tuple):
    __tupleType__ = "demo.Job"
    id: int
    title: str
    status: str


class Relay(ModelHandler):
    def __init__(self, source, vortex):
        super().__init__({"key": "jobs"}, vortex)
        self.source = source
        source.onStateChange(self.onStateChange)
        PayloadEndpoint({"key": "jobs"}, self.onPayload, vortex)

    async def buildModel(self, filt, delivery=None):
        return await self.source.request(Payload(filt))

    def onStateChange(self, state, source):
        if state == "open":  # for the first time or again: whatever was missed is loaded now
            self.sendModelUpdate()

    def onPayload(self, payload, delivery):
        if delivery.peer is self.source.peer and delivery.messageId is None:  # a push
            self.sendModelUpdate(delivery.filt)


def relay(vortex):
    return Relay(vortex.connect("ws://127.0.0.1:8080/vortex"), vortex)
