"""The line to the server: killed, cut, switched. The page recovers by itself and shows the truth."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.board_page import TRANSPORTS, BoardPage, Transport
from tests.browser.chromium import BROKEN, PHONE
from tests.browser.conftest import Visits
from tests.browser.cutting_proxy import CuttingProxy
from tests.browser.demo_server import DemoServer
from tests.browser.looks import cutOff

SWITCHES = """async () => {
  const { VortexConnection } = await import("./static/vortex.mjs")
  const connection = new VortexConnection("./vortex", { transport: "websocket" })
  const errors = []
  connection.addEventListener("error", ({ detail }) => errors.push(detail.message))
  const jobs = connection.load({ key: "demo.jobs" }, { tuple: "demo.Job" })
  await connection.connected
  const adding = []
  for (let move = 0; move < 20; move++) {
    const kind = ["post", "sse", "poll", "websocket"][move % 4]
    const add = (number) => adding.push(jobs.create({ title: `${move}.${number}` }))
    for (const number of [0, 1]) add(number)
    const moved = new Promise((resolve) => {
      const end = connection.onStateChange(() => connection.transport === kind && (end(), resolve()))
    })
    connection.useTransport(kind)
    add(2)
    await moved
    add(3)
  }
  const titles = (await Promise.all(adding)).map(({ title }) => title)
  const { resumes, resets } = connection
  connection.close()
  return { titles, resumes, resets, errors }
}"""

RESETS = """
const listen = EventTarget.prototype.addEventListener
EventTarget.prototype.addEventListener = function (name, ...rest) {
  const say = (reason) => this.dispatchEvent(new CustomEvent("reset", { detail: { reason } }))
  if ("resumes" in this) window.reset = say
  return listen.call(this, name, ...rest)
}
"""
"""Has `reset(reason)` tell of one as the page's connection does: most would take minutes to come about."""


class TestServerKilled:
    def test_and_restarted_both_pages_recover_and_show_the_truth(
        self, demo: DemoServer, visit: Visits
    ) -> None:
        boards = [visit.board(demo.url, transport) for transport in TRANSPORTS]
        for board in boards:
            board.visitor.mayFail.append(BROKEN)
        before = [board.reconnects() for board in boards]

        demo.kill()
        for board in boards:
            board.state(re.compile("Waiting|Connecting"))
            expect(board.cutButton).to_be_hidden()
        demo.change("update {table} set title = 'Changed in the dark', status = 'done' where id = 1")
        demo.change("delete from {table} where id = 2")
        demo.change("insert into {table} (id, title, status) values (40, 'Added in the dark', 'open')")
        demo.start()

        for transport, board, count in zip(TRANSPORTS, boards, before, strict=True):
            board.waitUntilOpen()
            board.shows(1, title="Changed in the dark", status="done")
            board.lacks(2)
            board.shows(40, title="Added in the dark", status="open")
            assert board.titles() == demo.titles()[::-1]
            expect(board.figure("Transport")).to_have_text(transport)
            expect(board.figure("Reconnects")).to_have_text(str(count + 1))
            expect(board.figure("Reset")).to_have_text("1 (epoch)")

        # and it is live again, both ways
        boards[0].edit(3, "Title", "Order more screws")
        boards[1].shows(3, title="Order more screws")
        boards[1].edit(3, "Title", "Order most screws")
        boards[0].shows(3, title="Order most screws")
        assert demo.row(id=3, title="Order most screws")

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_again_and_again_is_recovered_from(
        self, demo: DemoServer, visit: Visits, transport: Transport
    ) -> None:
        board = visit.board(demo.url, transport)
        board.visitor.mayFail.append(BROKEN)
        before = board.reconnects()
        for time in (1, 2):
            demo.kill()
            board.state(re.compile("Waiting|Connecting"))
            demo.change("update {table} set title = ? where id = 1", [f"Killed {time} times"])
            demo.start()

            board.shows(1, title=f"Killed {time} times")
            board.waitUntilOpen()
            expect(board.figure("Reconnects")).to_have_text(str(before + time))


