"""The rules of what learns: outcomes, models, monitors and retraining that can do what they say."""

from __future__ import annotations

from collections.abc import Iterator

from millrace.checks.rule import Problem, Rule, chosen, stages
from millrace.errors import DeclarationError, MillraceError, brief
from millrace.evaluation.metrics import metric
from millrace.features.learned import Learned
from millrace.features.values import kind_of as kind_of_value
from millrace.loaded import Loaded
from millrace.models.declare import Decided, Judged, Model, Outcome, Pairs
from millrace.monitors.declare import Calibration, Drift, Drop, Freshness
from millrace.policy.act import Act
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Factorized
from millrace.policy.stages import Score
from millrace.schema import references
from millrace.training.examples import pair_fields
from millrace.walk import digest, reachable


def _models_that_recall(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Factorized):
        if not _recalls(one.model):
            yield one, f"{_learner(one.model)} cannot recall candidates: use a model whose learner can, such as ALS()"
    for pipeline, stage, _ in stages(loaded):
        if isinstance(stage, Score) and _recalls(stage.model):
            yield pipeline, f"{loaded.name_of(stage.model)} recalls candidates and cannot score rows: propose by it, with Factorized(...)"
    for model in loaded.of(Model):
        if isinstance(model.examples, Pairs) and not _recalls(model):
            yield model, f"{_learner(model)} cannot learn from Pairs(...): use a learner that recalls, such as ALS(), or examples=Decided()"
        elif _recalls(model) and not isinstance(model.examples, Pairs):
            yield model, f"{_learner(model)} learns who takes what: give it examples=Pairs(...), the events in which a candidate is taken"


def _recalls(model: Model) -> bool:
    return getattr(model.learner, "recalls", False)


def _learner(model: Model) -> str:
    return f"{type(model.learner).__name__}()"


def _outcomes_can_be_attributed(loaded: Loaded) -> Iterator[Problem]:
    request, candidate = loaded.system.request, loaded.system.candidate
    about = candidate if candidate is not None else request
    for one in loaded.of(Outcome):
        if not {about, request} & {field.refers_to for field in references(one.stream)}:
            name = one.stream.__name__
            yield one, f"{name} does not say which {about.__name__} it is about: give {name} a field of type Ref[{about.__name__}]"


def _outcomes_are_numbers(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Outcome):
        try:
            kind = kind_of_value(one.value) if one.value is not None else "boolean"
        except DeclarationError as error:
            yield one, str(error)
        else:
            if kind not in ("boolean", "integer", "number"):
                yield one, f"{brief(one.value)} is {kind}, which no model can predict: compare it with something, or name a number"


def _outcomes_begin_with_the_candidate(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Outcome):
        if one.after is not None and one.after.owner is not loaded.system.candidate:
            candidate = loaded.system.candidate
            remedy = f"name an attribute of {candidate.__name__}" if candidate is not None else "drop after="
            yield one, f"after={one.after.column} is no attribute of the candidate, and {chosen(loaded)}: {remedy}"


def _outcomes_name_actions(loaded: Loaded) -> Iterator[Problem]:
    actions = {action for one in loaded.of(Act) for action in one.actions}
    there = f"use {' or '.join(sorted(actions))}" if actions else "drop seen_if=, the system ranks and all it shows is seen"
    for one in loaded.of(Outcome):
        for action in one.seen_if or ():
            if action not in actions:
                yield one, f"seen_if names the action {action!r}, which no Act() takes: {there}"


def _classes_have_names_of_their_own(loaded: Loaded) -> Iterator[Problem]:
    first: dict[str, type] = {}
    for one in sorted(loaded.classes(), key=lambda one: "." not in loaded.names.get(id(one), ".")):  # rename the module's own rather
        other = first.setdefault(one.__name__, one)
        if other is not one:
            place = loaded.places.get(id(other), f"module {other.__module__}")
            about = one if id(one) in loaded.names else loaded.system
            yield about, f"{place} declares a {one.__name__} too, and a log knows classes by name: rename one of them"


def _settings_can_be_read(loaded: Loaded) -> Iterator[Problem]:
    for one in (*loaded.of((Model, Pipeline)), loaded.system):
        try:
            digest(one)
        except DeclarationError as error:
            yield one, str(error)


