"""Interleaving by hand, on the examples of the papers: what is shown, and whose a click is."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from millrace.decision import Interleaved
from millrace.experiments.comparison import Asked
from millrace.experiments.interleaving import Credits, credits
from millrace.experiments.interleaving_credit import team_credit
from millrace.experiments.interleaving_preference import preference, preferences, votes
from millrace.policy.interleave_drafts import Balanced, TeamDraft, drawn

FIRST, SECOND = 0.1, 0.9


def record(by: str, shown: str, team: str, **slates: str) -> Interleaved:
    """Return the record of a slate of rows called by letters."""
    ranks = {arm: [slate.find(one) for one in shown] for arm, slate in slates.items()}
    return Interleaved(by=by, team=list(team), ranks=ranks, depths={arm: len(slate) for arm, slate in slates.items()})


def earned(one: Interleaved, *clicked: int) -> list[float]:
    """Return what the arms of one request earned by clicks on places, from 1."""
    return credits([one], np.zeros(len(clicked), dtype=int), np.array(clicked, dtype=int) - 1, np.ones(len(clicked))).earned[0].tolist()


def shown(draft: TeamDraft | Balanced, coins: list[float], *slates: str) -> tuple[str, str]:
    names = sorted(set("".join(slates)))
    taken = drawn(draft, [[names.index(one) for one in slate] for slate in slates], np.array(coins))
    return "".join(names[row] for row, _ in taken), "".join("AB"[arm] for _, arm in taken)


class TestTeamDraftOfRadlinski2008:
    """The paper's seven results of two rankings for one query, coins falling for A, B, B and B; lettered as A ranks them, then B."""

    A, B = "abcdefx", "faghiyz"

    def test_slate(self) -> None:
        coins = [FIRST, 0.5, SECOND, 0.5, SECOND, 0.5, SECOND]
        assert shown(TeamDraft(), coins, self.A, self.B) == ("afgbhci", "ABBABAB")

    def test_clicks_go_to_whoever_picked(self) -> None:
        team = np.array([[0, 1, 1, 0, 1, 0, 1]])
        assert team_credit(team, np.array([[0, 1, 0, 0, 1, 0, 0]]), 2).tolist() == [[0, 2]]

    def test_first_round_could_have_gone_one_way_only(self) -> None:
        """Had B begun it would have shown f first; in later rounds no slate holds what the other picks, so all is as it was."""
        one = record("team-draft", "afgbhci", "ABBABAB", A=self.A, B=self.B)
        assert [earned(one, place) for place in range(1, 8)] == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 1], [1, 0], [0, 1]]


class TestTeamDraftOfSlatesThatBeginAlike:
    """A = a b c, B = a c b: both would pick a first; what comes second tells who picked it, and so who picked a."""

    @pytest.mark.parametrize(("slate", "team"), [("abc", "BAB"), ("abc", "BAA"), ("acb", "ABA")])
    def test_credit(self, slate: str, team: str) -> None:
        one = record("team-draft", slate, team, A="abc", B="acb")
        second = [1, 0] if slate == "abc" else [0, 1]
        assert earned(one, 1) == second[::-1], "the other one began"
        assert earned(one, 2) == second
        assert earned(one, 3) == [0.5, 0.5], "it is what both have left"


class TestBalancedOfChapelle2012:
    """A = a b c d g h and B = b e a f g h."""

    A, B = "abcdgh", "beafgh"

    def test_slates(self) -> None:
        six = [0.5] * 5
        assert shown(Balanced(), [FIRST, *six], self.A, self.B)[0] == "abecdf"
        assert shown(Balanced(), [SECOND, *six], self.A, self.B)[0] == "baecfd"

    @pytest.mark.parametrize(
        ("clicked", "expected"),
        [
            ((3,), [0, 1]),  # e: the second of B, so a b against b e
            ((4,), [1, 0]),  # c: the third of A, so a b c against b e a
            ((1, 2, 4), [3, 2]),
            ((1, 2), [1, 1]),  # b: the first of B, so a against b: each has one of both clicks
            ((), [0, 0]),
        ],
    )
    def test_credit(self, clicked: tuple[int, ...], expected: list[float]) -> None:
        assert earned(record("balanced", "abecdf", "ABBAAB", A=self.A, B=self.B), *clicked) == expected

    def test_known_bias(self) -> None:
        """A = a b c, B = b c a: of one click anywhere, whoever leads, B gets two thirds."""
        total = np.zeros(2)
        for lead in (FIRST, SECOND):
            slate, team = shown(Balanced(), [lead, 0.5, 0.5], "abc", "bca")
            total += sum(np.array(earned(record("balanced", slate, team, A="abc", B="bca"), place)) for place in (1, 2, 3))
        assert (total / total.sum()).tolist() == pytest.approx([1 / 3, 2 / 3])


