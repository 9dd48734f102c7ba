import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.features.kernel_tiles import Tiles, leaving
from millrace.features.window import Window
from millrace.types import EVER

RANKS = st.integers(0, 3)
SPANS = st.sampled_from([8, 2**20, 2**58])  # the last leaves no room for a position beside the tile


def sorted_by_rank(pairs):
    rank, tile = np.array(sorted(pairs, key=lambda one: one[0]), dtype=np.int64).reshape(-1, 2).T
    return rank, tile


@given(st.data(), SPANS)
def test_events_and_tails_in_one_sort_are_where_loops_find_them(data, span):
    tiles = st.one_of(st.integers(-span // 2, span // 2), st.integers(-2, 2))
    rank, tile = sorted_by_rank(data.draw(st.lists(st.tuples(RANKS, tiles), min_size=1, max_size=12)))
    asked = data.draw(st.lists(st.tuples(RANKS, st.one_of(tiles, st.sampled_from([EVER, 2**60]))), max_size=8))
    row_rank, tail = sorted_by_rank(asked)
    tails = np.stack([tail, np.sort(tail)])
    order, before = leaving(rank, tile, row_rank, tails)
    assert order.tolist() == sorted(range(len(rank)), key=lambda event: (rank[event], tile[event]))
    for window, row in np.ndindex(tails.shape):
        come_before = [pair for pair in zip(rank, tile, strict=True) if pair < (row_rank[row], tails[window, row])]
        assert before[window, row] == len(come_before)


@pytest.mark.parametrize("reach", [5, 2**10, 2**20, 2**40])
def test_tiles_are_whole_hops_however_far_they_reach(reach):
    windows = [Window(60, 10), Window(90, 15), Window(EVER, 0)]
    at = np.array([-7, 0, 4, 5, reach * 5])
    tiles = Tiles.of(at, windows)
    assert tiles.grid == 5
    assert (tiles.of_events.astype(np.int64) + tiles.first).tolist() == [-2, 0, 0, 1, reach]
    assert (tiles.tails(np.array([61]), windows)[:2] + tiles.first).tolist() == [[0], [-6]]


def test_more_hops_than_can_be_numbered_are_refused():
    with pytest.raises(BadInput, match="4611686018427387905 hops from the first to the last event are too many"):
        leaving(np.array([0, 0]), np.array([0, 2**62]), np.array([0]), np.array([[0]]))
