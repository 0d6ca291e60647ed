"""The JavaScript client, as it is served, against our server in a process of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.integration.children import Child
from tests.integration.conftest import PeerServer

CLIENT = Path(__file__).with_name("javascript_peer.mjs")


def driven(port: int) -> dict[str, Any]:
    """What the client said of each step."""
    client = Child("node", CLIENT, f"ws://127.0.0.1:{port}/vortexws")
    assert client.finish() == 0, str(client)
    said = [json.loads(line) for line in client.lines]
    return {each.pop("step"): each for each in said}


def thing(number: int, name: str, weight: float | None) -> dict[str, Any]:
    return {"type": "acme.ThingRow", "id": number, "name": name, "weight": weight, "secret": "s3cret"}


PERSON = {
    "type": "acme.PersonTuple",
    "id": 7,
    "name": "é 漢字 😀",
    "height": 2.5,
    "born": "2020-01-02 03:04:05.006000+0000",
    "tags": [1, "x", True, None],
    "friend": {"type": "acme.PersonTuple", "id": 8},
}


def whole(value: Any) -> Any:
    """A tuple's fields without those that are None: a server adds all that its class has."""
    if isinstance(value, dict):
        return {name: whole(field) for name, field in value.items() if field is not None}
    return value


def checkSteps(said: dict[str, Any]) -> None:
    assert said["connect"]["name"] == "peer-server"
    for step in "echo", "echo again":
        assert said[step]["result"] is True
        assert [whole(each) for each in said[step]["tuples"]] == [PERSON]
    assert said["insert"]["result"] is True
    assert [row["id"] for row in said["insert"]["tuples"]] == [1]
    assert said["load"] == {"result": None, "tuples": [thing(1, "anvil", 9.5)]}
    assert said["update"]["result"] is True
    assert [row["id"] for row in said["insert two"]["tuples"]] == [2, 3]
    rows = [thing(1, "anvil2", 10), thing(2, "b", 1), thing(3, "c", None)]
    assert said["all"] == {"result": None, "tuples": rows}
    assert said["delete"]["result"] is True
    assert said["rest"]["tuples"] == rows[1:]
    assert said["loader"] == {"rows": rows[1:], "state": "current"}
    assert said["ping"] == {"result": None, "tuples": []}


def test_echo_and_crud_work(server: PeerServer) -> None:
    server.mayLog += ["deliberate failure", "Traceback"]

    said = driven(server.port)

    checkSteps(said)
    assert said["fail"]["code"] == "internal"
    assert re.fullmatch(r"[0-9a-f]{8}", said["fail"]["message"])
