"""One of two programs: it sells. Run it: python shop.py"""

from twisted.internet import reactor

from vortex import PayloadEndpoint, Rejected, Vortex

stock = {"shears": 2}


def sell(payload, delivery):
    for article in payload.tuples:
        if not stock.get(article):
            raise Rejected(f"no {article} left", code="sold-out")
        stock[article] -= 1
    delivery.reply(list(stock.items()), True)


shop = Vortex("shop")
endpoint = PayloadEndpoint({"key": "sell"}, sell, shop)
shop.listen("tcp:8080:interface=127.0.0.1")

reactor.addSystemEventTrigger("before", "shutdown", shop.shutdown)
reactor.run()
