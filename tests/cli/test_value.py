"""`millrace explain-value` and `features`: what is behind a number, and what numbers there are."""

import json
import re
from datetime import datetime, timedelta

import pytest

from millrace.loading import load
from millrace.serve.home import Home
from millrace.types import instant
from tests.cli.shop import NOW, live
from tests.cli.test_describe import rows

AT = "2026-02-20T12:00:00Z"


def clicks(shop, item, since, until):
    """Return the imported clicks on an item, as (id, at) in order."""
    lines = (shop.folder / "clicks.csv").read_text().splitlines()[1:]
    found = [line.split(",") for line in lines]
    return sorted(datetime.fromisoformat(at) for at, _, of in found if of == item and since <= datetime.fromisoformat(at) < until)


def test_value_is_that_of_the_events_that_were_known_and_lie_in_the_window(stocked):
    said = stocked.millrace("explain-value", "shop.py", "clicks[Item, 7d]", "item-3", AT, "--json")
    assert said.status == 0, said.err
    found = json.loads(said.out)
    [part] = found["parts"]
    since, until = (datetime.fromisoformat(instant) for instant in (part["happened_from"], found["known_before"]))
    assert (since, until) == (datetime.fromisoformat("2026-02-13T12:00:00Z"), datetime.fromisoformat(AT))
    expected = clicks(stocked, "item-3", since, until)
    assert [datetime.fromisoformat(event["at"]) for event in part["events"]] == expected
    assert found["value"] == part["value"] == len(expected) > 0
    assert {event["item"] for event in part["events"]} == {"item-3"}


def test_value_is_the_one_that_was_served(stocked):
    stocked.millrace("train", "shop.py")
    live(stocked, 60)
    said = stocked.millrace("explain", "shop.py", "visit-50").out
    [names] = re.findall(r"^feature +(.*?) *$", said, re.M)
    [values] = re.findall(r"^taste +(.*?) *$", said, re.M)
    home = stocked.millrace("explain", "shop.py", "visit-50").out
    [watermark] = re.findall(r"it saw what was known before (\S+) (\S+) UTC", home)
    item, served = names.split()[0], values.split()[0]
    [category] = re.findall(r"^Item.category +(\S+)", said, re.M)
    at = f"{watermark[0]}T{watermark[1]}Z"
    found = json.loads(stocked.millrace("explain-value", "shop.py", "taste", "user-10", category, at, "--json").out)
    assert item.startswith("item-")
    assert found["value"] == float(served)
    assert found["keys"] == {"User": "user-10", "Item.category": category}


def test_window_that_reaches_into_what_is_no_longer_kept_is_said_to_tell_too_little(stocked):
    asked = ("explain-value", "shop.py", "clicks[Item, 7d]", "item-3", AT)
    whole = json.loads(stocked.millrace(*asked, "--json").out)
    assert whole["parts"][0]["kept_from"] is None
    home = Home(stocked.folder / ".millrace", load(str(stocked.folder / "shop.py")))
    home.log.retain({"Click": instant(datetime.fromisoformat("2026-02-18T00:00:00Z"))})
    home.close()
    left = json.loads(stocked.millrace(*asked, "--json").out)
    assert 0 < left["value"] < whole["value"]
    assert datetime.fromisoformat(left["parts"][0]["kept_from"]) == datetime.fromisoformat("2026-02-18T00:00:00Z")
    gone = "what happened before 2026-02-18 00:00:00 UTC is no longer kept (retain=), and may have counted when this was served"
    assert gone in stocked.millrace(*asked).out.splitlines()
    later = stocked.millrace("explain-value", "shop.py", "clicks[Item, 7d]", "item-3", "2026-02-26T12:00:00Z").out
    assert "no longer kept" not in later


@pytest.mark.parametrize("spelt", ['clicks["7d"]', "clicks[7d]", "clicks[(Item), '7d']"])
def test_feature_may_be_spelt_as_in_the_module(stocked, spelt):
    one, other = (
        json.loads(stocked.millrace("explain-value", "shop.py", name, "item-3", AT, "--json").out) for name in (spelt, "clicks[Item, 7d]")
    )
    assert one["value"] == other["value"]
    assert one["parts"] == other["parts"]


