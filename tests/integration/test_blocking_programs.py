"""Programs with a sender or a blocking client: that are forked, that end, and that are told to end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.children import PATIENCE, ROOT
from tests.integration.conftest import PeerServer

SENDER = """
import os, threading
from vortex import BackgroundSender

parent, gate = os.getpid(), threading.Event()

def sendBatch(batch):
    if os.getpid() == parent:
        gate.wait()
    print("parent" if os.getpid() == parent else "child", batch, flush=True)

sender = BackgroundSender(sendBatch, maxBatch=2, maxDelay=1000)
sender.send(1)
sender.send(2)
sender.send(3)
held, over = threading.Event(), threading.Event()

def hold():
    with sender._changed:
        held.set()
        over.wait()

threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if child == 0:
    sender.send(4)
    sender.close()
    os._exit(0)
over.set()
print(os.waitpid(child, 0)[1], flush=True)
gate.set()
sender.close()
"""

CLIENT = """
import os, sys, threading
from tests.integration.peer_server import PersonTuple
from vortex import BlockingVortexClient, Payload, RequestTimeout

client = BlockingVortexClient(sys.argv[1])

def ask(name):
    answer = client.request(Payload({"key": "peer.echo"}, [PersonTuple(name=name)]))
    return [each.name for each in answer.tuples]

print(ask("before"), flush=True)
session = client._session._session.id
child = os.fork()
if child == 0:
    with client:
        right = all(ask(f"child {number}") == [f"child {number}"] for number in range(50))
        print("child", right, client._session._session.id != session, flush=True)
    os._exit(0)
right = all(ask(f"parent {number}") == [f"parent {number}"] for number in range(50))
status = os.waitpid(child, 0)[1]
print("parent", right, status, flush=True)

reading, exchange = threading.Event(), client._session._way.exchange

def exchangeAndSay(session, seconds):
    reading.set()
    exchange(session, seconds)

def wait():
    try:
        client.request(Payload({"key": "peer.silent"}), timeout=3)
    except RequestTimeout:
        pass

client._session._way.exchange = exchangeAndSay
waiting = threading.Thread(target=wait)
waiting.start()
reading.wait()
child = os.fork()
if child == 0:
    print(ask("child of one that waits"), flush=True)
    client.close()
    os._exit(0)
print(os.waitpid(child, 0)[1], flush=True)
waiting.join()
print(ask("after"), client._session._session.id == session, flush=True)
client.close()
closed = os.fork()
if closed == 0:
    try:
        ask("closed")
    except Exception as error:
        print(type(error).__name__, flush=True)
    os._exit(0)
os.waitpid(closed, 0)
"""


READS = """
import http.client, os, signal, socket, threading
from vortex import BlockingVortexClient, Payload

server, reading, over = socket.create_server(("127.0.0.1", 0)), threading.Event(), threading.Event()

def serve():
    line, _ = server.accept()
    line.recv(1 << 16)
    line.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: application/vnd.vortex\\r\\n")
    line.sendall(b"Content-Length: 10\\r\\n\\r\\nab")  # and no more
    over.wait()

class Response(http.client.HTTPResponse):
    def read(self, size):
        reading.set()
        return super().read(size)

http.client.HTTPResponse = Response
client = BlockingVortexClient(f"http://127.0.0.1:{server.getsockname()[1]}")
threading.Thread(target=serve, daemon=True).start()
threading.Thread(target=client.request, args=(Payload({"key": "x"}),), daemon=True).start()
reading.wait()
child = os.fork()
if child == 0:
    print("there", flush=True)
    os._exit(0)
signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
signal.alarm(10)
print(os.waitpid(child, 0)[1], flush=True)
os._exit(0)
"""

ENDS = """
import threading
from vortex import BackgroundSender

begun = threading.Event()

def sendBatch(batch):
    begun.set()
    threading.Event().wait()

sender = BackgroundSender(sendBatch)
sender.send(1)
begun.wait()
print("over", flush=True)
"""

IS_TOLD_TO_END = """
import os, signal, sys
from vortex import BackgroundSender

def stop(number, frame):
    sender.send("the last")
    sys.exit(3)

signal.signal(signal.SIGTERM, stop)
sent = []
try:
    with BackgroundSender(sent.extend, maxDelay=1000, maxBatch=7) as sender:
        for number in range(1000):
            sender.send(number)
            if number == 500:
                os.kill(os.getpid(), signal.SIGTERM)
finally:
    print(sent == [*range(501), "the last"], flush=True)
"""


def run(program: str, *arguments: str, status: int = 0) -> list[str]:
    """What it prints; it has to end with that status, and to say nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


class TestASender:
    def test_sends_in_the_child_what_it_is_given_there(self) -> None:
        """A lock that is held in the parent, and a thread that is there, are of no account."""
        assert run(SENDER) == ["child [4]", "0", "parent [1, 2]", "parent [3]"]

    def test_keeps_no_program_from_ending(self) -> None:
        assert run(ENDS) == ["over"]

    def test_sends_all_that_a_program_had_when_it_was_told_to_end(self) -> None:
        assert run(IS_TOLD_TO_END, status=3) == ["True"]


class TestAClient:
    def test_that_reads_in_a_thread_holds_up_no_child(self) -> None:
        """The lock of what it reads is held in the child for ever."""
        assert run(READS) == ["there", "0"]

    @pytest.mark.parametrize("transport", ["http", "tcp"])
    def test_has_a_session_of_its_own_in_the_child(self, server: PeerServer, transport: str) -> None:
        url = {
            "http": f"http://127.0.0.1:{server.port}/vortex",
            "tcp": f"tcp://127.0.0.1:{server.rawPort}",
        }[transport]

        assert run(CLIENT, url) == [
            "['before']",
            "child True True",
            "parent True 0",
            "['child of one that waits']",
            "0",
            "['after'] True",
            "NotConnected",
        ]
