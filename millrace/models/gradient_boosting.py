"""Gradient-boosted trees by LightGBM: one sequence of trees per outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from millrace.errors import BadInput, TrainingError
from millrace.models.encoding import Encoding
from millrace.models.folder import read_json, read_text, write_json, write_text
from millrace.models.grouping import group_sizes, group_starts, split_by_time
from millrace.models.labels import heads_of, labelled, require_both, require_yes_and_no
from millrace.models.learner import Examples
from millrace.models.quick_trees import quick
from millrace.models.settings import at_least_zero, one_of, positive, whole
from millrace.types import Array, Columns

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

_NAME = "GradientBoosting"
_OBJECTIVES = {"logistic": "binary", "ranking": "lambdarank", "squared": "regression"}
_METRICS = {"logistic": "binary_logloss", "ranking": "ndcg", "squared": "l2"}

_MOST_CATEGORIES = 1000
_JUDGED_SHARE = 0.15
_FEWEST_JUDGED = 20
"""Early stopping needs at least so many positives and as many other rows among the latest, or it would stop on noise."""
_GRADES = 31
"""LightGBM's ranking loss takes relevance grades below this one."""
_LONGEST_GROUP = 10_000
"""LightGBM's ranking loss takes no more rows per decision."""


@dataclass(frozen=True, kw_only=True)
class GradientBoosting:
    """Gradient-boosted decision trees, the first choice for columns of numbers and categories.

    Missing values need no filling and categories no encoding by the user. The number of trees is judged on the latest 15 % of the rows
    when these hold enough of both kinds; all rows then train that many. Trees do not extrapolate: beyond the values seen, predictions
    stay flat.

    Args:
        trees: The most trees to train per outcome, 1 to 10 000. Scoring time is proportional to it.
        leaves: The most leaves of one tree, 2 to 4096. Large ones fit rarer combinations, and noise.
        learning_rate: How much of each tree's correction is applied, in (0, 1]. Smaller needs more trees.
        loss: What the score is. "logistic": the probability of an outcome that is 0 or 1. "ranking": a number that only orders the
            candidates of one decision (LambdaMART; outcomes are grades 0, 1, 2, ... up to 30). "squared": the expected quantity.
        positive_weight: How many times a positive counts, in (0, 1e6]; None for once. It bends probabilities: wrap the learner in
            `Calibrated` if they are used as such. Not for "squared".
        min_rows: The fewest rows of a leaf, and of a category to be told apart from the rare ones, 1 to 1 000 000.
        reg: The strength of the squared penalty on leaf values, 0 to 1e9.
        patience: After how many trees without a gain on the latest rows to stop, 1 to 10 000; None to train all `trees`.
        threads: How many threads train, 1 to 256. It does not change the trees. Scoring uses one.

    Source: Ke et al. (2017), LightGBM: A Highly Efficient Gradient Boosting Decision Tree; Burges (2010), From RankNet to LambdaRank
    to LambdaMART.
    """

    trees: int = 300
    leaves: int = 31
    learning_rate: float = 0.05
    loss: Literal["logistic", "ranking", "squared"] = "logistic"
    positive_weight: float | None = None
    min_rows: int = 20
    reg: float = 0.0
    patience: int | None = 30
    threads: int = 1

    def __post_init__(self) -> None:
        whole(self, "trees", 1, 10_000)
        whole(self, "leaves", 2, 4096)
        positive(self, "learning_rate", 1)
        one_of(self, "loss", *_OBJECTIVES)
        if self.positive_weight is not None:
            positive(self, "positive_weight", 1e6)
        whole(self, "min_rows", 1, 1_000_000)
        at_least_zero(self, "reg", 1e9)
        if self.patience is not None:
            whole(self, "patience", 1, 10_000)
        whole(self, "threads", 1, 256)

    def fit(self, examples: Examples, seed: int) -> GradientBoostingVersion:
        """Train one sequence of trees per outcome on the rows where it is known.

        Raises:
            TrainingError: An outcome has no labelled row, only one kind of label, or labels that do not suit the loss.
            BadInput: A feature is not one number, boolean or text per row, or there is none.
        """
        heads = heads_of(examples, _NAME)
        encoding = Encoding.fit(examples.rows, rarest=self.min_rows, most=_MOST_CATEGORIES)
        matrix = encoding.matrix(examples.rows)
        categorical, parameters = encoding.positions("category"), self._parameters(seed)
        texts = {head: self._trees(_table(examples, matrix, categorical, head), head, parameters) for head in heads}
        return GradientBoostingVersion.of(encoding, texts)

    def load(self, folder: Path) -> GradientBoostingVersion:
        """Read a version that a `GradientBoosting` of any settings saved."""
        saved = read_json(folder, "gradient_boosting.json", _Saved)
        texts = {head: read_text(folder, _file(i)) for i, head in enumerate(saved.heads)}
        if tuple(map(_digest, texts.values())) != saved.sha256:  # LightGBM ends the whole process on some damaged texts
            raise BadInput(f"{folder} is damaged: its trees are not those that were saved; restore the version or train it again")
        version = GradientBoostingVersion.of(saved.encoding, texts)
        _ = version.quick  # now: the first decision it is asked for may have little time
        return version

    def _trees(self, table: _Table, head: str, parameters: dict[str, Any]) -> str:
        from lightgbm import train

        self._check(table, head)
        count = self._count(table, parameters)
        return train(parameters, self._dataset(table, parameters), num_boost_round=count).model_to_string()

    def _check(self, table: _Table, head: str) -> None:
        if self.loss == "logistic":
            require_yes_and_no(table.label, head, _NAME)
        if self.loss == "ranking":
            require_both(table.label, head, _NAME)
            _require_rankable(table, head)

    def _count(self, table: _Table, parameters: dict[str, Any]) -> int:
        """Return how many trees do best on the latest rows, having learnt from the earlier ones."""
        from lightgbm import early_stopping, train

        earlier, later = (table.part(index) for index in split_by_time(table.at, table.group, _JUDGED_SHARE))
        if self.patience is None or self.patience >= self.trees or not (self._can_judge(earlier) and self._can_judge(later)):
            return self.trees
        learnt = self._dataset(earlier, parameters)
        judged = self._dataset(later, parameters, reference=learnt)
        stop = early_stopping(self.patience, first_metric_only=True, verbose=False)
        return train(parameters, learnt, num_boost_round=self.trees, valid_sets=[judged], callbacks=[stop]).best_iteration

    def _can_judge(self, table: _Table) -> bool:
        if self.loss == "squared":
            return len(table.label) >= 2 * _FEWEST_JUDGED
        positives = (table.label > 0).sum()
        return bool(positives >= _FEWEST_JUDGED and len(table.label) - positives >= _FEWEST_JUDGED)

    def _dataset(self, table: _Table, parameters: dict[str, Any], reference: Dataset | None = None) -> Dataset:
        from lightgbm import Dataset

        weight = table.weight
        if self.positive_weight is not None and self.loss != "squared":
            weight = np.where(table.label > 0, weight * self.positive_weight, weight)
        group = group_sizes(table.group) if self.loss == "ranking" else None
        return Dataset(
            table.matrix,
            table.label,
            weight=weight,
            group=group,
            reference=reference,
            categorical_feature=table.categorical,
            params=parameters,
        )

    def _parameters(self, seed: int) -> dict[str, Any]:
        return {
            "objective": _OBJECTIVES[self.loss],
            "metric": _METRICS[self.loss],
            "eval_at": [10],
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_rows,
            "min_data_per_group": 5 * self.min_rows,
            "lambda_l2": self.reg,
            "seed": int(np.random.default_rng(seed).integers(2**31 - 1)),
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True, eq=False)
class GradientBoostingVersion:
    """Trained trees per outcome: probabilities, ranking scores or quantities, by the learner's loss.

    Scoring runs on one thread, so that a server decides how many requests share its cores. Trees are run by ONNX Runtime, which takes
    a third of LightGBM's time for one row, and many rows at once by what Numba makes of them, which takes a tenth to a fourth; both
    return the same bits.
    """

    encoding: Encoding
    texts: Mapping[str, str]
    boosters: Mapping[str, Booster]

    @staticmethod
    def of(encoding: Encoding, texts: Mapping[str, str]) -> GradientBoostingVersion:
        """Make a version from LightGBM's model texts by head, so that a trained one and a loaded one are the same thing."""
        from lightgbm import Booster

        return GradientBoostingVersion(encoding, texts, {head: Booster(model_str=text) for head, text in texts.items()})

    @property
    def heads(self) -> tuple[str, ...]:
        """The outcomes it predicts."""
        return tuple(self.texts)

    @property
    def features(self) -> tuple[str, ...]:
        """The feature columns, in the order of the contributions."""
        return self.encoding.names

    def score(self, rows: Columns) -> Columns:
        """Predict every row: a float64 column per head, shape (n,).

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        matrix = self.encoding.matrix(rows)
        return {head: self._scores(head, matrix) for head in self.texts}

    def _scores(self, head: str, matrix: Array) -> Array:
        if len(matrix) == 0:  # LightGBM refuses an empty matrix
            return np.empty(0)
        predict = self.quick[head]
        return predict(matrix) if predict is not None else np.asarray(self.boosters[head].predict(matrix, num_threads=1))

    def contributions(self, rows: Columns) -> Columns:
        """Split every raw score over the features: float64 per head, shape (n, features + 1), the average score last.

        These are exact Shapley values of the trees. They add up to the log-odds for the logistic loss and to the score for the others.
        One row costs about as much as scoring 200.

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.

        Source: Lundberg et al. (2020), From Local Explanations to Global Understanding with Explainable AI for Trees.
        """
        matrix, width = self.encoding.matrix(rows), len(self.features) + 1
        if len(matrix) == 0:
            return {head: np.empty((0, width)) for head in self.boosters}
        return {head: np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1)) for head, booster in self.boosters.items()}

    def save(self, folder: Path) -> None:
        """Write `gradient_boosting.json` and a LightGBM text file per head."""
        write_json(folder, "gradient_boosting.json", _Saved(self.heads, self.encoding, tuple(map(_digest, self.texts.values()))))
        for i, text in enumerate(self.texts.values()):
            write_text(folder, _file(i), text)

    @cached_property
    def quick(self) -> Mapping[str, Callable[[Array], Array] | None]:
        """What predicts each head in LightGBM's place, where that is quicker; made when something is first scored, or it is loaded."""
        return {head: quick(text, len(self.features)) for head, text in self.texts.items()}


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    heads: tuple[str, ...]
    encoding: Encoding
    sha256: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Table:
    """The labelled rows of one head."""

    matrix: Array
    label: Array
    weight: Array
    group: Array
    at: Array
    categorical: list[int]

    def part(self, index: Array) -> _Table:
        return _Table(self.matrix[index], self.label[index], self.weight[index], self.group[index], self.at[index], self.categorical)


