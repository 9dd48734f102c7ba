"""`millrace check`: what a module declares, read back as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from millrace.cli.features import feature_table
from millrace.cli.printing import console, number, table
from millrace.cli.written import named, spelt, written
from millrace.loaded import Loaded
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Union
from millrace.policy.stages import Score
from millrace.policy.wrappers import Experiment
from millrace.schema import Entity, Field, Request, field_names, retention
from millrace.types import duration

if TYPE_CHECKING:
    from rich.table import Table
    from rich.tree import Tree


def describe(loaded: Loaded) -> None:
    """Print what a system is asked, what it knows, how it decides, and what watches it; then what is declared and does nothing."""
    out, system = console(), loaded.system
    chosen = f"chooses among {system.candidate.__name__}" if system.candidate is not None else "acts on the request itself"
    out.print(f"{loaded.name}: answers {system.request.__name__}, {chosen}\n", style="bold")
    parts = [_classes(loaded), feature_table(loaded), _models(loaded), _policy(loaded), *_scorecards(loaded), _operation(loaded)]
    for part in parts:
        if part is not None:
            out.print(part)
            out.print()
    for warning in loaded.warnings:
        out.print(f"warning: {warning}", style="yellow")
    count = len(loaded.warnings)
    said = f"{count or 'no'} warning{'' if count == 1 else 's'}"
    out.print(f"{loaded.path} is sound, {said}; hash {loaded.hash}")


def _classes(loaded: Loaded) -> Table:
    rows = table("What is asked, what exists, what happens", "class", "is", "fields")
    order = {"request": 0, "entity": 1, "event": 2}
    for kind, one in sorted(((_kind(one), one) for one in loaded.streams.values()), key=lambda pair: (order[pair[0]], pair[1].__name__)):
        fields = [_field(Field(one, name)) for name in field_names(one) if name not in ("id", "at")]
        kept = retention(one)
        rows.add_row(one.__name__, kind if kept is None else f"{kind}, kept {duration(kept)}", ", ".join(fields) or "–")
    return rows


def _kind(one: type) -> str:
    return "request" if issubclass(one, Request) else "entity" if issubclass(one, Entity) else "event"


def _field(field: Field) -> str:
    kind = f"private {field.kind}" if field.is_private else field.kind
    shown = f"{field.name} → {field.refers_to.__name__}" if field.refers_to is not None else f"{field.name}: {kind}"
    return f"{shown} or none" if field.optional else shown


def _models(loaded: Loaded) -> Table | None:
    rows = table("Models", "name", "learner", "predicts", "from", "kept up", "features", numbers=("features",))
    for name, model in loaded.models.items():
        heads = "\n".join(f"{named(loaded, one)}: {one.column}" if named(loaded, one) else one.column for one in model.outcomes)
        examples = spelt(loaded, model.examples) + (", with their place" if model.position else "")
        kept_up = f"updates every {model.updates}" if model.updates is not None else "by training"
        rows.add_row(name, spelt(loaded, model.learner), heads, examples, kept_up, number(len(model.features)))
    return rows if rows.row_count else None


def _policy(loaded: Loaded) -> Tree:
    from rich.tree import Tree

    root = Tree("Policy", style="bold", guide_style="dim")
    _grow(loaded, root, loaded.system.policy, "")
    return root


def _grow(loaded: Loaded, above: Tree, policy: Any, said: str) -> None:
    """Add a policy, and what it is made of, below a branch."""
    if isinstance(policy, Pipeline):
        branch = above.add(f"{said}{loaded.name_of(policy)}", style="not bold")
        sources = policy.source.sources if isinstance(policy.source, Union) else (policy.source,)
        for source in sources:
            branch.add(f"propose  {spelt(loaded, source)}")
        for stage in policy.stages:
            branch.add(_step(loaded, stage))
        return
    inner = list(_inner(policy))
    settings = [_setting(name, _set(loaded, value)) for name, value in vars(policy).items() if _is_setting(value, inner)]
    branch = above.add(f"{said}{type(policy).__name__}{': ' if settings else ''}{', '.join(settings)}", style="not bold")
    for name, one in inner:
        _grow(loaded, branch, one, "" if name == loaded.name_of(one) else f"{name}: ")


def _step(loaded: Loaded, stage: Any) -> str:
    if isinstance(stage, Score):
        return f"score    {loaded.name_of(stage.model)}"
    return f"{'choose ' if stage.draws else 'refine '}  {spelt(loaded, stage)}"


def _inner(policy: Any) -> Iterator[tuple[str, Any]]:
    """Yield the policies directly inside one, each with what it is there."""
    for name, value in vars(policy).items():
        if hasattr(value, "decide"):
            yield name, value
        elif isinstance(value, tuple):
            yield from ((str(key), one) for key, one in (pair for pair in value if isinstance(pair, tuple)) if hasattr(one, "decide"))


def _is_setting(value: Any, inner: list[tuple[str, Any]]) -> bool:
    policies = [one for _, one in inner]
    held = [one for pair in value if isinstance(pair, tuple) for one in pair] if isinstance(value, tuple) else [value]
    return value is not None and not any(one is policy for one in held for policy in policies)


def _setting(name: str, value: str) -> str:
    """Return a setting after its name, which is not said twice where the value begins with it."""
    return value if value.lower().startswith(f"{name}(") else f"{name} {value}"


def _set(loaded: Loaded, value: Any) -> str:
    return written(loaded, value) if not isinstance(value, tuple) else " / ".join(written(loaded, one) for one in value)


def _scorecards(loaded: Loaded) -> Iterator[Table]:
    """Yield what each experiment is read by, a line per metric."""
    for experiment in loaded.of(Experiment):
        if (card := experiment.scorecard) is None:
            continue
        rows = table(f"Scorecard of {loaded.name_of(experiment)}", "metric", "is", "role")
        rows.add_row(card.primary.name, _metric(loaded, card.primary), "primary")
        for one in card.secondary:
            rows.add_row(one.name, _metric(loaded, one), "secondary")
        for one in card.guardrails:
            margin = f"{100 * one.margin:g} %" if one.relative else f"{one.margin:g}"
            rows.add_row(one.metric.name, _metric(loaded, one.metric), f"guardrail, margin {margin}")
        for one in card.other_side:
            rows.add_row(one.name, spelt(loaded, one, but="name"), "other side")
        yield rows


def _metric(loaded: Loaded, metric: Any) -> str:
    """Return a metric as it is written, without its name; one that is compared by another way than its own with that."""
    from millrace.experiments.compared import Compared  # what it stands on is slow to import; a scorecard has imported it

    if isinstance(metric, Compared):
        return f"{_metric(loaded, metric.metric)}, by {spelt(loaded, metric.by)}"
    return spelt(loaded, metric, but="name")


def _operation(loaded: Loaded) -> Table:
    rows = table("Operation", "what", "how")
    for one in loaded.system.monitors:
        rows.add_row("watch", spelt(loaded, one))
    retrain = loaded.system.retrain
    if retrain is None:
        rows.add_row("retrain", "never by itself")
    else:
        on = f", on {written(loaded, retrain.on)}" if retrain.on else ""
        rows.add_row("retrain", f"every {retrain.every}{on}" if retrain.every else f"only{on[1:]}")
        rows.add_row("examples", f"of the last {retrain.history}")
        rows.add_row("gate", spelt(loaded, retrain.gate))
        rows.add_row("roll out", spelt(loaded, retrain.rollout) if retrain.rollout is not None else "at once")
    return rows
