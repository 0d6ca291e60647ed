from __future__ import annotations

from benchmarks.rounds import Columns, Ratio, inTurn
from benchmarks.table import Row, atLeast, atMost, compared, grown, markdown


class TestRounds:
    def test_everybody_is_measured_once_a_round_and_the_first_is_another_each_time(self) -> None:
        order: list[str] = []

        def case(name: str) -> int:
            order.append(name)
            return len(order)

        samples = inTurn({"a": lambda: case("a"), "b": lambda: case("b"), "c": lambda: case("c")}, 4)

        assert "".join(order) == "abcbcacababc"
        assert samples == {"a": [1, 6, 8, 10], "b": [2, 4, 9, 11], "c": [3, 5, 7, 12]}

    def test_columns_keep_ours_and_the_peer_apart(self) -> None:
        columns = Columns([2.0, 3.0], lambda number: {"double": 2 * number, "half": number / 2}, 2)

        assert columns.ours("double") == [4, 4]
        assert columns.peer("half") == [1.5, 1.5]

    def test_columns_without_a_peer_say_so(self) -> None:
        assert Columns([2.0], lambda number: {"double": 2 * number}, 1).peer("double") is None


class TestRatio:
    def test_is_the_middle_of_the_rounds_and_not_the_ratio_of_the_middles(self) -> None:
        # Round by round 10, 2 and 3; the middles are 20 and 10.
        assert Ratio.of([100, 20, 6], [10, 10, 2]) == Ratio(3, 2, 10)


class TestTable:
    def test_a_time_that_is_shorter_is_that_many_times_better(self) -> None:
        row = compared("encode", "s", [0.0002, 0.0002], [0.004, 0.006])

        assert row == Row("encode", "5 ms", "200 µs", Ratio(25, 20, 30))

    def test_a_rate_that_is_higher_is_better(self) -> None:
        row = compared("answers", "/s", [3000], [1500], higherIsBetter=True)

        assert row == Row("answers", "1,500 /s", "3,000 /s", Ratio(2, 2, 2))

    def test_growth_is_of_ours_alone(self) -> None:
        row = grown("take in one", "s", [2e-7], [3e-7], atMost(1.1))

        assert row.peer == ""
        assert row.ours == "200 ns → 300 ns"
        assert row.ratio is not None
        assert round(row.ratio.middle, 9) == 1.5

    def test_a_row_says_whether_its_target_is_met(self) -> None:
        ratio = Ratio(1200, 999.6, 1400.2)
        rows = [
            Row("routing", "1 ms", "1 µs", ratio, atLeast(500)),
            Row("encoding", "1 ms", "1 µs", Ratio(9.99, 9, 11), atLeast(10)),
            Row("growth", "", "1 µs → 1 µs", Ratio(1.04, 1, 2), atMost(1.1)),
            Row("alone", "", "1 µs", None),
        ]

        assert list(markdown(rows))[2:] == [
            "| routing | 1 ms | 1 µs | **1,200** | 1,000..1,400 | ≥ 500 | met |",
            "| encoding | 1 ms | 1 µs | **9.99** | 9..11 | ≥ 10 | missed |",
            "| growth |  | 1 µs → 1 µs | **1.04** | 1..2 | ≤ 1.1 | met |",
            "| alone |  | 1 µs |  |  |  |  |",
        ]

    def test_without_the_numbers_of_one_machine_ratios_are_left(self) -> None:
        rows = [Row("routing", "1 ms", "1 µs", Ratio(1200, 999.6, 1400.2), atLeast(500))]

        assert list(markdown(rows, ratiosOnly=True)) == [
            "| what | ratio | lowest..highest | target |  |",
            "|---|---:|---:|---:|---|",
            "| routing | **1,200** | 1,000..1,400 | ≥ 500 | met |",
        ]