def test_probabilistic_of_hofmann_2011() -> None:
    """A = 1 2 3 4, B = 2 3 4 1, shown 1 2 3 4: weights 1, 1/8, 1/27, 1/64 by rank, those above taken out."""
    one = record("probabilistic", "1234", "ABAB", A="1234", B="2341")
    by_place = [64 / 65, 251 / 558, 2240 / 4697, 1 / 2]
    for place, expected in enumerate(by_place, 1):
        assert earned(one, place) == pytest.approx([expected, 1 - expected], abs=1e-12)
    assert earned(one, 2, 3) == pytest.approx([251 / 558 + 2240 / 4697, 307 / 558 + 2457 / 4697], abs=1e-12)


def test_multileaving_of_three() -> None:
    """Where each begins with a row of its own the slate says who picked; where two are alike, four of six orders show the same."""
    one = record("team-draft", "abc", "ABC", A="abc", B="bac", C="cab")
    assert [earned(one, place) for place in (1, 2, 3)] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    other = record("team-draft", "bca", "BCA", A="abc", B="bac", C="cab")
    assert [earned(other, place) for place in (1, 2, 3)] == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    alike = record("team-draft", "abc", "ACB", A="abc", B="acb", C="abc")  # B would put c second, so: ACB, CAB, BAC or BCA
    assert [earned(alike, place) for place in (1, 2, 3)] == [[0.25, 0.5, 0.25], [0.5, 0, 0.5], [0.25, 0.5, 0.25]]


def drawn_credits(seed: int = 0, n: int = 400, units: int = 60) -> tuple[Credits, np.ndarray]:
    g = np.random.default_rng(seed)
    return Credits(("old", "new", "odd"), "team-draft", g.poisson([0.5, 0.7, 0.6], size=(n, 3)).astype(float)), g.integers(units, size=n)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_errors_are_those_of_a_regression_on_a_constant_clustered_by_unit(confidence: float) -> None:
    of, unit = drawn_credits()
    found = preference(of, "old", "new", unit, Asked(confidence=confidence))
    apart = of.earned[:, 1] - of.earned[:, 0]
    fit = sm.OLS(apart, np.ones(len(apart))).fit(cov_type="cluster", cov_kwds={"groups": unit}, use_t=True)
    low, high = fit.conf_int(1 - confidence)[0]
    expected = [fit.params[0], fit.bse[0], fit.pvalues[0], low, high]
    np.testing.assert_allclose([found.difference, found.error, found.p_value, found.low, found.high], expected, rtol=1e-9)
    assert found.control.value == pytest.approx(of.earned[:, 0].mean())


def test_of_one_request_a_unit_it_is_students_t_of_the_differences() -> None:
    of, _ = drawn_credits()
    found = preference(of, "old", "new", np.arange(400))
    expected = stats.ttest_rel(of.earned[:, 1], of.earned[:, 0])
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_votes_are_a_sign_test() -> None:
    of, unit = drawn_credits()
    found = votes(of, "old", "new", unit)
    assert found.control + found.treatment + found.ties == len(np.unique(unit))
    expected = stats.binomtest(found.treatment, found.control + found.treatment)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    sure = Credits(("old", "new"), "team-draft", np.tile([0.0, 1.0], (5000, 1)))
    certain = votes(sure, "old", "new", np.arange(5000))
    assert certain.p_value == 0
    assert certain.log_p == pytest.approx(-4999 * np.log(2), rel=1e-12), "it does not underflow"


def test_every_two_of_several_are_compared() -> None:
    of, unit = drawn_credits()
    found = preferences(of, unit)
    assert [(one.control.name, one.treatment.name) for one in found] == [("old", "new"), ("old", "odd"), ("new", "odd")]
    assert found[0] == preference(of, "old", "new", unit)
