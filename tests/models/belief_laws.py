"""Laws of learners that hold a belief, besides those of all learners."""

from __future__ import annotations

import numpy as np
import pytest

from millrace.errors import BadInput, TrainingError
from millrace.models.belief import IS_SHARE, SEEN, SPREAD
from millrace.models.learner import Examples
from millrace.types import size, take
from tests.models.learner_laws import LearnerLaws, assert_same, mixed, with_labels


class BeliefLaws(LearnerLaws):
    """What holds of every belief, on examples of one outcome."""

    def examples(self) -> Examples:
        both = mixed(240)
        return Examples(both.rows, {"clicked": both.labels["clicked"]}, both.weight, both.group, both.at)

    def test_no_positives_are_refused_with_the_counts(self):
        """Not here: that nothing was clicked so far is something to believe."""
        version = self.make().fit(with_labels(self.examples(), 0.0), seed=3)
        assert (version.score(self.examples().rows)["clicked"] < 0.6).all()

    def test_it_says_how_sure_it_is(self):
        scores = self.fitted().score(self.examples().rows)
        assert (scores[SPREAD] > 0).all()
        assert (scores[SEEN] >= 0).all()
        assert scores[IS_SHARE].dtype == bool
        fewer = self.make().fit(self.examples().part(np.arange(40)), seed=3).score(self.examples().rows)
        assert scores[SPREAD].mean() < fewer[SPREAD].mean()

    def test_the_order_of_rows_does_not_matter(self):
        examples = self.examples()
        order = np.random.default_rng(4).permutation(size(examples.rows))
        alone = np.arange(len(order))
        turned = Examples(take(examples.rows, order), take(examples.labels, order), examples.weight[order], alone, examples.at[order])
        one, other = self.make().fit(examples, 0).score(examples.rows), self.make().fit(turned, 0).score(examples.rows)
        for name, column in one.items():
            np.testing.assert_allclose(column, other[name], rtol=1e-9, atol=1e-12)

    def test_before_anything_was_seen_all_are_alike_and_can_be_kept(self, tmp_path):
        nothing = self.make().untaught(("clicked",))
        scores = nothing.score(self.examples().rows)
        assert len(np.unique(scores["clicked"])) == len(np.unique(scores[SPREAD])) == 1
        assert (scores[SEEN] == 0).all()
        nothing.save(tmp_path / "nothing")
        assert_same(self.make().load(tmp_path / "nothing").score(self.examples().rows), scores)

    def test_several_outcomes_are_refused(self):
        with pytest.raises(TrainingError, match="declare a model for each"):
            self.make().fit(mixed(40), seed=0)
        with pytest.raises(BadInput, match="not of 2: declare a model for each"):
            self.make().untaught(("clicked", "liked"))
