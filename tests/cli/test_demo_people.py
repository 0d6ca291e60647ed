"""Who is here, as everybody else is told: by bytes in and bytes out."""

from __future__ import annotations

from typing import Any

from tests.cli.demo_on_a_clock import DemoOnAClock
from tests.transports.wires import PostClient
from tests.wire_messages import base64Envelope

PEOPLE = {"key": "demo.people"}


def person(uuid: str, name: str, transport: str = "websocket") -> dict[str, Any]:
    return {"_ct": "rt", "_c": "demo.Person", "uuid": uuid, "name": name, "transport": transport}


ADA, BOB = person("a", "Ada"), person("b", "Bob")


class TestPeople:
    def test_are_those_who_are_connected_the_first_to_come_first(self, demo: DemoOnAClock) -> None:
        ada, _ = demo.page("a", "Ada"), demo.page("b", "Bob")

        answer = ada.ask(PEOPLE)

        assert answer == {"result": None, "tuples": [ADA, BOB]}

    def test_come_by_post_too(self, demo: DemoOnAClock) -> None:
        ada = demo.page("a", "Ada")
        bob = PostClient(demo.site)
        bob.post(base64Envelope(PEOPLE) + b".", uuid="b", name="Bob")
        demo.settle()

        both = [ADA, person("b", "Bob", "post")]
        assert ada.ask(PEOPLE)["tuples"] == both
        assert bob.messages[-1]["payload"]["tuples"] == both

    def test_are_told_of_whenever_somebody_comes_or_goes(self, demo: DemoOnAClock) -> None:
        ada = demo.page("a", "Ada")
        ada.ask(PEOPLE)

        bob = demo.page("b", "Bob")
        bob.lose()
        demo.settle()

        assert ada.pushed("demo.people") == [[ADA, BOB], [ADA]]

    def test_are_told_of_once_however_many_move_in_a_turn(self, demo: DemoOnAClock) -> None:
        ada = demo.page("a", "Ada")
        ada.ask(PEOPLE)
        pages = [demo.page(f"p{number}", "Page") for number in range(5)]
        before = len(ada.pushed("demo.people"))

        for page in pages:
            page.lose()
        demo.settle()

        assert ada.pushed("demo.people")[before:] == [[ADA]]

    def test_are_not_told_to_those_who_have_not_asked(self, demo: DemoOnAClock) -> None:
        ada = demo.page("a", "Ada")

        demo.page("b", "Bob")

        assert ada.pushed("demo.people") == []

    def test_are_one_for_each_uuid_and_it_is_the_newest(self, demo: DemoOnAClock) -> None:
        ada = demo.page("a", "Ada")
        old = demo.page("b", "Bob")
        demo.page("b", "Bobby")

        assert ada.ask(PEOPLE)["tuples"] == [ADA, person("b", "Bobby")]
        old.lose()
        demo.settle()
        assert ada.ask(PEOPLE)["tuples"] == [ADA, person("b", "Bobby")]

    def test_may_call_themselves_anything_and_not_at_length(self, demo: DemoOnAClock) -> None:
        ada = demo.page("a", "Ada")
        demo.page("b", "%3Cscript%3E%22%00" + "x" * 300)

        (_, other) = ada.ask(PEOPLE)["tuples"]

        assert other["name"] == ('<script>"\0' + "x" * 300)[:80]

    def test_are_two_hundred_at_most_the_newest(self, demo: DemoOnAClock) -> None:
        for number in range(202):
            demo.page(f"u{number}", "many")

        people = demo.page("a", "Ada").ask(PEOPLE)["tuples"]

        assert len(people) == 200
        assert (people[0]["uuid"], people[-1]["uuid"]) == ("u3", "a")

    def test_are_not_told_of_any_more_after_the_end(self, demo: DemoOnAClock) -> None:
        ada, bob = demo.page("a", "Ada"), demo.page("b", "Bob")
        ada.ask(PEOPLE)
        before = len(ada.pushed("demo.people"))

        bob.lose()
        for handler in demo.handlers:
            handler.shutdown()
        now = demo.clock.seconds()
        assert [each for each in demo.clock.getDelayedCalls() if each.getTime() <= now] == []
        demo.settle()

        assert ada.pushed("demo.people")[before:] == []
