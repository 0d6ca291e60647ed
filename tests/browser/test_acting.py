"""
What a page shows of an action before and after it is answered: each frame that is drawn is looked at.

The page draws its rows as they are told to it; what stands in it is recorded in each animation frame, and at
each change in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visits
from tests.browser.demo_server import DemoServer

PREPARE = """async () => {
  const { Tuple, VortexConnection } = await import("./static/vortex.mjs")
  const connection = new VortexConnection("./vortex")
  const list = document.querySelector("ul")
  const nodes = new Map()
  window.jobs = connection.observe("act", "act.Job", (rows) => {
    const now = rows.map((job) => {
      const node = nodes.get(job.id) ?? document.createElement("li")
      nodes.set(job.id, node)
      if (node.textContent !== job.title) node.textContent = job.title
      return node
    })
    list.replaceChildren(...now)
  })
  await new Promise((done) => jobs.addEventListener("state", done))
  window.seen = []
  const look = () => {
    const text = [...list.children].map((item) => item.textContent).join(" ")
    if (seen.at(-1) !== text) seen.push(text)
  }
  new MutationObserver(look).observe(list, { subtree: true, childList: true, characterData: true })
  const frame = () => (look(), requestAnimationFrame(frame))
  frame()
  const send = (name, type, fields, options) => connection.act(name, new Tuple(type, fields), options)
  window.rename = (id, title, isEarly = false) => {
    const optimistic = jobs.withUpdated(id, { title })
    return send("act", "act.Rename", { id, title, isEarly }, { optimistic }).then(
      () => "done",
      ({ code }) => code,
    )
  }
  window.release = () => send("others", "act.Release", {})
  window.meddle = (id, title) => send("others", "act.Meddle", { id, title })
  window.frames = (count) => new Promise((done) => {
    const next = () => (count-- ? requestAnimationFrame(next) : done())
    next()
  })
  window.until = async (isSo) => {
    while (!isSo()) await frames(1)
  }
}"""


@pytest.fixture
def page(tmp_path: Path, visit: Visits) -> Iterator[Page]:
    server = Acting(tmp_path, module="tests.browser.acting_server")
    try:
        page = visit.visitor().page()
        page.goto(server.url)
        page.evaluate(PREPARE)
        yield page
        page.goto("about:blank")  # or it misses the server, and complains
    finally:
        server.kill()
    assert server.child.errors == "", str(server.child)


class Acting(DemoServer):
    def rows(self) -> list[dict[str, Any]]:
        return []


class TestAnActionThatIsRefused:
    def test_leaves_the_exact_row_that_was(self, page: Page) -> None:
        told = page.evaluate(
            """async () => {
                 const before = jobs.get(2)
                 const others = [jobs.get(1), jobs.get(3)]
                 const outcome = rename(2, "")
                 const ahead = jobs.get(2).title
                 await frames(3)
                 await release()
                 const code = await outcome
                 await frames(3)
                 const isSame = jobs.get(2) === before && jobs.rows[1] === before
                 return [ahead, code, isSame, others.every((row) => jobs.get(row.id) === row), before.title]
               }"""
        )

        assert told == ["", "no-title", True, True, "two"]
        assert page.evaluate("() => seen") == ["one two three", "one  three", "one two three"]

    def test_leaves_what_another_has_made_of_the_row_meanwhile(self, page: Page) -> None:
        page.evaluate(
            """async () => {
                 const outcome = rename(2, "")
                 await frames(2)
                 await meddle(1, "ONE")
                 await meddle(2, "TWO")
                 await until(() => jobs.get(1).title === "ONE")
                 await frames(3)
                 await release()
                 await outcome
                 await frames(3)
               }"""
        )

        assert page.evaluate("() => seen") == ["one two three", "one  three", "ONE  three", "ONE TWO three"]


class TestAnActionThatIsDone:
    @pytest.mark.parametrize(
        "isEarly", [True, False], ids=["told before its answer", "told after its answer"]
    )
    def test_is_never_shown_as_something_older_in_between(self, page: Page, isEarly: bool) -> None:
        outcome = page.evaluate(
            """async (isEarly) => {
                 const { position } = jobs
                 const outcome = rename(2, "TWO", isEarly)
                 await frames(3)
                 await release()
                 const done = await outcome
                 await until(() => jobs.position !== position)
                 await frames(10)
                 return [done, jobs.get(2).title]
               }""",
            isEarly,
        )

        assert outcome == ["done", "TWO"]
        assert page.evaluate("() => seen") == ["one two three", "one TWO three"]

    def test_of_several_on_one_row_each_frame_shows_the_last(self, page: Page) -> None:
        page.evaluate(
            """async () => {
                 const outcomes = [rename(2, "a"), rename(2, "b", true), rename(2, "c")]
                 let open = outcomes.length
                 for (const outcome of outcomes) outcome.then(() => open--)
                 await frames(2)
                 while (open) {
                   await release()
                   await frames(2)
                 }
                 await frames(40)
               }"""
        )

        # They were asked for in one turn, and so drawn in one.
        assert page.evaluate("() => seen") == ["one two three", "one c three"]
        assert page.evaluate("() => jobs.get(2).title") == "c"

    def test_lies_over_what_another_does_to_the_row_and_gives_way_to_what_comes_later(
        self, page: Page
    ) -> None:
        page.evaluate(
            """async () => {
                 const outcome = rename(2, "mine")
                 await frames(2)
                 await meddle(2, "theirs")
                 await frames(10)
                 await release()
                 await outcome
                 await frames(30)
                 await meddle(2, "later")
                 await until(() => jobs.get(2).title === "later")
                 await frames(3)
               }"""
        )

        assert page.evaluate("() => seen") == ["one two three", "one mine three", "one later three"]
