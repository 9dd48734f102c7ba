"""`millrace import`: history brought in, and every row accounted for."""

import json
import random
from datetime import timedelta

import pytest

from millrace.cli.scaffold import scaffold
from millrace.loading import load
from tests.cli.shop import NOW


@pytest.fixture
def ready(shop):
    shop.invent()
    return shop


def test_rows_are_counted_and_a_second_import_adds_none(ready):
    assert ready.millrace("import", "shop.py", "Item", "items.csv", "-f", "at=added_at").out == "items.csv: 20 rows; 20 Item added\n"
    again = ready.millrace("import", "shop.py", "Item", "items.csv", "-f", "at=added_at")
    assert again.out == "items.csv: 20 rows; 0 Item added, 20 were there already\n"


def test_wrong_rows_are_set_aside_with_their_reasons(ready):
    rows = [("2026-01-01T10:00:00Z", "ada", "mug"), ("yesterday", "ada", "mug"), ("2026-01-01T10:00:00", "ada", "mug"), ("", "ada", "mug")]
    ready.write("clicks.csv", ["at", "user", "item"], rows)
    said = ready.millrace("import", "shop.py", "Click", "clicks.csv")
    assert said.status == 0
    assert "4 rows; 1 Click added" in said.out
    assert "3 set aside" in said.out
    assert "row 2   at: 'yesterday' is not an instant" in said.out
    assert "row 3   at: '2026-01-01T10:00:00' has no time zone" in said.out
    assert "row 4   at: missing" in said.out
    assert "are taken with --timezone" in said.out
    file = next((ready.folder / ".millrace/log/rejected").iterdir())
    assert file.name in said.out.replace("\n", "")
    assert [json.loads(line)["row"] for line in file.read_text().splitlines()] == [2, 3, 4]


def test_time_zone_and_constants_complete_the_rows(ready):
    ready.write("clicks.csv", ["at", "item"], [("2026-01-01 10:00:00", "mug")])
    said = ready.millrace("import", "shop.py", "Click", "clicks.csv", "--timezone", "Europe/Vienna", "--constant", "user=ada")
    assert "1 Click added" in said.out


def test_decided_history_is_there_to_be_explained(ready):
    said = ready.millrace("import", "shop.py", "Visit", "visits.csv", "--decided", "item")
    assert "1,500 Visit added" in said.out
    why = ready.millrace("explain", "shop.py", "past-7").out
    assert "past-7: shown by history, before any release" in why
    assert "considered 1 and took 1" in why


def pages(shop, extra=()):
    """Write pages of three items each, a page every twenty minutes, the rows of a page together, and what its users clicked."""
    chance, rows, clicks = random.Random(3), [], []
    for n in range(600):
        at, user = NOW - timedelta(minutes=20 * (600 - n)), f"user-{chance.randrange(40)}"
        for position, item in enumerate(chance.sample(range(20), 3), 1):
            rows.append((f"page-{n}", at, user, f"item-{item}", position, 1 / position, 3 / 20))
            if chance.random() < 0.1 + 0.03 * item:
                clicks.append((at + timedelta(minutes=1), user, f"item-{item}"))
    shop.write("pages.csv", ["page", "at", "user", "item", "position", "score", "propensity"], [*rows, *extra])
    shop.write("clicks.csv", ["at", "user", "item"], clicks)
    return rows


SHOWN = ("Visit", "pages.csv", "--shown", "item", "--field", "id=page", "--field", "place=position")


def test_slates_are_imported_once_explained_learned_from_and_judged_on(ready):
    """From a table of impressions to a release that serves, with nothing else than what was shown and clicked elsewhere."""
    rows = pages(ready)
    for stream, file, *options in (
        ("User", "users.csv", "-f", "at=since"),
        ("Item", "items.csv", "-f", "at=added_at"),
        ("Click", "clicks.csv"),
    ):
        assert ready.millrace("import", "shop.py", stream, file, *options).status == 0
    assert ready.millrace("import", "shop.py", *SHOWN).out == "pages.csv: 1,800 rows; 1,800 impressions added\n"
    again = ready.millrace("import", "shop.py", *SHOWN)
    assert again.out == "pages.csv: 1,800 rows; 0 impressions added, 1,800 were there already\n"
    why = ready.millrace("explain", "shop.py", "page-7").out
    assert "page-7: shown by history, before any release" in why
    assert "considered 3 and took 3" in why
    trained = ready.millrace("train", "shop.py")
    assert trained.status == 0, trained.err
    assert "passed" in trained.out
    counted = json.loads(ready.millrace("explain-value", "shop.py", "shown", "item-3", NOW.isoformat(), "--json").out)
    least, most = (sum(item == "item-3" and at >= NOW - timedelta(days=days) for _, at, _, item, *_ in rows) for days in (7, 8))
    assert 50 < least <= counted["value"] <= most
    judged = ready.millrace("replay", "shop.py", "--policy", "popular", "--json")
    assert judged.status == 0, judged.err
    found = json.loads(judged.out)
    assert (found["decisions"], found["rows"], found["unknown"]) == (600, 1800, 0)


def test_slate_with_a_wrong_row_is_set_aside_whole_and_said(ready):
    pages(ready, [("last", NOW, "user-1", "item-1", 1, "", ""), ("last", NOW, "user-1", "item-2", 3, "", "")])
    said = ready.millrace("import", "shop.py", *SHOWN)
    assert said.status == 0
    assert "1,802 rows; 1,800 impressions added" in said.out
    assert "place: not 1, 2, ... without a gap in its request" in said.out
    file = next((ready.folder / ".millrace/log/rejected").iterdir())
    assert [json.loads(line)["row"] for line in file.read_text().splitlines()] == [1801, 1802]


def test_system_that_acts_shows_no_candidates(shop):
    scaffold("loans", "score", shop.folder)
    shop.write("past.csv", ["id", "at", "action"], [("one", NOW, "approve")])
    asked = load(str(shop.folder / "loans.py")).system.request.__name__
    said = shop.millrace("import", "loans.py", asked, "past.csv", "--shown", "action")
    assert (said.status, said.err) == (
        1,
        "error: --shown: loans acts, it has no candidates to show: --decided takes the column of what was done\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Click", "clicks.csv", "--shown", "item"), "--shown: decisions are made on Visit, not on Click"),
        (("Visit", "visits.csv", "--shown", "item"), "no column says where each candidate stood: map one to `place`, which counts from 1"),
        (("Visit", "visits.csv", "--shown", "item", "--decided", "item"), "give one of the two"),
        (("Clack", "clicks.csv"), "shop has no class Clack: choose Click, Item, User, Visit"),
        (("Click", "clicks.csv", "--decided", "item"), "decisions are made on Visit, not on Click"),
        (("Click", "clicks.csv", "--field", "item"), "'item' is not written name=value"),
        (("Click", "clicks.csv", "--field", "item=goods"), "there is no column 'goods'"),
        (("Item", "items.csv"), "at is required"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(ready, arguments, said):
    answer = ready.millrace("import", "shop.py", *arguments)
    assert (answer.status, answer.out) == (1, "")
    assert said in answer.err
    assert answer.err.count("\n") == 1
