"""`millrace score`: the decisions of a server, in a file, as of one instant; interrupted anywhere, it goes on."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.decision import Decision
from millrace.errors import Unavailable
from millrace.loading import load
from millrace.log.streams import codec_of
from millrace.operate.as_of import AsOf
from millrace.operate.scored_rows import requests_in, table_of
from millrace.operate.scoring import Scoring
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import moment
from tests.cli.shop import NOW, live


@pytest.fixture
def trained(stocked):
    """A shop that serves a release, and has decided with it."""
    said = stocked.millrace("train", "shop.py")
    assert said.status == 0, said.err
    live(stocked, visits=40)
    return stocked


def ask(shop, n=30, **columns):
    """Write a file of requests and return it."""
    path = shop.folder / "asked.parquet"
    pq.write_table(pa.table({"user": [f"user-{place % 40}" for place in range(n)], **columns}), path)
    return path


def opened(shop):
    loaded = load(str(shop.folder / "shop.py"))
    return loaded, Home(shop.folder / ".millrace", loaded)


def scored(shop, *options):
    said = shop.millrace("score", "shop.py", "--input", "asked.parquet", "--output", "decided.parquet", *options)
    assert said.status == 0, said.err
    return said, pq.read_table(shop.folder / "decided.parquet")


def test_it_decides_what_the_server_decides(trained):
    ask(trained, 30, id=[f"night-{n}" for n in range(30)], at=[NOW + timedelta(days=3)] * 30)
    said, table = scored(trained, "--batch", "7")
    loaded, home = opened(trained)
    try:
        until = home.log.last_known + 1
        [requests] = requests_in(trained.folder / "asked.parquet", loaded, until, 100)
        engine = Engine(loaded, home, now=lambda: until, patient=True)
        served = table_of(engine.answer(codec_of(type(requests[0])).columns(requests)))
        assert engine.standing.champion in said.out
        engine.close()
    finally:
        home.close()
    own = [name for name in table.column_names if name != "watermark"]  # the server gives each an instant of its own
    assert table.select(own).equals(served.select(own))
    assert set(table.column("request").to_pylist()) == {f"night-{n}" for n in range(30)}
    assert not (trained.folder / "decided.parquet.parts").exists()


def test_what_comes_later_changes_nothing(trained):
    ask(trained)
    loaded, home = opened(trained)
    try:
        until, standing = home.log.last_known + 1, home.releases.standing(loaded.name)
        [requests] = requests_in(trained.folder / "asked.parquet", loaded, until, 100)
        before = AsOf(loaded, home, until, standing).decide(requests)
        engine = Engine(loaded, home, now=lambda: until + 10**9, patient=True)
        engine.ingest([loaded.streams["Click"](at=moment(until), user=f"user-{n}", item="item-3") for n in range(40)])
        engine.close()  # with a snapshot that is too new
        assert AsOf(loaded, home, until, standing).decide(requests) == before
        assert AsOf(loaded, home, until + 2 * 10**9, standing).decide(requests) != before
    finally:
        home.close()


def test_interrupted_after_any_piece_it_goes_on_with_the_same(trained):
    given = ask(trained, 25)
    loaded, home = opened(trained)
    output = trained.folder / "decided.parquet"

    def begun(at):
        how = Scoring.how(given, loaded, at, home.releases.standing(loaded.name), 5, home.log.forgotten, is_logged=False)
        return Scoring(given, output, how, home.spills)

    try:
        first = home.log.last_known + 1
        whole = begun(first)
        whole.run(loaded, AsOf(loaded, home, first, whole.begun.standing).decide, lambda _: None)
        expected = pq.read_table(output)
        for pieces in range(5):
            calls = []

            def decide(requests, pieces=pieces, calls=calls):
                if len(calls) == pieces:
                    raise Unavailable("the lights went out")
                calls.append(len(requests))
                return AsOf(loaded, home, first, whole.begun.standing).decide(requests)

            work = begun(first)
            with pytest.raises(Unavailable):
                work.run(loaded, decide, lambda _: None)
            again = begun(first + 10**12)
            assert (again.begun.at, again.is_resumed) == (first, pieces > 0), "as of when it was begun first"
            done = []
            fixed = AsOf(loaded, home, again.begun.at, again.begun.standing)
            again.run(loaded, lambda requests, done=done, fixed=fixed: done.append(1) or fixed.decide(requests), lambda _: None)
            assert len(done) == 5 - pieces
            assert pq.read_table(output).equals(expected)
    finally:
        home.close()


def test_other_requests_begin_anew(trained):
    loaded, home = opened(trained)
    try:
        for n in (10, 11):
            given = ask(trained, n)
            how = Scoring.how(given, loaded, n, home.releases.standing(loaded.name), 5, 0, is_logged=False)
            work = Scoring(given, trained.folder / "decided.parquet", how, home.spills)
            assert (work.begun.at, work.is_resumed) == (n, False)
            (work.folder / "0000000.parquet").write_bytes(b"what was done")
    finally:
        home.close()


def test_logged_decisions_are_decided_once_and_proven(trained):
    ask(trained, 20)
    _, table = scored(trained, "--log")
    ids = table.column("request").to_pylist()
    said = trained.millrace("explain", "shop.py", ids[0])
    assert said.status == 0, said.err
    said = trained.millrace("verify", "shop.py")
    assert said.status == 0, said.out


def test_nothing_taken_is_a_row_without_a_candidate():
    rows = table_of([Decision(id="a", at=1, system="s", watermark=2, action="shown")]).to_pylist()
    assert [(row["request"], row["candidate"], row["rank"]) for row in rows] == [("a", None, None)]


@pytest.mark.parametrize("name", ["decided.csv", "decided"])
def test_file_that_would_not_be_what_its_name_says_is_refused(trained, name):
    ask(trained)
    said = trained.millrace("score", "shop.py", "--input", "asked.parquet", "--output", name)
    refused = f"error: {name}: decisions are written as Parquet, under no other name: give --output decided.parquet\n"
    assert (said.status, said.err) == (1, refused)
    assert not (trained.folder / name).exists()
    (trained.folder / "asked.csv").write_text("user\nuser-1\n")
    said = trained.millrace("score", "shop.py", "--input", "asked.csv", "--output", "decided.parquet")
    assert "asked.csv cannot be read as Parquet, which is all that is read here" in said.err


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"limit": ["3", "many"]}, "limit"),
        ({"at": ["2026-01-01"] * 2}, "at"),
        ({"limit": [3.0, 2.5]}, "row 2: Visit: `limit` takes a whole number, not a number with a point"),
        ({"user": [None, "user-1"]}, "row 1: Visit: missing the field `user`"),
        ({"limit": [3, 0]}, "row 2: Visit: `limit` says how many to take: write 1 or more, not 0"),
    ],
)
def test_wrong_row_is_named(trained, columns, complaint):
    table = {"user": ["user-0", "user-1"], **columns}
    pq.write_table(pa.table(table), trained.folder / "asked.parquet")
    said = trained.millrace("score", "shop.py", "--input", "asked.parquet", "--output", "decided.parquet")
    assert said.status == 1
    assert complaint in said.err
    assert not (trained.folder / "decided.parquet").exists()


def test_ids_may_be_whole_numbers_and_whole_numbers_be_stored_as_others(trained):
    loaded, home = opened(trained)
    home.close()
    path = trained.folder / "asked.parquet"
    pq.write_table(pa.table({"id": [8.0, 9.0], "user": [1, 2], "limit": [3.0, None]}), path)
    [requests] = requests_in(path, loaded, 5, 100)
    assert [(one.id, one.user, one.limit) for one in requests] == [("8", "1", 3), ("9", "2", 5)]


def test_file_of_requests_is_not_replaced_by_its_decisions(trained):
    before = ask(trained).read_bytes()
    said = trained.millrace("score", "shop.py", "--input", "asked.parquet", "--output", "asked.parquet")
    assert (said.status, "asked.parquet is the file of requests" in said.err) == (1, True)
    assert (trained.folder / "asked.parquet").read_bytes() == before


def test_file_without_any_field_is_refused_and_others_are_named(trained):
    pq.write_table(pa.table({"usr": ["user-0"]}), trained.folder / "asked.parquet")
    said = trained.millrace("score", "shop.py", "--input", "asked.parquet", "--output", "decided.parquet")
    assert (said.status, "holds none of the fields of Visit: at, id, user" in said.err) == (1, True), said.err
    ask(trained, 3, note=["x"] * 3)
    said, _ = scored(trained)
    assert "left out, as no field of Visit: note" in said.out


def test_no_requests_make_an_empty_file(trained):
    ask(trained, 0, note=pa.array([], pa.string()))
    _, table = scored(trained)
    assert len(table) == 0


def test_naive_instants_are_refused(trained):
    ask(trained, 2, at=pa.array([0, 1], pa.timestamp("us")))
    said = trained.millrace("score", "shop.py", "--input", "asked.parquet", "--output", "decided.parquet")
    assert (said.status, "at has no time zone" in said.err) == (1, True)
