"""Laws every learner keeps. A learner's test subclasses `LearnerLaws` and says how to make one."""

import random
from pathlib import Path

import numpy as np
import pytest

from millrace.errors import NotFound, TrainingError
from millrace.models.learner import Examples, Learner
from millrace.types import Array, Columns, objects, size, take

MINUTE = 60_000_000


class LearnerLaws:
    """What holds of every learner, on examples of every kind of column unless a subclass needs others."""

    def make(self) -> Learner:
        raise NotImplementedError

    def examples(self) -> Examples:
        return mixed(240)

    def strange(self) -> Columns:
        return {
            "price": np.array([np.nan, 1e9, -np.inf, 0.5]),
            "count": np.array([10**12, -5, 0, 1]),
            "is_new": np.array([True, False, True, False]),
            "colour": objects(["mauve", None, "", "red"]),
        }

    def fitted(self):
        return self.make().fit(self.examples(), seed=3)

    def test_equal_examples_and_seed_give_the_same_bytes(self, tmp_path):
        for name in ("first", "second"):
            self.fitted().save(tmp_path / name)
        assert contents(tmp_path / "first") == contents(tmp_path / "second")

    def test_saved_version_scores_as_before(self, tmp_path):
        version, rows = self.fitted(), self.examples().rows
        version.save(tmp_path / "saved")
        loaded = self.make().load(tmp_path / "saved")
        assert loaded.heads == version.heads == tuple(self.examples().labels)
        assert_same(loaded.score(rows), version.score(rows))

    def test_loaded_version_saves_the_same_bytes(self, tmp_path):
        self.fitted().save(tmp_path / "saved")
        self.make().load(tmp_path / "saved").save(tmp_path / "again")
        assert contents(tmp_path / "saved") == contents(tmp_path / "again")

    def test_folder_holds_only_what_cannot_be_executed(self, tmp_path):
        self.fitted().save(tmp_path / "saved")
        assert {Path(name).suffix for name in contents(tmp_path / "saved")} <= {".json", ".txt", ".npy", ".onnx"}

    def test_folder_of_no_version_is_refused(self, tmp_path):
        with pytest.raises(NotFound, match="not the folder of a version"):
            self.make().load(tmp_path)

    def test_row_scores_the_same_alone_as_in_a_batch(self):
        version, rows = self.fitted(), self.examples().rows
        together = version.score(rows)
        for i in range(0, size(rows), 7):
            assert_same(version.score(take(rows, slice(i, i + 1))), take(together, slice(i, i + 1)))

    def test_order_of_rows_does_not_matter_for_scoring(self):
        version, rows = self.fitted(), self.examples().rows
        order = np.random.default_rng(1).permutation(size(rows))
        assert_same(version.score(take(rows, order)), take(version.score(rows), order))

    def test_a_head_is_a_float_per_row(self):
        version = self.fitted()
        for n in (0, 1, 5):
            scores = version.score(take(self.examples().rows, slice(n)))
            for head in version.heads:
                assert scores[head].shape == (n,)
                assert scores[head].dtype == np.float64

    def test_unseen_and_missing_values_score_finite_numbers(self):
        for column in self.fitted().score(self.strange()).values():
            assert np.isfinite(column).all()

    def test_columns_it_was_not_trained_on_do_not_matter(self):
        version, rows = self.fitted(), self.examples().rows
        assert_same(version.score({"unknown": np.zeros(size(rows)), **rows}), version.score(rows))

    def test_nothing_global_is_drawn_from_or_set(self, tmp_path):
        for name, seed in (("first", 1), ("second", 2)):
            random.seed(seed)
            np.random.seed(seed)
            before = random.getstate(), np.random.get_state()[1].tolist()
            version = self.fitted()
            version.score(self.examples().rows)
            assert (random.getstate(), np.random.get_state()[1].tolist()) == before
            version.save(tmp_path / name)
        assert contents(tmp_path / "first") == contents(tmp_path / "second")

    def test_examples_are_left_as_they_were(self):
        used, fresh = self.examples(), self.examples()
        self.make().fit(used, seed=3)
        for mine, theirs in ((used.rows, fresh.rows), (used.labels, fresh.labels)):
            assert_same(mine, theirs)

    def test_no_positives_are_refused_with_the_counts(self):
        examples = with_labels(self.examples(), 0.0)
        with pytest.raises(TrainingError, match=f"{next(iter(examples.labels))!r}.* 0 positives"):
            self.make().fit(examples, seed=3)

    def test_outcome_without_labels_is_refused(self):
        examples = with_labels(self.examples(), np.nan)
        with pytest.raises(TrainingError, match=f"{next(iter(examples.labels))!r}: none of the {len(examples)} rows has a label"):
            self.make().fit(examples, seed=3)

    def test_no_outcomes_are_refused(self):
        examples = self.examples()
        with pytest.raises(TrainingError, match="at least one outcome"):
            self.make().fit(Examples(examples.rows, {}, examples.weight, examples.group, examples.at), seed=3)

    def test_no_rows_are_refused(self):
        with pytest.raises(TrainingError, match="none of the 0 rows"):
            self.make().fit(self.examples().part(np.arange(0)), seed=3)

    def test_learner_is_a_value(self):
        assert self.make() == self.make()
        assert len({self.make(), self.make()}) == 1


def mixed(n: int, seed: int = 0) -> Examples:
    """Return examples with every kind of column, values missing, two outcomes, decisions of four rows, a minute apart."""
    rng = np.random.default_rng(seed)
    price, count = rng.normal(size=n), rng.integers(0, 9, n)
    is_new, colour = rng.random(n) < 0.5, rng.choice(["red", "green", "blue"], n)
    chance = 1 / (1 + np.exp(-(1.5 * price + 0.3 * (count - 4) + is_new + 2 * (colour == "red") - 1)))
    clicked, liked = (rng.random(n) < chance).astype(float), (rng.random(n) < chance / 2).astype(float)
    liked[rng.random(n) < 0.2] = np.nan
    price[rng.random(n) < 0.1] = np.nan
    colour = objects(None if rng.random() < 0.1 else str(one) for one in colour)
    rows = {"price": price, "count": count, "is_new": is_new, "colour": colour}
    group = np.arange(n) // 4
    return Examples(rows, {"clicked": clicked, "liked": liked}, rng.integers(1, 3, n).astype(float), group, group * MINUTE)


def plain(rows: Columns, *, at: Array | None = None, group: Array | None = None, **labels: Array) -> Examples:
    """Return examples of weight 1, each a decision of its own and a minute after the last unless said otherwise."""
    index = np.arange(size(rows))
    columns = {head: np.asarray(label, dtype=float) for head, label in labels.items()}
    return Examples(rows, columns, np.ones(len(index)), index if group is None else group, index * MINUTE if at is None else at)


def with_labels(examples: Examples, value: float) -> Examples:
    """Return the examples with every label replaced."""
    labels = {head: np.full(len(examples), value) for head in examples.labels}
    return Examples(examples.rows, labels, examples.weight, examples.group, examples.at)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file under a folder by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_same(mine: Columns, theirs: Columns) -> None:
    """Check that columns are equal to the last bit."""
    assert list(mine) == list(theirs)
    for name, column in mine.items():
        np.testing.assert_array_equal(column, theirs[name])
