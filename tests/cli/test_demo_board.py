"""The demo's database: opened, filled once, and what is said when it cannot be."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from vortex.cli.demo_board import Board, Job, greatestId, openBoard


@contextmanager
def board(database: str | None) -> Iterator[Board]:
    opened = openBoard(database)
    try:
        yield opened
    finally:
        opened.close()


def sql(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


class TestOpening:
    def test_makes_a_file_in_this_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        with board(None) as opened:
            assert opened.place == str(tmp_path / "vortex-demo.sqlite")

        assert [path.name for path in tmp_path.iterdir()] == ["vortex-demo.sqlite"]

    def test_begins_with_a_few_jobs(self, tmp_path: Path) -> None:
        with board(f"sqlite:///{tmp_path}/a.sqlite"):
            pass

        rows = sql(tmp_path / "a.sqlite", "select id, title, status from vortex_demo_job order by id")
        assert rows[0] == (1, "Water the plants", "open")
        assert [number for number, _, _ in rows] == [1, 2, 3, 4, 5, 6]
        assert {status for _, _, status in rows} == {"open", "doing", "done"}

    def test_puts_them_there_once_and_not_again_when_they_are_gone(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/a.sqlite"
        with board(url):
            pass
        sql(tmp_path / "a.sqlite", "delete from vortex_demo_job")

        with board(url):
            assert sql(tmp_path / "a.sqlite", "select * from vortex_demo_job") == []

    def test_gives_no_id_twice_in_a_file_that_did(self, tmp_path: Path) -> None:
        path = tmp_path / "a.sqlite"
        columns = "id integer not null primary key, title text, status text, assignee text, due datetime"
        sql(path, f"create table vortex_demo_job ({columns})")
        rows = "(3, 'dig', 'open', 'Ada', null), (7, 'sow', 'done', null, null)"
        sql(path, f"insert into vortex_demo_job values {rows}")

        for _ in range(2):
            with board(f"sqlite:///{path}") as opened, opened.sessions() as session:
                assert greatestId(session) == 7
        sql(path, "delete from vortex_demo_job where id = 7")

        with board(f"sqlite:///{path}") as opened, opened.sessions() as session:
            assert greatestId(session) == 7
            session.add(Job(title="mow", status="open"))
            session.commit()
        assert sql(path, "select * from vortex_demo_job") == [
            (3, "dig", "open", "Ada", None),
            (8, "mow", "open", None, None),
        ]
        assert sql(path, "select name from sqlite_master where name like '%older%'") == []

    def test_works_in_memory_too(self) -> None:
        with board("sqlite://") as opened:
            assert opened.place == "memory"
            with opened.sessions() as session:
                assert session.scalar(select(func.count()).select_from(Job)) == 6


class TestWhatCannotBeOpened:
    def refused(self, database: str) -> str:
        with pytest.raises(SystemExit) as end:
            openBoard(database)
        text = end.value.code
        assert isinstance(text, str)
        assert "\n" not in text
        return text

    @pytest.mark.parametrize("database", ["", "jobs.sqlite", "postgresql://u@h:port/db"])
    def test_is_no_url(self, database: str) -> None:
        assert self.refused(database).startswith("vortex demo: --database needs a URL, as in sqlite:///")

    def test_is_of_a_kind_that_nobody_knows(self) -> None:
        assert self.refused("dbase://x") == "vortex demo: SQLAlchemy knows no database called 'dbase'"

    def test_needs_a_driver_and_keeps_its_password_to_itself(self) -> None:
        text = self.refused("mysql+pymysql://u:hidden@h/db?charset=utf8")

        assert text.startswith("vortex demo: mysql+pymysql://u:***@h/db needs a driver")
        assert "pymysql" in text

    def test_is_a_file_that_cannot_be_made(self, tmp_path: Path) -> None:
        path = f"{tmp_path}/no/a.sqlite"

        text = self.refused(f"sqlite:///{path}")

        assert text == f"vortex demo: the database {path} cannot be used: unable to open database file"

    def test_is_a_file_of_another_kind(self, tmp_path: Path) -> None:
        (tmp_path / "a.sqlite").write_text("a letter, rather long, and certainly no database at all")

        assert self.refused(f"sqlite:///{tmp_path}/a.sqlite").endswith("file is not a database")

    def test_has_a_table_of_that_name_that_is_another(self, tmp_path: Path) -> None:
        sql(tmp_path / "a.sqlite", "create table vortex_demo_job (id integer primary key)")

        assert "no such column" in self.refused(f"sqlite:///{tmp_path}/a.sqlite")


class TestJob:
    def test_has_the_fields_that_the_page_names(self) -> None:
        assert list(Job.__tupleFields__) == ["id", "title", "status", "assignee", "due"]
        assert Job.tupleType() == "demo.Job"
