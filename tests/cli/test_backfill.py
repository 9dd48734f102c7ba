"""`millrace backfill` on a shop: features of rows a user gives, or of the decisions made, in a file beside them."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.loading import load
from millrace.operate.history import LogHistory
from millrace.serve.home import Home
from millrace.types import EVER

DAY = datetime(2026, 2, 20, tzinfo=UTC)


def write(shop, **columns):
    pq.write_table(pa.table(columns), shop.folder / "rows.parquet")


def backfill(shop, *more):
    return shop.millrace("backfill", "shop.py", "--rows", "rows.parquet", "--output", "out.parquet", *more)


def test_rows_keep_their_order_and_columns_and_have_the_features_beside_them(stocked):
    write(stocked, note=["b", "a", "a"], user=["user-1", "user-2", "user-1"], candidate=["item-1", "item-2", "x"], at=[DAY] * 3)
    said = backfill(stocked)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("out.parquet: 3 rows, 9 features, from ")
    found = pq.read_table(stocked.folder / "out.parquet").to_pydict()
    assert list(found)[:4] == ["note", "user", "candidate", "at"]
    assert found["note"] == ["b", "a", "a"]
    assert found["clicks[Item, 7d]"][0] > 0
    assert found["clicks[Item, 7d]"][2] == 0
    assert found["Item.category"] == ["lamps", "chairs", None]
    assert not (stocked.folder / "out.parquet.parts").exists()


def test_without_rows_the_decisions_are_taken_and_the_numbers_are_those_in_memory(stocked):
    said = stocked.millrace("backfill", "shop.py", "--output", "out.parquet", "--feature", "taste", "--feature", "heat")
    assert said.status == 0, said.err
    found = pq.read_table(stocked.folder / "out.parquet").to_pydict()
    loaded = load(str(stocked.folder / "shop.py"))
    home = Home(stocked.folder / ".millrace", loaded, read_only=True)
    history = LogHistory(home.log, loaded)
    rows = history.decided(EVER, -EVER)
    wanted = {one.column.partition("@")[0]: one for one in loaded.plan.features.values()}
    taste = next(one for column, one in wanted.items() if "Item.category" in column and "30d" in column)
    expected = history.features(loaded.plan, [taste, wanted["heat"]], rows)
    home.close()
    assert found["id"] == rows["id"].tolist()
    assert found["taste"] == expected[taste.column].tolist()
    np.testing.assert_allclose(found["heat"], expected[wanted["heat"].column])


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"user": ["u"], "candidate": ["i"]}, [], "rows.parquet does not say as of when: give it a column `watermark`, or `at`"),
        ({"user": ["u"], "at": [DAY]}, [], "rows.parquet has no column `candidate`: give the id of the Item of each row"),
        ({"user": ["u"], "candidate": ["i"], "at": [datetime(2026, 2, 1)]}, [], "rows.parquet: at has no time zone"),
        ({"user": ["u"], "candidate": ["i"], "at": ["now"]}, [], "rows.parquet: at holds string, which is not timestamp"),
        ({"candidate": ["i"], "at": [DAY]}, [], "the rows of Visit have no column 'user'"),
        ({"user": ["u"], "candidate": ["i"], "at": [DAY], "taste": [1]}, [], "the rows have a column 'taste' already"),
        ({"user": ["u"], "candidate": ["i"], "at": [DAY]}, ["-f", "clicks"], "choose clicks[Item, 1d], clicks[Item, 7d]"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_the_remedy(stocked, columns, options, message):
    write(stocked, **columns)
    said = backfill(stocked, *options)
    assert said.status == 1
    assert message in said.err


def test_interrupted_it_goes_on_and_begins_anew_when_the_rows_are_others(stocked):
    write(stocked, user=["user-1"], candidate=["item-1"], at=[DAY])
    (stocked.folder / "out.parquet.unfinished").mkdir()  # the file cannot be written
    assert "run the same command again to go on" in backfill(stocked).err
    kept = {path.name: path.stat().st_mtime_ns for path in (stocked.folder / "out.parquet.parts").iterdir()}
    assert "cut" in kept
    assert backfill(stocked).status == 1
    assert {path.name: path.stat().st_mtime_ns for path in (stocked.folder / "out.parquet.parts").iterdir()} == kept
    (stocked.folder / "out.parquet.unfinished").rmdir()
    write(stocked, user=["user-1"], candidate=["item-2"], at=[DAY])
    assert backfill(stocked, "-f", "Item.category").status == 0
    assert pq.read_table(stocked.folder / "out.parquet").to_pydict()["Item.category"] == ["chairs"]
