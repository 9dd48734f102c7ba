"""The log of every version is kept as it was written: this build replays it to the numbers that are worked out here by hand."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from millrace.decision import Decision, Decisions
from millrace.features.offline import backfill
from millrace.features.online import OnlineView
from millrace.features.plan import plan
from millrace.log.log import Log
from millrace.types import DAY, HOUR, moment, objects
from tests.golden.log.street import FEATURES, START, Sale, Shop, Visit

ARCHIVES = sorted(Path(__file__).parent.glob("*.tar.gz"))
STREAMS = [Shop, Sale, Visit]


@pytest.fixture(params=ARCHIVES, ids=[path.name.removesuffix(".tar.gz") for path in ARCHIVES])
def folder(request, tmp_path):
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "log"


# Per (shop, watermark): sales of the last day, euros of the last week, pieces ever sold by its kind of shop, mean of what the back till
# took in two days, the last note. A sale happened every 6 hours from day 0 on; 0 to 3 (1.50 each, 2 pieces, no till yet) became known
# on day 1, 4 and 5 (2.00 and 10.25) on day 2, 6 (4.75, 3 pieces) on day 3. The south went from books to bread an hour into day 2.
EXPECTED = {
    ("north", START + DAY): (0, 0.0, 0, np.nan, None),
    ("north", START + DAY + HOUR): (3, 6.0, 8, np.nan, None),
    ("north", START + 2 * DAY + HOUR // 6): (1, 8.0, 9, 2.0, "warm"),
    ("south", START + 2 * DAY + HOUR // 6): (1, 10.25, 1, 10.25, None),
    ("south", START + 2 * DAY + 2 * HOUR): (1, 10.25, 9, 10.25, None),
    ("south", START + 3 * DAY + HOUR): (0, 15.0, 12, 7.5, "Grüße"),
    ("north", START + 8 * DAY): (0, 2.0, 12, np.nan, "warm"),
}


def test_features_are_the_numbers_worked_out_by_hand(folder):
    wanted = plan(Visit, None, FEATURES)
    shops, watermarks = zip(*EXPECTED, strict=True)
    n = len(EXPECTED)
    rows = {"id": objects(f"q{i}" for i in range(n)), "at": np.array(watermarks), "watermark": np.array(watermarks), "shop": objects(shops)}
    with Log.open(folder, STREAMS) as log:
        found = backfill(wanted, FEATURES, rows, lambda stream, until: log.read(stream, known_until=until))
    for place, expected in enumerate(EXPECTED.values()):
        for feature, value in zip(FEATURES, expected, strict=True):
            assert is_same(found[feature.column][place], value), (feature.column, shops[place], watermarks[place])


def test_view_of_an_old_log_says_the_same(folder):
    wanted = plan(Visit, None, FEATURES)
    with Log.open(folder, STREAMS, read_only=True) as log:
        for (shop, watermark), expected in EXPECTED.items():
            view = OnlineView(wanted)
            for batch in log.replay(streams=wanted.streams, known_until=watermark):
                view.apply(batch)
            asked = {"id": objects(["q"]), "at": np.array([watermark]), "shop": objects([shop])}
            found = view.lookup(FEATURES, Decisions(asked, {"request": np.array([0]), "candidate": objects(["q"])}), watermark)
            for feature, value in zip(FEATURES, expected, strict=True):
                assert is_same(found[feature.column][0], value), (feature.column, shop, watermark)


def is_same(found, expected):
    """Return whether two values are equal, both missing included."""
    return found == expected or (found != found and expected != expected)


def test_records_are_as_they_were_written_and_writing_goes_on(folder):
    with Log.open(folder, STREAMS) as log:
        assert log.counts() == {"Shop": 3, "Sale": 7, "Visit": 1, "decision": 1}
        assert log.find(Shop, "north") == Shop(id="north", kind="bread", opened=moment(START))
        assert log.find(Sale, "s0").till == "front"
        assert log.find(Sale, "s5").is_gift is True
        assert log.read(Decision)["id"].tolist() == ["v1"]
        assert log.decision("v1").candidate == ["south"]
        again = log.append([log.find(Sale, "s6"), Visit(id="v2", at=moment(START + 4 * DAY), shop="north")], START + 4 * DAY)
        assert again.duplicates.tolist() == [True, False]
        before = log.read(Sale)
        log.compact(fan_in=2)
        assert log.read(Sale)["euros"].tolist() == before["euros"].tolist()


def test_there_is_an_old_log():
    assert ARCHIVES
