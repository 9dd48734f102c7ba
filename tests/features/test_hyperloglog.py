from hashlib import blake2b

import numpy as np
import pytest

from millrace.features.hyperloglog import STANDARD_ERROR, estimate, hashes, highest, registers
from millrace.types import objects
from tests.features.naive import hyperloglog


def estimated(hashed):
    return int(estimate(highest(np.zeros(len(hashed), dtype=np.int64), hashed, 1))[0])


@pytest.mark.parametrize("size", [100, 1_500, 6_000, 40_000, 300_000])
def test_estimates_are_within_three_standard_errors_and_the_usual_one_is_as_stated(size):
    off = []
    for seed in range(25):
        found = estimated(hashes(np.random.default_rng((size, seed)).integers(-(2**62), 2**62, size)))
        off.append(found / size - 1)
    assert np.abs(off).max() < 3 * STANDARD_ERROR
    assert np.sqrt(np.mean(np.square(off))) < 1.3 * STANDARD_ERROR
    assert abs(np.mean(off)) < STANDARD_ERROR


def test_texts_numbers_and_consecutive_ids_are_estimated_alike():
    for values in (
        objects(f"card {i}" for i in range(20_000)),
        np.arange(20_000),
        np.arange(20_000) / 8,
        objects(b"%d" % i for i in range(20_000)),
    ):
        assert estimated(hashes(values)) == pytest.approx(20_000, rel=3 * STANDARD_ERROR)


def test_an_estimate_is_that_of_registers_filled_one_by_one_in_any_order():
    for size in (1, 2, 3000, 9000):
        values = np.arange(size) * 7
        again = np.random.default_rng(size).permutation(np.concatenate([values, values[::2]]))
        assert estimated(hashes(values)) == estimated(hashes(again)) == hyperloglog(values.tolist())


def test_groups_are_counted_apart():
    hashed = hashes(np.arange(6000))
    found = estimate(highest(np.arange(6000) % 3 // 2, hashed, 2))
    assert found.tolist() == [estimated(hashed[np.arange(6000) % 3 < 2]), estimated(hashed[2::3])]


def test_hashes_are_the_same_everywhere():
    assert hashes(np.array([0])).tolist() == [0xE220A8397B1DCDAF >> 11]  # the first number of SplitMix64 from 0, as published
    said = int.from_bytes(blake2b("ключ".encode(), digest_size=8).digest(), "little") >> 11
    assert hashes(objects(["ключ", None]))[0] == said
    assert np.isnan(hashes(objects(["ключ", None]))[1])
    assert hashes(objects(["\ud800"]))[0] == hashes(objects([b"\xed\xa0\x80"]))[0]
    assert hashes(np.array([0.0])) == hashes(np.array([-0.0]))
    assert hashes(np.array([True, False])).tolist() == hashes(np.array([1, 0])).tolist()
    assert len(set(hashes(np.array([2**60, 2**60 + 1, -(2**60)])).tolist())) == 3


def test_a_hash_chooses_a_register_and_its_rank_is_the_place_of_the_first_one_in_the_rest():
    register, rank = registers(np.array([0, 4095, 4096, 4096 * 2**40 + 5, 2**53 - 1], dtype=float))
    assert register.tolist() == [0, 4095, 0, 5, 4095]
    assert rank.tolist() == [42, 42, 41, 1, 1]
