"""Who met whom is counted as it was, and what would mislead is refused or told in a sentence."""

import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.meetings import meetings
from millrace.experiments.reasons import Reason, Refused

UNIT = np.array([f"v{n}" for n in range(8)])
TREATED = np.arange(8) > 3
VIEWER = np.array(["v0", "v0", "v0", "v3", "v4", "v7"])
SELLER = np.array(["ann", "ann", "bob", "cid", "ann", "bob"], dtype=object)
VALUE = np.array([1.0, 2.0, 0.0, 4.0, 5.0, 6.0])


def test_rows_of_a_pair_are_summed_up_and_who_met_nobody_counts() -> None:
    found = meetings(UNIT, TREATED, VIEWER, SELLER, VALUE, known=5)
    assert found.values.toarray()[[0, 3, 4, 7]].tolist() == [[3, 0, 0], [0, 0, 4], [5, 0, 0], [0, 6, 0]]
    assert found.values.shape == (8, 3)
    assert found.met.toarray()[0].tolist() == [1, 1, 0], "they met, though nothing came of it"
    assert found.sellers == 5
    assert {one.reason for one in found.cautions} == {Reason.FEW_UNITS}
    assert meetings(UNIT, TREATED, VIEWER, SELLER, VALUE, known=1).sellers == 3, "more were met than were known"
    assert meetings(UNIT, TREATED, VIEWER, SELLER).values.toarray()[0].tolist() == [2, 1, 0]


def test_who_is_no_unit_is_in_no_arm_and_rows_that_name_nobody_are_told() -> None:
    viewer, seller = np.append(VIEWER, ["stranger", "v1"]), np.append(SELLER, ["dan", None])
    found = meetings(UNIT, TREATED, viewer, seller)
    assert found.sellers == 3
    assert found.values.sum() == 6
    told = [one for one in found.cautions if one.reason is Reason.UNNAMED]
    assert told[0].said.startswith("1 of 7 rows name no seller")


CHANGES = {
    "a unit in two arms": ({"unit": np.array([*UNIT[:7], "v0"])}, Reason.TWO_ARMS, "1 of 7 units were seen by more than one arm"),
    "an empty arm": ({"treated": np.zeros(8, dtype=bool)}, Reason.EMPTY_ARM, "the treatment has no viewers"),
    "few viewers": ({"treated": np.arange(8) > 4}, Reason.FEW_UNITS, "the treatment has 3 viewers: at least 4"),
    "no meeting": ({"viewer": np.full(6, "v0")}, Reason.FEW_EVENTS, "no viewer of the treatment did anything"),
    "nothing came of it": ({"value": np.array([1.0, 2, 0, 4, 0, 0])}, Reason.FEW_EVENTS, "no viewer of the treatment did anything"),
    "no number": ({"value": np.array([1.0, np.nan, 0, 4, 5, 6])}, Reason.NOT_A_NUMBER, "value is not a finite number for 1 of 6 rows"),
    "negative": ({"value": np.array([1.0, -2, 0, 4, 5, 6])}, Reason.OUT_OF_BOUNDS, "value is negative for 1 rows"),
    "one seller": ({"seller": np.full(6, "ann", dtype=object)}, Reason.NO_VARIANCE, "there is one seller only"),
    "no seller": ({"seller": np.full(6, None, dtype=object)}, Reason.FEW_EVENTS, "no viewer of the control did anything"),
    "nobody did anything": ({"viewer": VIEWER[:0], "seller": SELLER[:0], "value": VALUE[:0]}, Reason.FEW_EVENTS, "no viewer of"),
}


@pytest.mark.parametrize("change, reason, said", CHANGES.values(), ids=CHANGES)
def test_bad_data_are_refused_in_a_sentence(change: dict[str, np.ndarray], reason: Reason, said: str) -> None:
    given = {"unit": UNIT, "treated": TREATED, "viewer": VIEWER, "seller": SELLER, "value": VALUE} | change
    with pytest.raises(Refused) as refused:
        meetings(**given)
    assert refused.value.reason is reason
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize("change", [{"treated": TREATED.astype(int)}, {"treated": TREATED[1:]}, {"seller": SELLER[1:]}])
def test_columns_that_do_not_fit_are_refused(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(BadInput, match="give columns of one length"):
        meetings(**{"unit": UNIT, "treated": TREATED, "viewer": VIEWER, "seller": SELLER} | change)


def test_unit_named_twice_in_one_arm_is_one_unit() -> None:
    found = meetings(np.append(UNIT, "v0"), np.append(TREATED, False), VIEWER, SELLER)
    assert len(found.treated) == 8


def test_fewer_viewers_are_picked_by_lot_where_pairs_are_many() -> None:
    g = np.random.default_rng(0)
    unit = np.arange(400)
    many = meetings(unit, unit % 2 == 0, g.integers(0, 400, 4000), g.integers(0, 50, 4000))
    found = many.thinned(1000, seed=1)
    assert 500 < found.values.nnz < 1500
    assert found.values.shape[0] == len(found.treated) < 150
    assert {one.reason for one in found.cautions} == {Reason.MANY_UNITS}
    assert many.thinned(10_000, seed=1) is many
    with pytest.raises(Refused, match="at least 4 are needed"):
        many.thinned(50, seed=1)
