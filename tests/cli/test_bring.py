"""`millrace import`: history brought in, and every row accounted for."""

import json

import pytest


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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
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