class TestResets:
    def test_are_counted_by_why_they_were_the_last_one_last(self, demo: DemoServer, visit: Visits) -> None:
        visitor = visit.visitor(size=PHONE)
        visitor.context.add_init_script(RESETS)
        board = BoardPage.opened(visitor, demo.url, "WebSocket")
        expect(board.figure("Reset")).to_have_text("0")

        for reason, shown in (
            ("expired", "1 (expired)"),
            ("epoch", "1 (expired), 1 (epoch)"),
            ("expired", "1 (epoch), 2 (expired)"),
            ("superseded", "1 (epoch), 2 (expired), 1 (superseded)"),
            ("overflow", "1 (epoch), 2 (expired), 1 (superseded), 1 (overflow)"),
        ):
            board.page.evaluate("reason => window.reset(reason)", reason)
            expect(board.figure("Reset")).to_have_text(shown)

        assert cutOff(board.page) == []


class TestCutButton:
    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_cuts_until_it_is_mended(self, demo: DemoServer, visit: Visits, transport: Transport) -> None:
        board = visit.board(demo.url, transport, name="Ada")
        other = visit.board(demo.url, name="Ben")
        expect(other.people).to_have_count(1)
        before = board.reconnects()

        board.cutButton.click()
        board.state("Cut")
        other.edit(1, "Title", "Water the palms")
        demo.waitForRow(id=1, title="Water the palms")
        board.shows(1, title="Water the plants")
        resumed = int(board.figure("Resumed").inner_text())

        board.mendButton.click()
        board.waitUntilOpen(transport)
        board.shows(1, title="Water the palms")
        expect(board.figure("Reconnects")).to_have_text(str(before + 1))
        expect(board.figure("Resumed")).to_have_text(str(resumed + 1))
        expect(other.people).to_have_text([f"Ada {transport}"])


class TestSwitch:
    def test_of_transport_is_live(self, demo: DemoServer, visit: Visits) -> None:
        board = visit.board(demo.url, "WebSocket", name="Ada")
        other = visit.board(demo.url, name="Ben")
        for number, transport in enumerate([*TRANSPORTS, *TRANSPORTS]):
            board.useTransport(transport)

            expect(other.people).to_have_text([f"Ada {transport}"])
            board.edit(1, "Title", f"From there {number}")
            other.shows(1, title=f"From there {number}")
            other.edit(2, "Title", f"From here {number}")
            board.shows(2, title=f"From here {number}")
        expect(board.figure("Round trip")).to_have_text(re.compile(r"^\d+(\.\d+)? ms$"))
        assert demo.titles()[:2] == ["From there 3", "From here 3"]

    def test_twenty_times_in_bursts_loses_nothing_and_does_nothing_twice(
        self, demo: DemoServer, visit: Visits
    ) -> None:
        """By all four transports; jobs are added before, while and after the line moves."""
        page = visit.board(demo.url).page

        told = page.evaluate(SWITCHES)

        added = [f"{move}.{number}" for move in range(20) for number in range(4)]
        assert told["titles"] == added
        assert [title for title in demo.titles() if "." in title] == added
        assert (told["resumes"], told["resets"], told["errors"]) == (20, 0, [])

    def test_with_a_save_under_way_loses_nothing_in_silence(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits
    ) -> None:
        board = visit.board(proxy.url)
        board.settle()
        proxy.loseAnswers()
        board.edit(1, "Title", "Water the palms")
        demo.waitForRow(id=1, title="Water the palms")
        proxy.mend()

        board.useTransport("held POST")

        expect(board.row(1)).not_to_have_attribute("aria-busy", "true")
        board.shows(1, title="Water the palms")
        expect(board.row(1).locator(".error")).to_be_hidden()


class TestDeadLine:
    """A line that is dead and does not know it: nothing comes, and nothing says so."""

    @pytest.mark.parametrize("transport", TRANSPORTS)
    def test_is_given_up_and_made_anew(
        self, demo: DemoServer, proxy: CuttingProxy, visit: Visits, transport: Transport
    ) -> None:
        visitor = visit.visitor()
        visitor.mayFail.append(BROKEN)
        visitor.context.clock.install()
        board = BoardPage.opened(visitor, proxy.url, transport)
        proxy.loseAnswers()
        visit.board(demo.url).edit(1, "Title", "Changed in the dark")
        demo.waitForRow(id=1, title="Changed in the dark")

        board.page.clock.run_for(20_000)
        board.state(re.compile("Waiting|Connecting"))
        proxy.mend()
        board.page.clock.run_for(10_000)

        board.waitUntilOpen()
        board.shows(1, title="Changed in the dark")