def _table(examples: Examples, matrix: Array, categorical: list[int], head: str) -> _Table:
    everything = _Table(matrix, examples.labels[head], examples.weight, examples.group, examples.at, categorical)
    return everything.part(labelled(examples, head, _NAME))


def _file(head: int) -> str:
    return f"head-{head}.txt"


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _require_rankable(table: _Table, head: str) -> None:
    strange = table.label[(table.label < 0) | (table.label >= _GRADES) | (table.label != np.floor(table.label))]
    if len(strange):
        raise TrainingError(
            f'{_NAME}(loss="ranking") learns from grades 0, 1, 2, ... {_GRADES - 1}: {len(strange)} labels of {head!r} are not, '
            f"such as {float(strange[0])!r}; turn the outcome into grades or use another loss"
        )
    starts = group_starts(table.group)
    if (np.maximum.reduceat(table.label, starts) == np.minimum.reduceat(table.label, starts)).all():
        raise TrainingError(
            f'{_NAME}(loss="ranking") compares the rows of one decision, and no decision has different labels of {head!r}: '
            f'use loss="logistic"'
        )
    longest = int(group_sizes(table.group).max())
    if longest > _LONGEST_GROUP:
        raise TrainingError(
            f'{_NAME}(loss="ranking") compares at most {_LONGEST_GROUP} rows of one decision, and one has {longest} for {head!r}: '
            f'sample its candidates, or use loss="logistic"'
        )
