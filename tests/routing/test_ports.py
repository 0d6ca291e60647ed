"""Which node is meant when none is named."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

import pytest
from twisted.internet.task import Clock

from vortex.errors import NoVortex
from vortex.node.vortex import Vortex
from vortex.routing import ports
from vortex.routing.ports import theNode


@pytest.fixture(autouse=True)
def _noOtherNode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes of other tests may not have been collected yet; those that are made here are added by hand."""
    monkeypatch.setattr(ports, "liveNodes", WeakSet())


def liveNode(name: str) -> Vortex:
    node = Vortex(name, reactor=Clock())
    ports.liveNodes.add(node)
    return node


class TestTheNode:
    def test_is_the_one_that_is_named(self) -> None:
        node, _other = liveNode("node"), liveNode("other")

        assert theNode(node) is node

    def test_is_the_only_one_there_is(self) -> None:
        node = liveNode("node")

        assert theNode(None) is node

    def test_has_to_be_there(self) -> None:
        with pytest.raises(NoVortex) as caught:
            theNode(None)

        assert str(caught.value) == (
            "there is no live Vortex in this process: make one first, or pass vortex="
        )

    def test_has_to_be_named_among_several(self) -> None:
        nodes = [liveNode("web"), liveNode("admin")]

        with pytest.raises(NoVortex) as caught:
            theNode(None)

        assert str(caught.value) == (
            "there are 2 live Vortexes in this process ('admin', 'web'): say which with vortex="
        )
        del nodes

    @pytest.mark.parametrize("wrong", ["web", 5, object])
    def test_is_no_name(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match="vortex= takes a Vortex, got"):
            theNode(wrong)
