"""The benchmarks over sockets, ours alone and very small: what comes is rows, not numbers."""

from __future__ import annotations

from benchmarks import echo, fanout, idle, native, page
from benchmarks.settings import TINY


class TestBenchmarks:
    def test_one_payload_reaches_every_websocket(self) -> None:
        rows = list(fanout.runWebSocket(TINY, None))

        assert [row.what for row in rows[:4]] == [
            "one payload to 2 WebSockets, each",
            "one payload to 2 WebSockets, processor time each",
            "take in one of 2 WebSockets, processor time",
            "memory of one of 2 WebSockets",
        ]
        assert len(rows) == 9
        assert all(row.ours for row in rows)

    def test_one_payload_reaches_every_held_post(self) -> None:
        rows = list(fanout.runPost(TINY, None))

        assert [row.what for row in rows] == [
            "one payload to 2 held POSTs, each",
            "one payload to 2 held POSTs, processor time each",
        ]
        assert all(row.ours for row in rows)

    def test_the_native_wire_reaches_all_and_resumes(self) -> None:
        rows = list(native.run(TINY, None))

        assert [row.what for row in rows] == [
            "native: one payload to 3 WebSockets, each",
            "native: one payload to 3 WebSockets, processor time each",
            "native: take in one of 3 WebSockets, processor time",
            "native: memory of one of 3 WebSockets",
            "native: a push of one row",
            "native: resume a session, 0 messages missed",
            "native: resume a session, 2 messages missed",
        ]
        assert all(row.ours for row in rows)

    def test_requests_are_answered_with_and_without_a_row(self) -> None:
        rows = list(echo.run(TINY, None))

        assert len(rows) == 6
        assert all(row.ours for row in rows)

    def test_clients_idle(self) -> None:
        (row,) = idle.run(TINY, None)

        assert row.ours

    def test_a_page_is_opened_and_pushed_to(self) -> None:
        rows = list(page.run(TINY, None))

        what = "one of 3 rows changed, 50 times a second: main thread"
        assert [row.what for row in rows] == [
            "open the page with 3 rows: the longest task",
            f"{what}, mean",
            f"{what}, median",
            f"{what}, 95 of 100",
            f"{what}, longest task",
        ]
        assert all(row.ours for row in rows)
