"""`millrace backfill` on a shop: features of rows a user gives, or of the decisions made, in a file beside them."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.cli.finding import named_features
from millrace.cli.opening import reading
from millrace.errors import Conflict
from millrace.loading import load
from millrace.operate.given_rows import read_rows
from millrace.operate.history import LogHistory
from millrace.operate.materialise import materialise
from millrace.operate.scored_rows import schema
from millrace.serve.home import Home
from millrace.types import EVER, instant

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


def test_ids_in_a_file_may_be_whole_numbers_even_as_floats(stocked):
    write(stocked, user=[7.0, None], candidate=[1, 2], at=[DAY] * 2)
    rows = read_rows(stocked.folder / "rows.parquet", load(str(stocked.folder / "shop.py")))
    assert (rows["user"].tolist(), rows["candidate"].tolist()) == (["7", None], ["1", "2"])


def test_without_rows_the_decisions_are_taken_and_the_numbers_are_those_in_memory(stocked):
    said = stocked.millrace("backfill", "shop.py", "--output", "out.parquet", "--feature", "taste", "--feature", "heat")
    assert said.status == 0, said.err
    written = pq.read_table(stocked.folder / "out.parquet")
    for name in ("at", "watermark"):
        assert written.schema.field(name).type == schema().field(name).type == pa.timestamp("us", "UTC")
    found = written.to_pydict()
    loaded = load(str(stocked.folder / "shop.py"))
    home = Home(stocked.folder / ".millrace", loaded, read_only=True)
    history = LogHistory(home.log, loaded)
    rows = history.decided(EVER, -EVER)
    wanted = {one.column.partition("@")[0]: one for one in loaded.plan.features.values()}
    taste = next(one for column, one in wanted.items() if "Item.category" in column and "30d" in column)
    expected = history.features(loaded.plan, [taste, wanted["heat"]], rows)
    home.close()
    assert found["id"] == rows["id"].tolist()
    assert [instant(at) for at in found["at"]] == rows["at"].tolist()
    assert stocked.millrace("backfill", "shop.py", "--rows", "out.parquet", "--output", "again.parquet", "-f", "appeal").status == 0
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
        ({"user": [7.5], "candidate": ["i"], "at": [DAY]}, [], "rows.parquet: user holds double, which is not large_string"),
        ({"user": ["u"], "candidate": ["i"], "at": [DAY], "taste": [1]}, [], "the rows have a column 'taste' already"),
        ({"user": ["u"], "candidate": ["i"], "at": [DAY]}, ["-f", "clicks"], "choose clicks[Item, 1d], clicks[Item, 7d]"),
    ],
)
def test_rows_that_cannot_be_used_are_refused_with_the_remedy(stocked, columns, options, message):
    write(stocked, **columns)
    said = backfill(stocked, *options)
    assert said.status == 1
    assert message in said.err


def interrupt(shop, output="out.parquet"):
    """Begin what the command does, and be interrupted once all parts are finished; return when each of them was written."""

    def tell(what, done, of):
        if what == "writing":
            raise KeyboardInterrupt

    rows, output = shop.folder / "rows.parquet", shop.folder / output
    with reading(str(shop.folder / "shop.py"), shop.folder / ".millrace") as desk:
        asked, wanted = read_rows(rows, desk.loaded), named_features(desk.loaded)
        with pytest.raises(KeyboardInterrupt):
            materialise(desk.home, desk.history, desk.loaded.plan, wanted, asked, rows, output, 1, tell)
    return {path.name: path.stat().st_mtime_ns for path in output.with_name(f"{output.name}.parts").iterdir()}


def test_interrupted_it_goes_on_and_begins_anew_when_the_rows_are_others(stocked):
    write(stocked, user=["user-1"], candidate=["item-1"], at=[DAY])
    kept = interrupt(stocked)
    assert "cut" in kept
    assert interrupt(stocked) == kept
    write(stocked, user=["user-1"], candidate=["item-2"], at=[DAY])
    assert backfill(stocked, "-f", "Item.category").status == 0
    assert pq.read_table(stocked.folder / "out.parquet").to_pydict()["Item.category"] == ["chairs"]
    assert not (stocked.folder / "out.parquet.parts").exists()


def test_a_file_that_cannot_have_its_name_is_said_and_what_is_finished_stays(stocked):
    write(stocked, user=["user-1"], candidate=["item-1"], at=[DAY])
    kept = interrupt(stocked)
    (stocked.folder / "out.parquet.parts" / "output.parquet").mkdir()
    assert "run the same command again to go on" in backfill(stocked).err
    (stocked.folder / "out.parquet.parts" / "output.parquet").rmdir()
    assert interrupt(stocked) == kept


def test_who_is_forgotten_leaves_what_an_interrupted_one_put_aside_and_it_begins_anew(stocked):
    write(stocked, user=["user-1", "user-2"], candidate=["item-1", "item-2"], at=[DAY] * 2)
    interrupt(stocked)
    parts, notes = stocked.folder / "out.parquet.parts", stocked.folder / ".millrace" / "spills"
    said = stocked.millrace("forget", "shop.py", "User:user-2", "--yes")
    assert said.status == 0, said.err
    assert f"and what an unfinished backfill put aside in {parts}: it begins anew" in " ".join(said.out.split())
    assert not parts.exists()
    assert list(notes.iterdir()) == []
    assert backfill(stocked).status == 0
    assert pq.read_table(stocked.folder / "out.parquet").num_rows == 2
    assert list(notes.iterdir()) == []


def test_who_is_forgotten_while_it_runs_stops_it_and_it_cannot_write_on(stocked):
    write(stocked, user=["user-1", "user-2"], candidate=["item-1", "item-2"], at=[DAY] * 2)
    rows, output = stocked.folder / "rows.parquet", stocked.folder / "out.parquet"
    told = []

    def tell(what, done, of):
        if not told:
            told.append(stocked.millrace("forget", "shop.py", "User:user-2", "--yes"))

    with reading(str(stocked.folder / "shop.py"), stocked.folder / ".millrace") as desk:
        asked, wanted = read_rows(rows, desk.loaded), named_features(desk.loaded)
        with pytest.raises(Conflict, match=r"somebody was forgotten while this ran.*: run the same command again"):
            materialise(desk.home, desk.history, desk.loaded.plan, wanted, asked, rows, output, 1, tell)
    assert told[0].status == 0, told[0].err
    assert {path.name for path in stocked.folder.glob("out.parquet*")} == set()


def test_parts_that_cannot_be_reached_are_said_until_they_are(stocked):
    disk = stocked.folder / "disk"
    disk.mkdir()
    write(stocked, user=["user-1"], candidate=["item-1"], at=[DAY])
    interrupt(stocked, "disk/out.parquet")
    disk.rename(stocked.folder / "elsewhere")
    said = stocked.millrace("forget", "shop.py", "User:user-1", "--yes")
    assert "cannot be reached" in said.out
    (stocked.folder / "elsewhere").rename(disk)
    said = stocked.millrace("forget", "shop.py", "User:user-2", "--yes")
    assert "cannot be reached" not in said.out
    assert not (disk / "out.parquet.parts").exists()
