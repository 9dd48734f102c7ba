import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.models.grouping import group_sizes, group_starts, split_by_time

decisions = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=12)  # (at, rows)


def columns(decisions):
    sizes = [rows for _, rows in decisions]
    return np.repeat([at for at, _ in decisions], sizes).astype(np.int64), np.repeat(np.arange(len(decisions)), sizes)


@given(decisions, st.floats(0.01, 0.99))
def test_split_keeps_groups_whole_and_time_in_order(decisions, share):
    at, group = columns(decisions)
    earlier, later = split_by_time(at, group, share)
    assert sorted([*earlier, *later]) == list(range(len(at)))
    assert not set(group[earlier]) & set(group[later])
    assert not len(earlier) or not len(later) or at[earlier].max() <= at[later].min()


@given(decisions, st.floats(0.01, 0.99))
def test_split_takes_whole_groups_from_the_end_while_the_share_lasts(decisions, share):
    at, group = columns(decisions)
    order = sorted(range(len(decisions)), key=lambda one: decisions[one][0])
    kept, before = set(), len(at)
    for one in reversed(order):
        if before > len(at) - round(share * len(at)):
            kept.add(one)
        before -= decisions[one][1]
    assert set(group[split_by_time(at, group, share)[1]]) == kept


@given(decisions)
def test_sizes_and_starts_describe_the_runs(decisions):
    _, group = columns(decisions)
    assert group_sizes(group).tolist() == [rows for _, rows in decisions]
    assert group_starts(group).tolist() == [group.tolist().index(one) for one in range(len(decisions))]