def test_table_says_the_bounds_and_both_clocks(stocked):
    said = stocked.millrace("explain-value", "shop.py", "appeal", "item-3", AT).out
    assert re.search(r"^appeal of Item item-3 is 0\.\d+$", said, re.M)
    assert "as of 2026-02-20 12:00:00 UTC: what was known before counts" in said
    assert re.search(
        r"^count\(Click\) per \(Item\) over 7d by 3h of Item item-3 is \d+: \d+ events that happened from 2026-02-13", said, re.M
    )
    assert re.search(r"^event +at \(happened\) +known *$", said, re.M)


def test_instants_are_taken_as_they_are_printed_and_printed_as_instants(stocked):
    asked = ("explain-value", "shop.py", "Item.added_at", "item-3")
    for at in (AT, "2026-02-20 12:00:00 UTC", "2026-02-20 12:00:00.000001 UTC"):
        assert stocked.millrace(*asked, at).out.startswith("Item.added_at of Item item-3 is 2026-01-25 00:00:00 UTC\n")
        assert datetime.fromisoformat(json.loads(stocked.millrace(*asked, at, "--json").out)["value"]) == NOW - timedelta(days=35)


def test_an_aggregate_of_instants_is_printed_as_one_and_so_is_what_each_event_adds(stocked):
    module = stocked.folder / "shop.py"
    text = module.read_text().replace("Array,", "Array, first,", 1).replace("features=[clicks,", "features=[born, clicks,", 1)
    module.write_text(text.replace("\nranker = Model(", "\nborn = first(Click.item.added_at, per=Item)\nranker = Model(", 1))
    said = stocked.millrace("explain-value", "shop.py", "born", "item-3", AT)
    assert said.status == 0, said.err
    assert said.out.startswith("born of Item item-3 is 2026-01-25 00:00:00 UTC\n")
    [part] = json.loads(stocked.millrace("explain-value", "shop.py", "born", "item-3", AT, "--json").out)["parts"]
    assert {datetime.fromisoformat(one["adds"]) for one in part["events"]} == {datetime.fromisoformat(part["value"])}


def test_now_is_just_after_all_that_is_logged(stocked):
    ever = json.loads(stocked.millrace("explain-value", "shop.py", "Item.category", "item-3", "now", "--json").out)
    assert ever["value"] == "mugs"
    assert "as of " in stocked.millrace("explain-value", "shop.py", "appeal", "item-3", "now").out


def test_functions_and_attributes_are_explained_too(stocked):
    heat = json.loads(stocked.millrace("explain-value", "shop.py", "heat", "item-3", AT, "--json").out)
    assert [part["column"].partition(" over ")[2] for part in heat["parts"]] == ["1d by 24m", "7d by 3h"]
    day, week = (part["value"] for part in heat["parts"])
    assert heat["value"] == pytest.approx((day * 7 + 1) / (week + 7))
    kind = json.loads(stocked.millrace("explain-value", "shop.py", "Item.category", "item-3", AT, "--json").out)
    assert (kind["value"], kind["parts"]) == ("mugs", [])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["taste", "user-1", AT], "taste is kept per User, Item.category: give 2 of them before the instant, not 1"),
        (["clicks", "item-1", AT], "reads no feature 'clicks': choose clicks[Item, 1d], clicks[Item, 7d]"),
        (["clicks[Item]", "item-1", AT], "reads no feature 'clicks[Item]': choose clicks[Item, 1d], clicks[Item, 7d]"),
        (['clicks["3d"]', "item-1", AT], "choose clicks[Item"),
        (["tast", "item-1", AT], "reads no feature 'tast': choose taste"),
        (["appeal", "item-1", "noon"], "'noon' is no instant: write 2026-03-01T12:00:00Z"),
        (["appeal", "item-1", "2026-02-20T12:00:00"], "has no time zone"),
    ],
)
def test_what_cannot_be_explained_is_said(stocked, asked, message):
    said = stocked.millrace("explain-value", "shop.py", *asked)
    assert said.status == 1
    assert message in said.err


def test_features_are_listed_with_how_fresh_they_are_and_who_reads_them(shop):
    module = shop.folder / "shop.py"
    module.write_text(module.read_text().replace("class Click(Event):", 'class Click(Event, lag="6h"):'))
    said = shop.millrace("features", "shop.py")
    assert said.status == 0, said.err
    found = {row[0]: row[1:] for row in rows(said.out, "Features")}
    assert found["clicks[Item, 7d]"] == ["count of Click", "Item", "7d", "3h", "0", "6h late", "ranker, appeal, heat"]
    assert found["shown"][-2] == "at once"
    assert "6h late" in found["appeal"]
