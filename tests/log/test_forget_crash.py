"""`kill -9` at any line while somebody is forgotten: all of the person is there or nothing, and doing it again finishes it."""

import shutil

import numpy as np
import pytest

from millrace.log import forget
from millrace.log.log import Log
from tests.killing import killers
from tests.log.forgetting import PEOPLE, STREAMS, Life, contents
from tests.log.forgetting_dies import forget_in
from tests.log.test_private import holding

LIVES = 5
"""How many random lives the cases are spread over."""


@pytest.fixture
def dying():
    with killers("tests.log.forgetting_dies") as made:
        yield made


def read(folder):
    with Log.open(folder / "log", STREAMS, read_only=True) as log:
        return contents(log), log.position


def size(records):
    return sum(map(len, records.values()))


@pytest.mark.parametrize("cases", [20, pytest.param(240, marks=pytest.mark.slow)])
def test_killed_at_any_line_all_or_nothing_is_there_and_doing_it_again_finishes_it(folder, dying, cases):
    """Each of the lives is killed `cases` times: a hundred kills, or twelve hundred."""
    for seed in range(LIVES):
        life, person = Life.random(seed, 35), PEOPLE[seed]
        with Log.open(folder / f"{seed}" / "log", STREAMS) as log:
            life.write(log, seed)
        before, position = read(folder / f"{seed}")
        whole = shutil.copytree(folder / f"{seed}", folder / f"{seed}-whole")
        lines = dying.at_line(whole, person, 0)
        after, _ = read(whole)
        chance = np.random.default_rng([seed, cases])
        for number in chance.choice(lines, min(cases, lines), replace=False) + 1:
            case = (seed, int(number))
            here = shutil.copytree(folder / f"{seed}", folder / f"{seed}-{number}")
            assert dying.at_line(here, person, number) is None, case
            between, _ = read(here)
            assert between in (before, after), case
            was_done = between == after and forget.pending(here / "log") is None
            intent = forget_in(here, person)
            assert read(here) == (after, position), case
            removed = sum(count for one in intent.rounds for count in one.removed.values())
            assert removed == (0 if was_done else size(before) - size(after)), case
            assert forget.pending(here / "log") is None
            assert not holding(here, person), case
            shutil.rmtree(here)
