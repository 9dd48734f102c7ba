"""What is said of a read-out is what was shown, no more and no less."""

import msgspec
import numpy as np
import pytest

from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.readout import Finding, ReadOut, Role, Shown
from millrace.experiments.reasons import Caution, Reason
from millrace.experiments.verdict import Decision, difference, verdicts


def compared(apart: float, asked: Asked | None = None) -> Comparison:
    control, treatment = (
        Arm(name=name, value=value, variance=0.01, units=100, df=99.0) for name, value in (("a", 10.0), ("b", 10.0 + apart))
    )
    return contrast("watched", control, treatment, asked or Asked())


def finding(role: Role, shown: Shown, metric: str = "watched") -> Finding:
    unread = shown == "unread"
    return Finding(
        role=role,
        metric=metric,
        arm="b",
        better="more",
        shown=shown,
        comparison=None if unread else compared(1.0),
        refused=Caution(Reason.FEW_UNITS, "b has one unit") if unread else None,
        margin=0.5 if role == "guardrail" else None,
    )


def read(primary: Shown, *guardrails: Shown, secondary: tuple[Shown, ...] = ()) -> ReadOut:
    others = [finding("secondary", shown, f"other {at}") for at, shown in enumerate(secondary)]
    guards = [finding("guardrail", shown, f"guard {at}") for at, shown in enumerate(guardrails)]
    return ReadOut(control="a", arms=("b",), confidence=0.95, findings=(finding("primary", primary), *others, *guards))


@pytest.mark.parametrize(
    ("primary", "guardrails", "decision"),
    [
        ("better", (), "better"),
        ("better", ("no worse", "no worse"), "better"),
        ("better", ("no worse", "nothing"), "not shown to be harmless"),
        ("better", ("unread",), "not shown to be harmless"),
        ("better", ("no worse", "worse"), "harmful"),
        ("nothing", ("worse",), "harmful"),
        ("nothing", ("no worse",), "not shown"),
        ("worse", ("no worse",), "worse"),
        ("unread", ("no worse",), "unread"),
    ],
)
def test_better_is_only_what_was_shown_to_be_harmless_too(primary: Shown, guardrails: tuple[Shown, ...], decision: Decision) -> None:
    assert verdicts(read(primary, *guardrails))[0].decision == decision


def test_every_finding_is_told_once() -> None:
    text = verdicts(read("better", "nothing", "unread", secondary=("worse", "nothing", "unread")))[0].text
    for name in ("other 0", "other 1", "other 2", "guard 0", "guard 1"):
        assert text.count(name) == 1
    assert "on average 5 % of such finds are false" in text


def test_differences_are_told_on_the_side_that_was_asked_about() -> None:
    assert difference(compared(1.0)) == "+10 % (95 %: +7.07 to +12.9 %)"
    assert difference(compared(1.0), as_part=False) == "+1 (95 %: +0.721 to +1.28)"
    assert difference(compared(1.0, Asked(alternative="greater")), as_part=False) == "+1 (95 %: at least +0.766)"
    assert difference(compared(1.0, Asked(alternative="less")), as_part=False) == "+1 (95 %: at most +1.23)"


def test_what_cannot_be_believed_is_not_read_out() -> None:
    found = ReadOut(
        control="a",
        arms=("b",),
        confidence=0.95,
        findings=(finding("primary", "better"),),
        faults=(Caution(Reason.WRONG_SHARES, "units are missing"),),
    )
    (verdict,) = verdicts(found)
    assert (verdict.decision, verdict.text) == ("invalid", "Nothing may be concluded about b: units are missing.")


def test_a_difference_has_no_part_where_there_is_no_base() -> None:
    none = Arm(name="a", value=0.0, variance=0.01, units=100, df=99.0)
    some = Arm(name="b", value=1.0, variance=0.01, units=100, df=np.inf)
    assert difference(contrast("watched", none, some, Asked())).startswith("+1 (95 %: ")


def refused(role: Role, metric: str, said: str) -> Finding:
    return msgspec.structs.replace(finding(role, "unread", metric), refused=Caution(Reason.FEW_UNITS, said))


def test_one_reason_for_several_metrics_is_said_once() -> None:
    metrics: list[tuple[Role, str]] = [("primary", "paid"), ("secondary", "visits"), ("secondary", "sips"), ("guardrail", "complained")]
    found = [refused(role, metric, f"b has one unit for {metric}") for role, metric in metrics]
    (verdict,) = verdicts(ReadOut(control="a", arms=("b",), confidence=0.95, findings=tuple(found)))
    assert verdict.sentences == (
        "Of paid in b nothing can be said: b has one unit for paid.",
        "For the same reason nothing can be said of visits, sips and the guardrail complained.",
    )
    some = [finding("primary", "better"), *found[1:3], refused("guardrail", "complained", "complained does not vary")]
    text = verdicts(ReadOut(control="a", arms=("b",), confidence=0.95, findings=tuple(some)))[0].text
    assert "visits could not be read: b has one unit for visits. Nor could sips, for the same reason." in text
    assert "The guardrail complained could not be read: complained does not vary." in text


def test_one_caution_of_several_metrics_is_said_once() -> None:
    def minded(role: Role, metric: str, said: str) -> Finding:
        one = finding(role, "nothing", metric)
        assert one.comparison is not None
        return msgspec.structs.replace(one, comparison=msgspec.structs.replace(one.comparison, cautions=(Caution(Reason.SKEWED, said),)))

    few = "an arm has 42 units"
    found = (
        minded("primary", "paid", few),
        minded("secondary", "visits", few),
        minded("secondary", "sips", "sips does not vary in a"),
        minded("guardrail", "complained", "complained does not vary in a"),
        minded("secondary", "came back", "came back does not vary in b"),
    )
    (verdict,) = verdicts(ReadOut(control="a", arms=("b",), confidence=0.95, findings=found))
    assert [one for one in verdict.sentences if one.startswith("Mind")] == [
        "Mind: an arm has 42 units.",
        "Mind: sips does not vary in a. The same holds of complained.",
        "Mind: came back does not vary in b.",
    ]
