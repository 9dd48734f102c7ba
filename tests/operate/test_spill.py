"""Columns put aside on disk come back part by part, as they were."""

import numpy as np
import pytest

from millrace.errors import Unavailable
from millrace.features.offline import backfill
from millrace.features.plan import plan
from millrace.operate.backfilling import Backfill
from millrace.operate.spill import Pile, gathered, part_of
from millrace.types import objects
from tests.features.shop import history, row_columns
from tests.log.disks import small_disk
from tests.operate.test_backfilling import chunked, told

COLUMNS = {
    "whole": np.array([2**62, -1, 3, 4]),
    "number": np.array([0.1, np.nan, -0.0, 1e300]),
    "flag": np.array([True, False, True, True]),
    "text": objects(["a", None, "ü", "a"]),
    "raw": objects([b"\xff", b"", None, b"a"]),
    "several": np.arange(8.0).reshape(4, 2),
    "texts": objects(["a", None, None, None, "b", "c", "d", "e"]).reshape(4, 2),
}


@pytest.mark.parametrize("batches", [1, 2])
def test_rows_come_back_by_part_in_the_order_given_whatever_they_hold(tmp_path, batches):
    part = np.array([2, 0, 2, 2])
    with Pile(tmp_path / "pile.arrow", 3) as pile:
        for some in np.array_split(np.arange(4), batches):
            pile.add(part[some], {name: column[some] for name, column in COLUMNS.items()})
    for wanted in range(3):
        found = part_of(tmp_path / "pile.arrow", wanted, 3)
        for name, column in COLUMNS.items():
            np.testing.assert_array_equal(found[name], column[part == wanted])
            assert found[name].dtype == column.dtype


def test_rows_that_lie_scattered_over_parts_are_put_in_their_order():
    found = gathered([{"row": np.array([12, 10]), "x": np.array([3, 1])}, {"row": np.array([11]), "x": np.array([2])}], 10, 3)
    assert found["x"].tolist() == [1, 2, 3]


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path):
    def interrupted():
        with Pile(tmp_path / "pile.arrow", 1) as pile:
            pile.add(np.array([0]), {"x": np.array([1])})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not (tmp_path / "pile.arrow").exists()


def test_a_full_disk_is_said_and_what_was_finished_goes_on_once_there_is_room(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        story, shelf = told(), disk.folder / "parts"
        shelf.mkdir()
        wanted, rows = plan(story.request, story.candidate, story.features), row_columns(story.request, story.asked)
        work = Backfill.of(shelf, wanted, story.features, rows, 3)
        with disk.full(20_000), pytest.raises(Unavailable, match="make room, or choose a folder on another disk"):
            list(work.run(chunked(story, 4)))
        [found] = work.run(chunked(story, 4))
    expected = backfill(wanted, story.features, rows, history(story.log))
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column)
