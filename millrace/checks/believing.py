"""The rules of what is believed: choosers that weigh beliefs have some to weigh, and beliefs have something to follow."""

from __future__ import annotations

from collections.abc import Iterator

from millrace.checks.rule import Problem, Rule, stages
from millrace.loaded import Loaded
from millrace.models.declare import Decided, Model
from millrace.models.linear_belief import LinearBelief
from millrace.policy.choosing import Chooser
from millrace.policy.stages import Rules, Score, Weigh


def _choosers_have_a_belief_to_weigh(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, before in stages(loaded):
        if not isinstance(stage, Chooser) or not stage.read:
            continue
        name = type(stage).__name__
        last = next((one for one in reversed(before) if isinstance(one, Score | Rules | Weigh)), None)
        if last is None:
            yield pipeline, f"{name}() weighs what a model believes, and no model is before it: put one with BetaBelief() or another there"
        elif not isinstance(last, Score):
            remedy = f"put the model right before {name}(), or end with EpsilonGreedy()"
            yield pipeline, f"{name}() weighs what a model believes, and {type(last).__name__}(...) leaves a bare number of it: {remedy}"
        elif not _believes(last.model):
            remedy = "give it BetaBelief() or another, or end with EpsilonGreedy()"
            yield pipeline, f"{name}() weighs how sure a model is, and {type(last.model.learner).__name__}() does not say it: {remedy}"


def _believes(model: Model) -> bool:
    return hasattr(model.learner, "untaught")


def _beliefs_are_about_one_outcome(loaded: Loaded) -> Iterator[Problem]:
    for model in loaded.models.values():
        if _believes(model) and len(model.outcomes) > 1:
            yield model, f"{type(model.learner).__name__}() believes something of one outcome: declare a model for each of them"


def _beliefs_follow_something(loaded: Loaded) -> Iterator[Problem]:
    for model in loaded.models.values():
        name = type(model.learner).__name__
        if _believes(model) and model.updates is None and loaded.system.retrain is None:
            yield model, f'nothing ever teaches it: write Model(..., learner={name}(...), updates="1m")'
        elif _believes(model) and not isinstance(model.examples, Decided):
            yield model, f"{name}() learns from what was decided: drop examples="


def _weights_of_their_own_are_of_a_feature(loaded: Loaded) -> Iterator[Problem]:
    for model in loaded.models.values():
        per = model.learner.per if isinstance(model.learner, LinearBelief) else None
        if per is not None and per.column not in [one.column for one in model.features]:
            yield model, f"LinearBelief(per={per.column}) tells its rows apart by what it does not read: add {per.column} to features="


def _something_is_left_to_train(loaded: Loaded) -> Iterator[Problem]:
    models = loaded.models.values()
    if loaded.system.retrain is not None and models and all(model.updates is not None for model in models):
        yield loaded.system, "Retrain(...) has nothing to train, its models follow the log by themselves: drop retrain=, or their updates="


RULES: tuple[Rule, ...] = (
    _choosers_have_a_belief_to_weigh,
    _beliefs_are_about_one_outcome,
    _beliefs_follow_something,
    _weights_of_their_own_are_of_a_feature,
    _something_is_left_to_train,
)
