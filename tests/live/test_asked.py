"""What a peer has asked for: when two have asked for the same."""

from __future__ import annotations

from typing import Any

import pytest

from vortex.live.asked import Asked
from vortex.routing.filt import MESSAGE_ID, normalise


class TestAsked:
    def test_drops_what_is_of_one_message_only(self) -> None:
        asked = Asked(
            {"key": "jobs", "id": 1, MESSAGE_ID: "m1", "rapuiServerEcho": True, "rapuiVortexUuid": "x"}
        )

        assert asked.filt == {"key": "jobs", "id": 1}
        assert repr(asked) == "{'id': 1, 'key': 'jobs'}"

    def test_is_the_same_whatever_the_order_of_the_keys(self) -> None:
        one = Asked({"key": "jobs", "a": 1, "b": {"x": 1, "y": 2}, MESSAGE_ID: "m1"})

        assert one.key == Asked({"b": {"y": 2, "x": 1}, "a": 1, "key": "jobs", MESSAGE_ID: "m2"}).key

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"where": {"state": "open"}}, {"where": {"state": "done"}}),
            ({"id": 1}, {"id": "1"}),
            ({"id": 1}, {"id": True}),
            ({"ids": [1, 2]}, {"ids": [2, 1]}),
            ({"id": None}, {}),
        ],
    )
    def test_is_another_where_the_filt_looks_different(
        self, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        assert Asked({"key": "jobs", **one}).key != Asked({"key": "jobs", **other}).key

    def test_may_be_by_a_filt_that_never_was_on_a_wire(self) -> None:
        thing = object()

        assert Asked({"key": "jobs", "what": thing}).key == Asked({"what": thing, "key": "jobs"}).key
        assert Asked({"key": "jobs", "what": thing}).key != Asked({"key": "jobs", "what": object()}).key

    def test_contains_what_is_less(self) -> None:
        asked = Asked({"key": "jobs", "id": 2, "more": True})

        assert asked.contains(normalise({}))
        assert asked.contains(normalise({"key": "jobs", "id": 2}))
        assert not asked.contains(normalise({"id": 3}))
        assert not asked.contains(normalise({"id": 2, "other": 1}))
