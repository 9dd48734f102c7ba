"""Millrace runs production machine-learning systems: one module declares one, and Millrace does the rest.

Everything a user's module needs is here: `from millrace import Entity, Event, Request, Ref, System, ...`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from millrace.about import VERSION
from millrace.errors import MillraceError
from millrace.features.declare import count, feature, last, maximum, mean, minimum, ratio, total
from millrace.features.declare_patterns import decayed, deviation, first, last_k, since, streak, variance, velocity
from millrace.features.declare_values import distinct, median, quantile, top_k
from millrace.features.encoded import encoded, similar
from millrace.features.encoders import Encoder, Hashing, Onnx, Tfidf
from millrace.guards.guardrails import ActionShares, FairnessGap, Latency, Miscalibration, Misses, Reward, Scores
from millrace.models.affinity import affinity
from millrace.models.beta_belief import BetaBelief
from millrace.models.calibrated import Calibrated
from millrace.models.declare import Decided, Judged, Model, Pairs, outcome
from millrace.models.distilled import Distilled
from millrace.models.factorization import ALS
from millrace.models.gradient_boosting import GradientBoosting
from millrace.models.linear_belief import LinearBelief
from millrace.models.logistic import Logistic
from millrace.models.logistic_belief import LogisticBelief
from millrace.models.normal_belief import NormalBelief
from millrace.models.perceptron import Perceptron
from millrace.monitors.declare import Calibration, Drift, Freshness, drop
from millrace.policy.act import Act, Cost, Precision
from millrace.policy.assignment import TimeSlot
from millrace.policy.bandits import UCB, UCB1, EpsilonGreedy, Thompson, TopTwo
from millrace.policy.cached import Cached
from millrace.policy.interleave import Interleave
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Arms, Factorized, Fresh, Itself, Trending
from millrace.policy.stages import NoRepeats, Only, Rules, Weigh
from millrace.policy.top import AtMost, Top
from millrace.policy.wrappers import Canary, Experiment, Fallback, Pinned, Shadow
from millrace.schema import Entity, Event, Private, Ref, Request, Shown
from millrace.system import System
from millrace.training.declare import NotWorse, Retrain
from millrace.types import Array

if TYPE_CHECKING:
    from millrace.experiments.compared import Compared as Compared
    from millrace.experiments.effect_prior import EffectPrior as EffectPrior
    from millrace.experiments.metrics import Count as Count
    from millrace.experiments.metrics import Mean as Mean
    from millrace.experiments.metrics import Proportion as Proportion
    from millrace.experiments.metrics import Quantile as Quantile
    from millrace.experiments.metrics import Ratio as Ratio
    from millrace.experiments.metrics import Retention as Retention
    from millrace.experiments.non_inferior import NonInferior as NonInferior
    from millrace.experiments.other_side import OtherSide as OtherSide
    from millrace.experiments.scorecard import Scorecard as Scorecard
    from millrace.experiments.ways import Bootstrap as Bootstrap
    from millrace.experiments.ways import Clustered as Clustered
    from millrace.experiments.ways import Paired as Paired
    from millrace.experiments.ways import Permutation as Permutation
    from millrace.experiments.ways import Stratified as Stratified

__version__ = VERSION

# What brings SciPy with it is imported when it is named, and not by `*`: who declares no scorecard does not wait for that.
_ON_USE = {
    **dict.fromkeys(("Count", "Mean", "Proportion", "Quantile", "Ratio", "Retention"), "millrace.experiments.metrics"),
    **dict.fromkeys(("Bootstrap", "Clustered", "Paired", "Permutation", "Stratified"), "millrace.experiments.ways"),
    "Compared": "millrace.experiments.compared",
    "EffectPrior": "millrace.experiments.effect_prior",
    "NonInferior": "millrace.experiments.non_inferior",
    "OtherSide": "millrace.experiments.other_side",
    "Scorecard": "millrace.experiments.scorecard",
}

__all__ = [
    "ALS",
    "UCB",
    "UCB1",
    "Act",
    "ActionShares",
    "Arms",
    "Array",
    "AtMost",
    "BetaBelief",
    "Cached",
    "Calibrated",
    "Calibration",
    "Canary",
    "Cost",
    "Decided",
    "Distilled",
    "Drift",
    "Encoder",
    "Entity",
    "EpsilonGreedy",
    "Event",
    "Experiment",
    "Factorized",
    "FairnessGap",
    "Fallback",
    "Fresh",
    "Freshness",
    "GradientBoosting",
    "Hashing",
    "Interleave",
    "Itself",
    "Judged",
    "Latency",
    "LinearBelief",
    "Logistic",
    "LogisticBelief",
    "MillraceError",
    "Miscalibration",
    "Misses",
    "Model",
    "NoRepeats",
    "NormalBelief",
    "NotWorse",
    "Only",
    "Onnx",
    "Pairs",
    "Perceptron",
    "Pinned",
    "Pipeline",
    "Precision",
    "Private",
    "Ref",
    "Request",
    "Retrain",
    "Reward",
    "Rules",
    "Scores",
    "Shadow",
    "Shown",
    "System",
    "Tfidf",
    "Thompson",
    "TimeSlot",
    "Top",
    "TopTwo",
    "Trending",
    "Weigh",
    "affinity",
    "count",
    "decayed",
    "deviation",
    "distinct",
    "drop",
    "encoded",
    "feature",
    "first",
    "last",
    "last_k",
    "maximum",
    "mean",
    "median",
    "minimum",
    "outcome",
    "quantile",
    "ratio",
    "similar",
    "since",
    "streak",
    "top_k",
    "total",
    "variance",
    "velocity",
]


def __getattr__(name: str) -> Any:
    if name not in _ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ON_USE[name]), name)
