"""What of a decision need not be read back to be checked: nothing may pass that reading back would refuse or alter."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.decision import Decision, Interleaved
from millrace.errors import BadInput
from millrace.log.decisions import decision_codec, is_sound
from millrace.log.log import Log

NAMES = [field.name for field in msgspec.structs.fields(Decision)]

right = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from([2**63, -(2**63) - 1, float("inf"), -0.0, "null"])
)
lists = st.lists(right, max_size=4) | st.tuples(right)
anything = st.one_of(right, lists, st.dictionaries(right, lists, max_size=2))


def made(**other) -> Decision:
    rows = {"candidate": ["a", "b"], "source": ["s", "s"], "score": [0.5, None], "propensity": [1.0, 0.25], "taken": 1}
    rows |= {"heads": {"head": [0.125]}, "features": {"number": [1.5], "whole": [3], "flag": [True], "text": ["x"], "missing": [None]}}
    return Decision(**{"id": "d", "at": 5, "system": "m.feed", "watermark": 4, "arm_share": 0.5, "missed": ["late"], **rows, **other})


def read_back(decision: Decision) -> Decision:
    codec = decision_codec()
    return codec.validated(codec.encode([decision]))[0]


def test_ordinary_decision_is_sound():
    assert is_sound(made())
    assert is_sound(Decision(id="d", at=5, system="m.feed", watermark=4))


@given(st.dictionaries(st.sampled_from(NAMES), anything, max_size=3))
def test_sound_decision_is_read_back_as_it_was(other):
    decision = made(**other)
    if is_sound(decision):
        back = read_back(decision)
        assert back == decision
        assert repr(back) == repr(decision)  # 1 and True and 1.0 are equal


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [b"x", [b"x"], {"a": [b"x"]}, {1: [1.0]}, object()])
def test_no_field_is_passed_over(name, wrong):
    assert not is_sound(made(**{name: wrong}))


@pytest.mark.parametrize(
    "other",
    [
        {"score": [float("nan"), 1.0]},
        {"score": [float("inf"), -float("inf")]},
        {"propensity": [True, 1.0]},
        {"candidate": ["a", None]},
        {"candidate": "ab"},
        {"at": 5.0},
        {"taken": True},
        {"features": {"x": [float("nan"), "a"]}},
        {"features": {"x": [[1.0]]}},
        {"interleaved": Interleaved(by="balanced", team=["a"], ranks={}, depths={})},
    ],
)
def test_what_is_not_certain_is_denied(other):
    assert not is_sound(made(**other))


@pytest.mark.parametrize(
    ("other", "field", "said"),
    [
        ({"candidate": ["a", 7]}, "candidate[1]", "Expected `str`, got `int`"),
        ({"watermark": "4"}, "watermark", "Expected `int`, got `str`"),
        ({"score": [True, 1.0]}, "score[0]", "Expected `float | null`, got `bool`"),
    ],
)
def test_wrong_decision_is_refused_in_the_same_words(tmp_path, other, field, said):
    with Log.open(tmp_path, []) as log, pytest.raises(BadInput, match="decision, item 0") as refused:
        log.append([made(**other)], known=10)
    assert (refused.value.field, said in str(refused.value)) == (field, True)


def test_decision_sent_again_is_the_same_whichever_way_it_was_checked(tmp_path):
    sound = made()
    unsound = made(features={"x": (1.5,)})  # JSON has no tuples: what is logged is a list
    with Log.open(tmp_path, []) as log:
        log.append([sound], known=10)
        assert log.append([read_back(sound)], known=20).duplicates.tolist() == [True]
        log.append([msgspec.structs.replace(unsound, id="e")], known=30)
        assert log.append([msgspec.structs.replace(unsound, id="e")], known=40).duplicates.tolist() == [True]
        assert log.decision("d") == sound
        assert log.decision("e").features == {"x": [1.5]}
