"""How fast one who watches is told: what may be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from vortex import DecodeError
from vortex.live.delivery_policy import DeliveryPolicy


class TestAPolicy:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"mode": "some"},
            *(
                {"minInterval": -1},
                {"minInterval": float("nan")},
                {"minInterval": float("inf")},
                {"minInterval": 86_401},
                {"minInterval": 10**400},
                {"minInterval": "1"},
                {"minInterval": True},
            ),
            *({"maxItems": 0}, {"maxItems": 1.5}, {"maxBytes": 0}, {"priority": "high"}, {"priority": True}),
        ],
    )
    def test_is_refused_where_it_says_nothing(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DeliveryPolicy(**wrong)

    def test_travels_as_what_is_not_usual(self) -> None:
        assert DeliveryPolicy().toWire() == {}
        assert DeliveryPolicy(mode="all", minInterval=0.5, priority=7, maxItems=3).toWire() == {
            "mode": "all",
            "minInterval": 0.5,
            "priority": 7,
        }

    def test_of_the_server_may_be_asked_to_be_slower_and_not_faster(self) -> None:
        ours = DeliveryPolicy(minInterval=2, maxItems=5)

        assert ours.asked(None) is ours
        assert ours.asked({"minInterval": 1}) == ours
        assert ours.asked({"minInterval": 9}) == DeliveryPolicy(minInterval=9, maxItems=5)
        assert ours.asked({"mode": "all", "maxItems": 99, "priority": 3, "more": 1}) == DeliveryPolicy(
            mode="all", minInterval=2, maxItems=5, priority=3
        )

    @pytest.mark.parametrize(
        "wrong",
        [
            *(5, [], {"mode": []}, {"priority": 0}),
            *({"minInterval": None}, {"minInterval": -0.1}, {"minInterval": 10**400}),
        ],
    )
    def test_that_is_none_is_refused(self, wrong: Any) -> None:
        with pytest.raises(DecodeError):
            DeliveryPolicy().asked(wrong)
