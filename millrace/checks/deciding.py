"""The rules of what decides: sources, stages, choosers and wrappers that fit the system and each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from millrace.checks.rule import Problem, Rule, chosen, stages
from millrace.errors import DeclarationError, brief
from millrace.features.declare import Aggregate
from millrace.features.plan import plan, with_needs
from millrace.guards.guardrails import FairnessGap
from millrace.loaded import Loaded
from millrace.models.declare import Model
from millrace.policy.act import Act
from millrace.policy.assignment import TimeSlot
from millrace.policy.cached import Cached
from millrace.policy.choosing import Chooser
from millrace.policy.interleave import Interleave
from millrace.policy.sources import Arms, Factorized, Fresh, Itself, Source, Trending
from millrace.policy.stages import NoRepeats, Only, Rules, Score, Weigh
from millrace.policy.top import Top
from millrace.policy.wrappers import Canary, Experiment, Pinned, Shadow
from millrace.schema import Field, field_names
from millrace.walk import reachable


def _sources_propose_the_candidate(loaded: Loaded) -> Iterator[Problem]:
    candidate = loaded.system.candidate
    for one in loaded.of(Source):
        proposed = _proposed(one)
        if isinstance(one, Itself) and candidate is not None:
            yield one, f"it proposes the request, but {chosen(loaded)}: use another source, or drop candidate="
        elif proposed is not None and candidate is None:
            yield one, f"it proposes {proposed.__name__}, but the system has no candidate: write System(..., candidate={proposed.__name__})"
        elif proposed is not None and proposed is not candidate:
            yield one, f"it proposes {proposed.__name__}, but {chosen(loaded)}: use a source of {brief(candidate)}"


def _proposed(source: Source) -> type | None:
    if isinstance(source, Trending):
        return source.of.refers_to
    if isinstance(source, Fresh):
        return source.of.owner
    return source.having.owner if isinstance(source, Arms) else None


def _features_can_be_read(loaded: Loaded) -> Iterator[Problem]:
    for reader, one in loaded.features():
        for part in with_needs([one]).values():
            try:
                plan(loaded.system.request, loaded.system.candidate, [part])
            except DeclarationError as error:
                is_bound = loaded.names.get(id(part), part.column) != part.column
                yield part if is_bound else reader, str(error)


def _fields_of_the_request(loaded: Loaded) -> Iterator[Problem]:
    request = loaded.system.request
    named: list[tuple[Any, str, Any]] = []
    for one in reachable(loaded.system):
        if isinstance(one, Factorized | NoRepeats):
            named.append((one, "by", one.by))
        elif isinstance(one, Arms):
            named.append((one, "of", one.of))
        elif isinstance(one, Experiment) and isinstance(one.unit, TimeSlot):
            named.extend((one, "unit", field) for field in (one.unit.by,) if field is not None)
        elif isinstance(one, Experiment) or (isinstance(one, Canary) and one.unit is not None):
            named.append((one, "unit", one.unit))
        elif isinstance(one, Top | Chooser) and isinstance(one.n, Field):
            named.append((one, "n", one.n))
        elif isinstance(one, FairnessGap):
            named.append((one, "by", one.by))
        elif isinstance(one, Cached):
            named.extend((one, "key", field) for field in one.key)
    for one, argument, field in named:
        if not isinstance(field, Field) or field.owner is not request or field.via is not None:
            there = ", ".join(f"{request.__name__}.{name}" for name in field_names(request) if name != "at")
            yield one, f"{argument}={brief(field)} is not a field of {request.__name__}, which the system is asked: use one of {there}"


def _cached_answers_are_those_to_the_same_question(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Cached):
        there = {key.column for key in one.key}
        for part in reachable(one.policy):
            for field in _read_from_the_request(part):
                if field.column not in there:
                    named = ", ".join(key.column for key in (*one.key, field))
                    yield one, f"its answers depend on {field.column}, which may differ where its key is equal: write key=({named})"
            if isinstance(part, Itself):
                yield one, "it would repeat what was done about another request: decide anew on each, without Cached(...)"


def _read_from_the_request(part: Any) -> list[Field]:
    if isinstance(part, Factorized | NoRepeats):
        return [part.by]
    if isinstance(part, Arms):
        return [part.of]
    return [part.n] if isinstance(part, Top | Chooser) and isinstance(part.n, Field) else []


def _cached_answers_say_which_versions_gave_them(loaded: Loaded) -> Iterator[Problem]:
    cached = {id(one.policy) for one in loaded.of(Cached)}
    for one in loaded.of(Pinned):
        if any(id(part) in cached for part in reachable(one)):
            yield one, "it pins a pipeline that is cached, and records do not say which versions answered: pin one that is not"


def _interleaved_arms_only_rank(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Interleave):
        for name, arm in one.arms:
            for part in reachable(arm):
                kind = type(part).__name__
                if isinstance(part, Act):
                    yield one, f"its arm {name!r} acts, and only slates can be merged: end its pipelines with Top(...)"
                elif isinstance(part, Cached):
                    yield one, f"its arm {name!r} repeats what it decided alone: interleave the pipeline without Cached(...)"
                elif isinstance(part, Experiment | Interleave | Shadow):
                    yield one, f"its arm {name!r} holds {kind}(...), whose record would be lost: put {kind}(...) around Interleave(...)"
                elif getattr(part, "draws", False) and not (isinstance(part, Top) and part.explore == 0):
                    given = f"explore={part.explore:g}" if isinstance(part, Top) else kind
                    yield (
                        one,
                        f"its arm {name!r} draws ({given}), and so does Interleave(...): the propensities would be wrong; use Top(n)",
                    )


def _arms_belong_to_what_is_asked(loaded: Loaded) -> Iterator[Problem]:
    for one in loaded.of(Arms):
        if one.having.refers_to is not one.of.refers_to or one.having.kind != one.of.kind:
            yield one, f"{one.having.column} can never equal {one.of.column}: name two fields that refer to the same class"


def _left_out_are_candidates(loaded: Loaded) -> Iterator[Problem]:
    candidate = loaded.system.candidate
    for one in loaded.of(Only):
        if candidate is None:
            yield one, f"it leaves out candidates, but {chosen(loaded)}: let a model or Rules(...) score it, and Act(...) refuse it"
    for one in loaded.of(NoRepeats):
        if one.of is not candidate:
            remedy = f"write NoRepeats({one.by.column}, {candidate.__name__})" if candidate is not None else "leave it out"
            yield one, f"it leaves out each {one.of.__name__} that was shown, but {chosen(loaded)}: {remedy}"


def _act_has_one_candidate(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, _ in stages(loaded):
        if isinstance(stage, Act) and not isinstance(pipeline.source, Itself):
            yield pipeline, "Act() acts on one candidate per request: begin the pipeline with Itself(), or end it with Top(...)"


def _act_has_a_score(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, before in stages(loaded):
        if isinstance(stage, Act) and not any(isinstance(one, Score | Rules) for one in before):
            yield pipeline, "Act() has no score to cut: put a model or Rules(...) before it"


def _rules_go_by_numbers(loaded: Loaded) -> Iterator[Problem]:
    for one in (*loaded.of(Rules), *loaded.of(Only)):
        what = one.by.value if isinstance(one.by, Aggregate) and one.by.is_value else one.by
        if isinstance(what, Field) and what.kind in ("text", "bytes"):
            does = "Rules(...) scores by a number" if isinstance(one, Rules) else "Only(...) asks what is true, or a number above 0"
            yield one, f"{what.column} is {what.kind}, and {does}: pass an aggregate, or a @feature function of it"


def _weighed_outcomes_are_predicted(loaded: Loaded) -> Iterator[Problem]:
    for pipeline, stage, before in stages(loaded):
        if not isinstance(stage, Weigh):
            continue
        heads = {head for earlier in before if isinstance(earlier, Score) for head in earlier.model.heads}
        for one, _ in stage.weights:
            if one.column not in heads:
                name = loaded.name_of(one)
                yield pipeline, f"Weigh() weighs {name}, which no model before it predicts: add it to the outcomes of a model there"


def _learned_thresholds_cut_a_model(loaded: Loaded) -> Iterator[Problem]:
    cut: dict[int, Model] = {}
    for pipeline, stage, before in stages(loaded):
        if not isinstance(stage, Act) or not stage.learned:
            continue
        scored = next((one for one in reversed(before) if isinstance(one, Score | Rules)), None)
        rule = type(stage.learned[0][1]).__name__
        if not isinstance(scored, Score):
            yield pipeline, f"{rule}(...) is learned from a model's scores, but Rules(...) score here: give Act() a number instead"
        elif cut.setdefault(id(stage), scored.model) is not scored.model:
            yield stage, "its thresholds are learned from one model's scores, but it follows two: declare an Act() for each"


RULES: tuple[Rule, ...] = (
    _sources_propose_the_candidate,
    _features_can_be_read,
    _fields_of_the_request,
    _cached_answers_are_those_to_the_same_question,
    _cached_answers_say_which_versions_gave_them,
    _interleaved_arms_only_rank,
    _arms_belong_to_what_is_asked,
    _left_out_are_candidates,
    _act_has_one_candidate,
    _act_has_a_score,
    _rules_go_by_numbers,
    _weighed_outcomes_are_predicted,
    _learned_thresholds_cut_a_model,
)
