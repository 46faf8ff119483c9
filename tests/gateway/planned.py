"""Ask the embedded store how it goes about a query: what a test can say of speed without a clock."""

from __future__ import annotations

from typing import Any


class Planned:
    """Stand for a connection, and note its steps, and which read the whole of a table named."""

    def __init__(self, conn: Any, *tables: str) -> None:
        self._conn, self._whole = conn, {f"SCAN {table}" for table in tables}
        self.read: list[str] = []
        self.steps: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    async def execute(self, query: Any) -> Any:
        sql = str(query.compile(dialect=self._conn.dialect, compile_kwargs={"literal_binds": True}))
        plan = (await self._conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")).all()
        self.steps += [row[-1] for row in plan]
        self.read += [row[-1] for row in plan if row[-1].split(" USING")[0] in self._whole]
        return await self._conn.execute(query)
