"""recording proxy as a process: proxy_main.py LPORT DPORT OUTJSON SECS   prints READY LPORT (LPORT 0: any free one); SIGTERM ends it before SECS"""
import sys, json, base64, os, signal
from twisted.internet import reactor
import recproxy
f = recproxy.start(int(sys.argv[1]), int(sys.argv[2]))
def end():
    json.dump({"marks": [], "chunks": [(t, n, k, base64.b64encode(b).decode()) for t, n, k, b in f.rec]}, open(sys.argv[3], "w")); os._exit(0)
reactor.callWhenRunning(lambda: print("READY", f.port.getHost().port, flush=True))
reactor.callLater(float(sys.argv[4]), end)
reactor.callWhenRunning(lambda: signal.signal(signal.SIGTERM, lambda *_: reactor.callFromThread(end))); reactor.run()
