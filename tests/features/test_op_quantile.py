import numpy as np
import pytest

from millrace.features.op_quantile import RELATIVE_ERROR, bucket, middle
from millrace.features.operations import PARTIALS
from tests.features.naive import middle_of_bucket


def quantile(numbers, q, exact):
    partial = PARTIALS["quantile"]
    tally = partial.tally(np.dtype(float), (exact, q))
    tally.grow(2)
    numbers = np.array(numbers, dtype=float)
    for part in np.array_split(numbers, 7):
        tally.add(partial.entries(np.ones(len(part), dtype=np.int64), np.arange(len(part)), part))
    return tally.value[1]


@pytest.mark.parametrize("draw", ["normal", "lognormal", "standard_cauchy"])
def test_above_what_is_kept_a_quantile_is_off_by_no_more_than_stated(draw):
    numbers = getattr(np.random.default_rng(3), draw)(size=20_001)
    for q in (0.001, 0.1, 0.5, 0.9, 0.999):
        exactly = np.quantile(numbers, q, method="inverted_cdf")
        assert quantile(numbers, q, 20_001) == exactly
        assert quantile(numbers, q, 20_000) == pytest.approx(exactly, rel=RELATIVE_ERROR, abs=0)


def test_buckets_are_in_the_order_of_numbers_and_no_middle_is_further_off_than_stated():
    sizes = np.concatenate(
        [np.logspace(-90, 90, 20_000), np.ldexp(1 + np.arange(64) / 64, 5), np.nextafter(np.ldexp(1.0, np.arange(-99, 99)), 0)]
    )
    numbers = np.sort(np.concatenate([-sizes, [0.0], sizes]))
    buckets = bucket(numbers)
    assert (np.diff(buckets) >= 0).all()
    assert (np.abs(middle(buckets) - numbers) <= RELATIVE_ERROR * np.abs(numbers)).all()
    assert (bucket(middle(buckets)) == buckets).all()
    assert middle(buckets[::501]).tolist() == [middle_of_bucket(number) for number in numbers[::501].tolist()]


def test_a_share_is_the_fraction_that_was_written():
    numbers = np.arange(1, 101)
    assert [quantile(numbers, q, 100) for q in (0.07, 0.29, 0.57, 1 / 3, 1e-6)] == [7, 29, 57, 34, 1]


def test_zero_and_negative_numbers_are_numbers():
    assert quantile([-3.0, 0.0, -0.0, 5.0], 0.5, 4) == 0.0
    assert quantile([-3.0, 0.0, -0.0, 5.0], 0.5, 0) == 0.0
    assert quantile([-3.0, -1.0, 5.0], 0.01, 0) == pytest.approx(-3.0, rel=RELATIVE_ERROR)
    assert quantile([], 0.5, 0) != quantile([], 0.5, 0)
