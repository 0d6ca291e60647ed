"""The other of two programs: it buys what it is told to. Run it: python till.py shears"""

import sys

from twisted.internet.task import react

from vortex import Payload, RemoteError, Vortex


async def main(reactor, *articles):
    till = Vortex("till")
    shop = await till.connect("tcp://127.0.0.1:8080").connected
    try:
        answer = await shop.request(Payload({"key": "sell"}, articles))
        print("bought; left:", *answer.tuples)
    except RemoteError as error:
        print("not bought:", error)
    await till.shutdown()


react(main, sys.argv[1:])
