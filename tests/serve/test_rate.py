from hypothesis import given
from hypothesis import strategies as st

from millrace.serve.rate import Bucket


def test_burst_then_the_rate():
    bucket = Bucket(10.0, now=0.0)
    assert [bucket.take(0.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(0.0) == 0.1
    assert bucket.take(0.1) == 0.0
    assert bucket.take(0.1) > 0.0


def test_slow_rate_lets_one_through_at_once():
    bucket = Bucket(0.1, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == 10.0
    assert bucket.take(10.0) == 0.0


@given(
    rate=st.floats(0.1, 1000),
    waits=st.lists(st.floats(0, 3), max_size=200),
)
def test_never_more_than_a_burst_and_the_rate(rate: float, waits: list[float]):
    bucket, now, let = Bucket(rate, now=0.0), 0.0, 0
    for wait in waits:
        now += wait
        let += bucket.take(now) == 0.0
    assert let <= max(1.0, 2 * rate) + now * rate + 1e-6


@given(rate=st.floats(0.1, 1000))
def test_after_the_time_it_names_there_is_a_token(rate: float):
    bucket = Bucket(rate, now=0.0)
    while (wait := bucket.take(0.0)) == 0.0:
        pass
    assert bucket.take(wait * 0.5) > 0.0
    assert bucket.take(wait + 1e-6) == 0.0
