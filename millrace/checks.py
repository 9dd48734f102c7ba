"""The rules a system must keep, each with the sentence a user reads when it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from millrace.errors import DeclarationError
from millrace.loading import Loaded
from millrace.models.declare import Model, Outcome, Pairs
from millrace.monitors.declare import Calibration, Drift, Drop
from millrace.policy.act import Act
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Arms, Factorized, Fresh, Itself, Source, Trending
from millrace.policy.stages import NoRepeats, Rules, Score, Weigh
from millrace.policy.top import Top
from millrace.policy.wrappers import Experiment
from millrace.schema import Field, references
from millrace.walk import reachable

Problem = tuple[Any, str]
"""A declaration and what is wrong with it."""


def check(loaded: Loaded, places: dict[int, str]) -> None:
    """Refuse a system that breaks a rule, naming the declaration, its line, the rule and the remedy.

    Args:
        loaded: The system.
        places: `file:line` by the identity of a declaration.

    Raises:
        DeclarationError: The first rule broken.
    """
    for rule in RULES:
        for declaration, sentence in rule(loaded):
            place = places.get(id(declaration), loaded.path)
            raise DeclarationError(f"{place}: {loaded.names.get(id(declaration), loaded.name)}: {sentence}")


def _sources_propose_the_candidate(loaded: Loaded) -> Iterator[Problem]:
    candidate = loaded.system.candidate
    for one in loaded.of(Source):
        proposed = _proposed(one)
        if isinstance(one, Itself) and candidate is not None:
            yield one, f"Itself() proposes the request, but the system chooses among {candidate.__name__}: use another source, or drop candidate="
        elif proposed is not None and candidate is None:
            yield one, f"it proposes {proposed.__name__}, but the system has no candidate: write System(..., candidate={proposed.__name__})"
        elif proposed is not None and proposed is not candidate:
            yield one, f"it proposes {proposed.__name__}, but the system chooses among {candidate.__name__}"


def _proposed(source: Source) -> type | None:
    if isinstance(source, Trending):
        return source.of.refers_to
    if isinstance(source, Fresh):
        return source.of.owner
    return source.having.owner if isinstance(source, Arms) else None


def _fields_of_the_request(loaded: Loaded) -> Iterator[Problem]:
    request = loaded.system.request
    named: list[tuple[Any, str, Any]] = []
    for one in reachable(loaded.system):
        if isinstance(one, Factorized | NoRepeats):
            named.append((one, "by", one.by))
        elif isinstance(one, Arms):
            named.append((one, "of", one.of))
        elif isinstance(one, Experiment):
            named.append((one, "unit", one.unit))
        elif isinstance(one, Top) and isinstance(one.n, Field):
            named.append((one, "n", one.n))
    for one, argument, field in named:
        if field.owner is not request:
            yield one, f"{argument}={field.column} is not a field of {request.__name__}, which is what the system is asked"


def _no_repeats_of_the_candidate(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(NoRepeats):
        if one.of is not loaded.system.candidate:
            yield one, f"NoRepeats(..., {one.of.__name__}) is about another class than the candidate of the system"


def _recalled_models_recall(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Factorized):
        if not getattr(one.model.learner, "recalls", False):
            learner = type(one.model.learner).__name__
            yield one, f"{learner} cannot recall candidates: use a model whose learner can, such as ALS()"


def _weighed_outcomes_are_predicted(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, before in _stages(loaded):
        if not isinstance(stage, Weigh):
            continue
        heads = {head for earlier in before if isinstance(earlier, Score) for head in earlier.model.heads}
        for one, _ in stage.weights:
            if one.column not in heads:
                yield pipeline, f"Weigh() weighs {loaded.names.get(id(one), one.column)}, which no model before it predicts: add it to the model's outcomes"


def _learned_thresholds_cut_a_model(loaded: Loaded) -> Iterator[Problem]:
    cut: dict[int, Model] = {}
    for pipeline, stage, before in _stages(loaded):
        if not isinstance(stage, Act) or not stage.learned:
            continue
        scored = next((one for one in reversed(before) if isinstance(one, Score | Rules)), None)
        rule = stage.learned[0][1]
        if not isinstance(scored, Score):
            yield pipeline, f"{rule!r} is learned from a model's scores, but no model scores before Act(): give a number instead"
        elif cut.setdefault(id(stage), scored.model) is not scored.model:
            yield stage, "one Act() with learned thresholds follows two models: declare one for each, the thresholds are learned per model"


def _act_has_one_candidate(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, _ in _stages(loaded):
        if isinstance(stage, Act) and not isinstance(pipeline.source, Itself):
            yield pipeline, "Act() acts on one candidate per request: begin the pipeline with Itself(), or end it with Top(...)"


def _top_has_a_score(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, before in _stages(loaded):
        if isinstance(stage, Act) and not any(isinstance(one, Score | Rules) for one in before):
            yield pipeline, "Act() has no score to cut: put a model or Rules(...) before it"


def _outcomes_can_be_attributed(loaded: Loaded) -> Iterator[Problem]:
    system = loaded.system
    known = {system.request, system.candidate} | {field.refers_to for field in references(system.request)}
    for one in loaded.of(Outcome):
        shared = [field.refers_to for field in references(one.stream) if field.refers_to in known]
        needed = system.candidate if system.candidate is not None else system.request
        if needed not in shared and system.request not in shared:
            yield one, f"{one.stream.__name__} does not say which {needed.__name__} it is about: give it a field of type Ref[{needed.__name__}]"


def _outcomes_name_actions(loaded: Loaded) -> Iterator[Problem]:
    actions = {action for one in loaded.of(Act) for action in one.actions}
    for one in loaded.of(Outcome):
        for action in one.seen_if or ():
            if action not in actions:
                there = ", ".join(sorted(actions)) or "none: the system ranks"
                yield one, f"seen_if names the action {action!r}, which no Act() takes; there are {there}"


def _pairs_name_the_candidate(loaded: Loaded) -> Iterator[Problem]:
    for model in loaded.of(Model):
        if isinstance(model.examples, Pairs) and loaded.system.candidate is None:
            yield model, "Pairs(...) pairs who asks with a candidate, but the system has no candidate"


def _monitors_watch_what_is_there(loaded: Loaded) -> Iterator[Problem]:
    models = list(loaded.models.values())
    heads = {head for model in models for head in model.heads}
    for one in loaded.system.monitors:
        if not isinstance(one, Drift | Calibration | Drop) and not hasattr(one, "age"):
            yield one, f"{one!r} is not a monitor: use Drift, Calibration, Freshness or drop(...)"
        elif isinstance(one, Drift) and not any(one.of is model for model in _deciding(loaded)):
            yield one, "Drift() watches a model that decides nothing in the policy"
        elif isinstance(one, Calibration) and one.of.column not in heads:
            yield one, f"Calibration() watches {loaded.names.get(id(one.of), one.of.column)}, which no model predicts"


def _deciding(loaded: Loaded) -> list[Model]:
    return [one for one in reachable(loaded.system.policy) if isinstance(one, Model)]


def _triggers_are_monitors(loaded: Loaded) -> Iterator[Problem]:
    retrain = loaded.system.retrain
    for one in retrain.on if retrain is not None else ():
        if isinstance(one, type) and not any(isinstance(monitor, one) for monitor in loaded.system.monitors):
            yield loaded.system, f"Retrain(on={one.__name__}) waits for a monitor the system does not have: add {one.__name__}(...) to monitors="
        elif not isinstance(one, type | Drop | Drift | Calibration):
            yield loaded.system, f"Retrain(on={one!r}) is not a monitor: use Drift, Calibration or drop(...)"


def _metrics_exist(loaded: Loaded) -> Iterator[Problem]:
    from millrace.evaluation.metrics import metric

    retrain = loaded.system.retrain
    named = [retrain.gate.metric] if retrain is not None else []
    named += [one.metric for one in (*loaded.system.monitors, *(retrain.on if retrain is not None else ())) if isinstance(one, Drop)]
    for name in named:
        try:
            metric(name)
        except Exception as error:
            yield loaded.system, str(error)


def _models_decide(loaded: Loaded) -> Iterator[Problem]:
    if loaded.system.retrain is not None and not loaded.models:
        yield loaded.system, "Retrain(...) has nothing to train: the policy reaches no model; drop retrain="


def _stages(loaded: Loaded) -> Iterator[tuple[Pipeline, Any, tuple[Any, ...]]]:
    for pipeline in loaded.of(Pipeline):
        for position, stage in enumerate(pipeline.stages):
            yield pipeline, stage, pipeline.stages[:position]


RULES: tuple[Callable[[Loaded], Iterator[Problem]], ...] = (
    _sources_propose_the_candidate,
    _fields_of_the_request,
    _no_repeats_of_the_candidate,
    _recalled_models_recall,
    _act_has_one_candidate,
    _top_has_a_score,
    _weighed_outcomes_are_predicted,
    _learned_thresholds_cut_a_model,
    _outcomes_can_be_attributed,
    _outcomes_name_actions,
    _pairs_name_the_candidate,
    _monitors_watch_what_is_there,
    _triggers_are_monitors,
    _metrics_exist,
    _models_decide,
)
