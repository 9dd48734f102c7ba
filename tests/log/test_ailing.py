"""A log that cannot be written says so once, says when it can be again, and does not need a commit to find out."""

import logging

import pytest

from millrace.errors import Unavailable
from millrace.log.log import Log
from millrace.log.writer import Writer
from millrace.types import DAY
from tests.log.world import NOON, STREAMS, Watch, ids, watch


def fill(writer: Writer, name: str) -> list[str]:
    """Submit until three are refused; return those that were taken."""
    taken, refused = [], 0
    while refused < 3:
        done = writer.submit([watch(f"{name}{len(taken)}-{refused}", note="x" * 20_000)])
        error = done.exception(10)
        if error is None:
            taken.append(done.result().ids[0])
        else:
            assert isinstance(error, Unavailable)
            refused += 1
    return taken


def test_full_disk_is_said_once_and_so_is_its_end(disk, caplog):
    caplog.set_level(logging.INFO, "millrace.log")
    with Log.open(disk.folder / "log", STREAMS) as log, Writer(log, lambda: NOON + DAY) as writer:
        assert writer.why() == ""
        with disk.full():
            taken = fill(writer, "full")
            assert "inbox.sqlite" in writer.why()
        assert writer.why() == "", "nobody had to submit anything"
        assert ids(log.read(Watch)) == taken
        taken.append(writer.submit([watch("after")]).result(10).ids[0])
        assert ids(log.read(Watch)) == taken
    said = [(one.levelname, one.message.partition(":")[0]) for one in caplog.records]
    assert said == [("ERROR", "nothing can be logged, so nothing is decided or taken in"), ("WARNING", "the log takes records again")]


def test_disk_with_hardly_any_room_is_not_well_again(disk):
    with Log.open(disk.folder / "log", STREAMS) as log, Writer(log, lambda: NOON + DAY) as writer:
        with disk.full():
            fill(writer, "full")
        with disk.full(room=100_000):
            assert "inbox.sqlite" in writer.why()
        assert writer.why() == ""


@pytest.mark.parametrize("wrong", [{"seconds": float("nan")}, {"note": 7}])
def test_what_is_wrong_with_a_record_is_no_fault_of_the_log(log, wrong):
    with Writer(log, lambda: NOON + DAY) as writer:
        writer.submit([watch("one")]).result(10)
        assert writer.submit([watch("one", **wrong)]).exception(10) is not None
        assert writer.submit([watch("one", seconds=99.0)]).exception(10) is not None, "an id with other content"
        assert writer.why() == ""