def _models_are_bound(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, _ in stages(loaded):
        if isinstance(stage, Score) and loaded.name_of(stage.model).startswith(f"{loaded.name_of(stage)}."):
            yield pipeline, "a model in it has no name for its versions to be kept under: bind it first, as in ranker = Model(...)"
    for one in loaded.of((Factorized, Learned)):
        if loaded.name_of(one.model).startswith(f"{loaded.name_of(one)}."):
            yield one, "its model has no name for its versions to be kept under: bind it first, as in nearby = Model(...)"


def _models_have_examples(loaded: Loaded) -> Iterator[Problem]:
    request, candidate = loaded.system.request, loaded.system.candidate
    for model in loaded.models.values():
        examples = model.examples
        if isinstance(examples, Decided | Judged) and not model.features:
            yield model, "it has no features to learn from: list some in features="
        if isinstance(examples, Judged):
            yield from ((model, sentence) for sentence in _wrong_with_judgements(model, examples.of, request))
        if isinstance(examples, Pairs):
            yield from ((model, sentence) for sentence in _wrong_with_pairs(examples, request, candidate))


def _wrong_with_judgements(model: Model, stream: type, request: type) -> Iterator[str]:
    judged = stream.__name__
    if len(references(stream, request)) != 1:
        yield f"Judged({judged}) does not say which {request.__name__} was judged: give {judged} one field of type Ref[{request.__name__}]"
    for one in model.outcomes:
        if one.stream is not stream:
            yield f"its examples are judged in {judged}, but it predicts {one.column}: predict a field of {judged}"


def _wrong_with_pairs(pairs: Pairs, request: type, candidate: type | None) -> Iterator[str]:
    if candidate is None:
        yield "Pairs(...) pairs who asks with a candidate, but the system has no candidate: use examples=Decided()"
        return
    try:
        pair_fields(pairs, request, candidate)
    except MillraceError as error:
        yield str(error)


def _monitors_watch_what_is_there(loaded: Loaded) -> Iterator[Problem]:
    heads = {head for model in loaded.models.values() for head in model.heads}
    deciding = [id(one) for one in reachable(loaded.system.policy) if isinstance(one, Model)]
    for one in loaded.system.monitors:
        if not isinstance(one, Drift | Calibration | Drop | Freshness):
            yield loaded.system, f"monitors=[{brief(one)}] is not a monitor: use Drift, Calibration, Freshness or drop(...)"
        elif isinstance(one, Drift) and id(one.of) not in deciding:
            yield one, f"it watches {loaded.name_of(one.of)}, which decides nothing: watch a model of the policy"
        elif isinstance(one, Calibration) and one.of.column not in heads:
            yield one, f"it watches {loaded.name_of(one.of)}, which no model predicts: watch an outcome of a model of the policy"


def _triggers_are_watched(loaded: Loaded) -> Iterator[Problem]:
    retrain, monitors = loaded.system.retrain, loaded.system.monitors
    for one in retrain.on if retrain is not None else ():
        kind = one if isinstance(one, type) else type(one)
        if not issubclass(kind, Drift | Calibration | Freshness | Drop):
            yield loaded.system, f"Retrain(on={brief(one)}) waits for what is not a monitor: use Drift, Calibration or drop(...)"
        elif kind is not Drop and not any(monitor is one or one is type(monitor) for monitor in monitors):
            yield loaded.system, f"Retrain(on={brief(one)}) waits for a monitor that is not there: add {kind.__name__}(...) to monitors="


def _metrics_exist(loaded: Loaded) -> Iterator[Problem]:
    retrain = loaded.system.retrain
    asked = [retrain.gate] if retrain is not None else []
    asked += [one for one in (*loaded.system.monitors, *(retrain.on if retrain is not None else ())) if isinstance(one, Drop)]
    for one in asked:
        try:
            needs = metric(one.metric).needs
        except MillraceError as error:
            yield one, str(error)
        else:
            if not set(needs) <= {"score", "label", "group"}:
                yield one, f"{one.metric} does not say how good scores are: use a metric of scores and outcomes, such as auc or ndcg@10"


def _there_is_something_to_train(loaded: Loaded) -> Iterator[Problem]:
    if loaded.system.retrain is not None and not loaded.models:
        yield loaded.system, "Retrain(...) has nothing to train, the policy reaches no model: drop retrain="


RULES: tuple[Rule, ...] = (
    _classes_have_names_of_their_own,
    _settings_can_be_read,
    _models_are_bound,
    _models_that_recall,
    _models_have_examples,
    _outcomes_can_be_attributed,
    _outcomes_are_numbers,
    _outcomes_begin_with_the_candidate,
    _outcomes_name_actions,
    _monitors_watch_what_is_there,
    _triggers_are_watched,
    _metrics_exist,
    _there_is_something_to_train,
)
