"""A small neural net for columns of numbers and categories, trained by scikit-learn and run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from millrace.errors import BadInput
from millrace.models.design import Design
from millrace.models.encoding import Encoding
from millrace.models.folder import read_array, read_bytes, read_json, write_array, write_bytes, write_json
from millrace.models.labels import heads_of, labelled, require_yes_and_no
from millrace.models.learner import Examples
from millrace.models.net_graph import Layer, in_float32, in_int8
from millrace.models.net_running import Run, runner
from millrace.models.odds import probability
from millrace.models.settings import at_least_zero, one_of, positive, whole, whole_numbers
from millrace.types import Array, Columns

_NAME = "Perceptron"
_MOST_CATEGORIES = 100
"""More would make rows wide: each is a column of its own."""
_AT_ONCE = 128
_LEAST_STEPS = 20
"""Where rows are few, so few are taken at once that an epoch has at least so many steps."""


@dataclass(frozen=True, kw_only=True)
class Perceptron:
    """A small neural net for numbers and categories: smooth, a few kilobytes, and as quick for any rows as its layers are small.

    Numbers are standardised, one that is missing counts as the mean and says so; each of the 100 most frequent categories of a feature
    is an input. On tables trees usually learn more; a net is for smooth dependencies, and to be taught by trees (`Distilled`). It keeps
    rising or falling beyond the values seen. Heavy tails (amounts, counts) are better declared as logarithms.

    Args:
        hidden: How many units each hidden layer has, 1 to 4 layers of 1 to 1024.
        epochs: How many times all rows are gone through, 1 to 1000.
        learning_rate: How far a step goes, in (0, 0.1].
        reg: The strength of the squared penalty on the weights, 0 to 1e9. It stands against the sum of the rows' losses, so it fades as
            rows grow.
        loss: What the score is. "logistic": the probability of an outcome that is 0 or 1. "squared": the expected quantity.
        weights: "float32", or "int8" for whole numbers of 8 bits: a quarter of the bytes. Then inputs are cut off where 99.9 % of the
            training rows lie, and probabilities move by some thousandths on average, by some hundredths where layers are wide.
        min_rows: The fewest rows of a category that is told apart, 1 to 1 000 000.

    Source: Kingma & Ba (2015), Adam: A Method for Stochastic Optimization; Jacob et al. (2018), Quantization and Training of Neural
    Networks for Efficient Integer-Arithmetic-Only Inference.
    """

    hidden: tuple[int, ...] = (64, 32)
    epochs: int = 20
    learning_rate: float = 0.002
    reg: float = 30.0
    loss: Literal["logistic", "squared"] = "logistic"
    weights: Literal["float32", "int8"] = "float32"
    min_rows: int = 20

    def __post_init__(self) -> None:
        whole_numbers(self, "hidden", 1, 1024, most=4)
        whole(self, "epochs", 1, 1000)
        positive(self, "learning_rate", 0.1)
        at_least_zero(self, "reg", 1e9)
        one_of(self, "loss", "logistic", "squared")
        one_of(self, "weights", "float32", "int8")
        whole(self, "min_rows", 1, 1_000_000)

    def fit(self, examples: Examples, seed: int) -> PerceptronVersion:
        """Train a net per outcome on the rows where it is known.

        Raises:
            TrainingError: An outcome has no labelled row, or labels that do not suit the loss.
            BadInput: A feature is not one number, boolean or text per row, or there is none.
        """
        from threadpoolctl import threadpool_limits

        heads = heads_of(examples, _NAME)
        design = Design.fit(Encoding.fit(examples.rows, rarest=self.min_rows, most=_MOST_CATEGORIES), examples.rows)
        rows = design.dense(examples.rows)
        with threadpool_limits(1):  # sums would differ in the last digit with the number of cores
            nets = {head: self._net(rows, examples, head, seed) for head in heads}
        return PerceptronVersion(design, self.loss, nets)

    def load(self, folder: Path) -> PerceptronVersion:
        """Read a version that a `Perceptron` of any settings saved."""
        saved = read_json(folder, "perceptron.json", _Saved)
        numbers = (len(saved.encoding.positions("number", "boolean")),)
        design = Design(saved.encoding, read_array(folder, "mean.npy", numbers), read_array(folder, "scale.npy", numbers))
        nets = {one.name: Net(read_bytes(folder, _file(i)), one.centre, one.spread) for i, one in enumerate(saved.heads)}
        if [_digest(net) for net in nets.values()] != [one.sha256 for one in saved.heads]:
            raise BadInput(f"{folder} is damaged: its nets are not those that were saved; restore the version or train it again")
        return PerceptronVersion(design, saved.loss, nets)

    def _net(self, rows: Array, examples: Examples, head: str, seed: int) -> Net:
        index = labelled(examples, head, _NAME)
        label, weight, rows = examples.labels[head][index], examples.weight[index], rows[index]
        centre, spread = 0.0, 1.0
        if self.loss == "logistic":
            require_yes_and_no(label, head, _NAME)
        else:
            centre, spread = _centred(label, weight)
        layers = self._layers(rows, (label - centre) / (spread or 1.0), weight, seed)
        return Net(in_int8(layers, rows) if self.weights == "int8" else in_float32(layers), centre, spread)

    def _layers(self, rows: Array, label: Array, weight: Array, seed: int) -> list[Layer]:
        trained = self._estimator(len(rows), seed)
        classes = {"classes": np.array([0.0, 1.0])} if self.loss == "logistic" else {}
        for _ in range(self.epochs):  # asked for all at once, it warns that it would have gone on
            trained.partial_fit(rows, label, sample_weight=weight, **classes)
        layers = [Layer(w.astype(np.float32), b.astype(np.float32)) for w, b in zip(trained.coefs_, trained.intercepts_, strict=True)]
        layers[0].weights[~rows.any(axis=0)] = 0  # what never occurred has only the weights it was drawn with
        return layers

    def _estimator(self, n: int, seed: int) -> Any:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        at_once: Any = max(min(_AT_ONCE, n // _LEAST_STEPS), 1)
        return (MLPClassifier if self.loss == "logistic" else MLPRegressor)(
            hidden_layer_sizes=self.hidden,
            alpha=self.reg * at_once / n,
            batch_size=at_once,
            learning_rate_init=self.learning_rate,
            random_state=int(np.random.default_rng(seed).integers(2**31 - 1)),
        )


@dataclass(frozen=True, eq=False)
class Net:
    """The graph of one outcome's net, and what turns its numbers into the outcome's: `centre + spread * number`."""

    graph: bytes
    centre: float
    spread: float


@dataclass(frozen=True, eq=False)
class PerceptronVersion:
    """Trained nets per outcome: probabilities or quantities, by the learner's loss. Scoring runs on one thread."""

    design: Design
    loss: Literal["logistic", "squared"]
    nets: Mapping[str, Net]

    @property
    def heads(self) -> tuple[str, ...]:
        """The outcomes it predicts."""
        return tuple(self.nets)

    def score(self, rows: Columns) -> Columns:
        """Predict every row: a float64 column per head, shape (n,).

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        given = self.design.dense(rows)
        found = {head: net.centre + net.spread * self._runs[head](given) for head, net in self.nets.items()}
        return {head: probability(raw) for head, raw in found.items()} if self.loss == "logistic" else found

    def save(self, folder: Path) -> None:
        """Write `perceptron.json`, how numbers are standardised as arrays, and an ONNX file per head, which ends in log-odds."""
        heads = tuple(_Head(name, net.centre, net.spread, _digest(net)) for name, net in self.nets.items())
        write_json(folder, "perceptron.json", _Saved(heads, self.loss, self.design.encoding))
        for name, array in {"mean": self.design.mean, "scale": self.design.scale}.items():
            write_array(folder, f"{name}.npy", array)
        for i, net in enumerate(self.nets.values()):
            write_bytes(folder, _file(i), net.graph)

    @cached_property
    def _runs(self) -> Mapping[str, Run]:
        """What runs each net; made when something is first scored."""
        return {head: runner(net.graph, self.design.width) for head, net in self.nets.items()}


class _Head(msgspec.Struct, frozen=True):
    name: str
    centre: float
    spread: float
    sha256: str


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    heads: tuple[_Head, ...]
    loss: Literal["logistic", "squared"]
    encoding: Encoding


def _centred(label: Array, weight: Array) -> tuple[float, float]:
    """Return the mean of quantities and how far they lie from it, 0 where they are all alike."""
    centre = float(np.average(label, weights=weight))
    spread = float(np.sqrt(np.average((label - centre) ** 2, weights=weight)))
    return centre, spread if spread > 1e-12 * abs(centre) else 0.0


def _file(head: int) -> str:
    return f"head-{head}.onnx"


def _digest(net: Net) -> str:
    return sha256(net.graph).hexdigest()
