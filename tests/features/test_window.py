import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import DeclarationError
from millrace.features.window import Window
from millrace.types import EVER, duration, micros
from tests.features import oracle

SMALL = st.integers(1, 12).flatmap(lambda length: st.builds(Window, st.just(length), st.integers(1, length)))
INSTANTS = st.integers(-40, 40)


@pytest.mark.parametrize(
    ("over", "hop"),
    [
        ("1h", "1m"),
        ("10m", "10s"),
        ("24h", "24m"),
        ("7d", "3h"),
        ("30d", "12h"),
        ("90d", "2d"),  # a day and a half, rounded half up
        ("60d", "1d"),
        ("59d", "24h"),
        ("1m", "1s"),
        ("90s", "2s"),
        ("1s", "17ms"),
        ("60ms", "1ms"),
    ],
)
def test_default_hop_is_a_sixtieth_in_its_largest_whole_unit(over, hop):
    assert Window.of(over) == Window(micros(over), micros(hop))


def test_hop_of_a_window_below_sixty_milliseconds_is_counted_in_microseconds():
    assert Window.of("30ms") == Window(30_000, 500)
    assert Window(20, 1) == Window.of("0.02ms")


def test_stated_hop_is_taken_and_need_not_divide_the_window():
    assert Window.of("1h", "7m") == Window(micros("1h"), micros("7m"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Window.of("1h", "2h"), "a hop of 2h does not fit a window of 1h: write a shorter hop"),
        (lambda: Window.of("ever", "1h"), 'a window over="ever" has no tail to move: leave its hop out'),
        (lambda: Window.of("soon"), "'soon' is not a duration"),
        (lambda: Window.of("1h", "0m"), "'0m' is not a duration"),
        (lambda: Window(5, 0), "a hop of 0d does not fit"),
        (lambda: Window(0, 0), "covers nothing"),
    ],
)
def test_wrong_window_is_refused_with_the_remedy(make, message):
    with pytest.raises(DeclarationError, match=message):
        make()


@given(SMALL, INSTANTS)
def test_lo_is_the_start_rounded_down_to_a_whole_hop_before_1970_too(window, w):
    assert window.lo(w) == oracle.lo(w, window)


@given(SMALL, st.lists(INSTANTS, min_size=1))
def test_arrays_and_single_instants_agree(window, instants):
    for method in (window.lo, window.leaves, window.tile):
        np.testing.assert_array_equal(method(np.array(instants)), [method(one) for one in instants])


@given(SMALL, INSTANTS)
def test_event_counts_from_when_it_is_known_until_it_leaves(window, at):
    for w in range(at - 30, at + 60):
        assert (at >= window.lo(w)) == (w < window.leaves(at))


@given(SMALL, INSTANTS, st.integers(0, 30))
def test_expired_event_is_one_that_no_watermark_can_count(window, at, delay):
    known = at + delay
    counted = any(known < w and at >= window.lo(w) for w in range(known - 5, known + 60))
    assert window.expired(at, known) != counted


@given(SMALL)
def test_ring_holds_every_tile_that_counts_at_once_and_wastes_at_most_one(window):
    touched = max(window.tile(w) - window.tile(window.lo(w)) + 1 for w in range(200))
    assert touched <= window.tiles <= touched + 1


def test_lifetime_window_covers_everything():
    ever = Window.of("ever")
    instants = np.array([-(10**15), 0, 10**15])
    assert ever.is_lifetime
    assert ever == Window(EVER, 0)
    assert ever.tiles == 1
    assert ever.lo(7) == EVER
    assert ever.tile(7) == 0
    assert not ever.expired(-(10**15), 10**15)
    assert (ever.lo(instants) == EVER).all()
    assert (ever.tile(instants) == 0).all()
    assert (ever.leaves(instants) > 10**18).all()
    assert not ever.expired(instants, instants + 5).any()


def test_window_reads_as_it_is_written():
    assert str(Window.of("7d")) == "7d"
    assert str(Window.of("ever")) == "ever"
    assert duration(Window.of("7d").hop) == "3h"
