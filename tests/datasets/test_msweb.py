"""Anonymous Microsoft Web Data: its files, and a trial that cannot see what it asks for."""

import numpy as np

from millrace.datasets.registry import data_set
from millrace.datasets.table import typed
from millrace.types import MINUTE

MSWEB = data_set("msweb")
HEAD = 'I,4,"www.microsoft.com","created by getlog.pl"\nA,1277,1,"NetShow for PowerPoint","/stream"\nA,1253,1,"MS ""Word""","/worddev"\n'
TRAIN = f'{HEAD}C,"10001",10001\nV,1277,1\nV,1253,1\nC,"10002",10002\nV,1253,1\n'
TEST = f'{HEAD}C,"10001",10001\nV,1253,1\nV,1277,1\nC,"10005",10005\nV,1277,1\n'


def tables(train=TRAIN, test=TEST):
    raw = MSWEB.unpack([train.encode(), test.encode()])
    return {name: typed(name, columns, raw[name]) for name, columns in MSWEB.tables.items()}


def test_lines_of_the_files_become_tables():
    found = tables()
    assert found["items"].rows["title"].tolist() == ["NetShow for PowerPoint", 'MS "Word"']
    assert found["train_visits"].rows["user_id"].tolist() == ["10001", "10001", "10002"]
    assert found["test_visits"].rows["item_id"].tolist() == ["1253", "1277", "1277"]


def test_what_is_asked_for_was_never_seen():
    trial = MSWEB.trial(tables())
    visits = trial.streams["Visit"]
    seen = set(zip(visits["visitor"].tolist(), visits["page"].tolist(), strict=True))
    asked = set(zip(trial.requests["visitor"].tolist(), trial.answers.held["candidate"].tolist(), strict=True))
    assert (len(seen), len(asked), seen & asked) == (5, 1, set())
    assert {one for one, _ in asked} == {"test-10001"}  # the other visitor of the test part has one visit: nothing would be left to see
    assert visits["at"].max() < trial.at == trial.requests["at"][0]


def test_visitors_of_the_test_part_come_after_all_others_and_pages_by_the_minute():
    trial = MSWEB.trial(tables(test=TEST.replace("V,1277,1\n", "", 1)))
    visits = trial.streams["Visit"]
    is_test = np.array([one.startswith("test") for one in visits["visitor"]])
    assert visits["at"][is_test].min() > visits["at"][~is_test].max()
    mine = np.sort(visits["at"][visits["visitor"] == "train-10001"])
    assert np.diff(mine).tolist() == [MINUTE]


def test_order_of_the_file_does_not_matter():
    turned = TRAIN.replace("V,1277,1\nV,1253,1", "V,1253,1\nV,1277,1")
    one, other = (MSWEB.trial(tables(train)).streams["Visit"] for train in (TRAIN, turned))
    assert sorted(zip(*(one[name].tolist() for name in one), strict=True)) == sorted(
        zip(*(other[name].tolist() for name in other), strict=True)
    )


def test_repeated_visit_is_set_aside():
    trial = MSWEB.trial(tables(train=f"{TRAIN}V,1253,1\n"))
    assert trial.tables["train_visits"].reasons() == {"the visitor's visit to that area is there already": 1}
    assert trial.tables["train_visits"].aside["number"].tolist() == [4]
