"""The PostgreSQL server that tests get is a real and empty one."""

from __future__ import annotations

from sqlalchemy import create_engine, text


class TestTheServer:
    def test_it_is_there(self, postgresqlUrl: str) -> None:
        engine = create_engine(postgresqlUrl)
        with engine.connect() as connection:
            assert connection.execute(text("select version()")).scalar_one().startswith("PostgreSQL")
            tables = "select count(*) from pg_tables where schemaname = 'public'"
            assert connection.execute(text(tables)).scalar_one() == 0
        engine.dispose()
