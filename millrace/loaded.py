"""A system as loaded: what everything that runs it is handed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from millrace.errors import DeclarationError
from millrace.features.learned import Learned
from millrace.features.plan import Plan, plan
from millrace.models.declare import Judged, Model, Outcome, Pairs
from millrace.policy.act import Act
from millrace.policy.choosing import Chooser
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Source, Union
from millrace.policy.stages import Score
from millrace.policy.top import Top
from millrace.policy.wrappers import Experiment
from millrace.schema import Field, references, shows, stream_of
from millrace.system import System
from millrace.walk import digest, reachable


@dataclass(frozen=True, eq=False)
class Loaded:
    """A system as loaded: its declarations by name, and what follows from them.

    Attributes:
        path: The module's import path or file, as given.
        name: The system's name: the binding in its module.
        system: The declaration.
        names: The name of every declaration, by its identity.
        places: The `file:line` of every declaration, by its identity; an unnamed one stands where what holds it does.
        warnings: What is declared and does nothing.
    """

    path: str
    name: str
    system: System
    names: dict[int, str]
    places: dict[int, str]
    warnings: tuple[str, ...]

    def name_of(self, declaration: Any) -> str:
        """Return the name a declaration is bound to, or the one it was given after what holds it."""
        return self.names[id(declaration)]

    def of(self, kind: type | tuple[type, ...]) -> Iterator[Any]:
        """Yield every declaration of a kind that the system reaches."""
        return (one for one in reachable(self.system) if isinstance(one, kind))

    @cached_property
    def models(self) -> dict[str, Model]:
        """By name, every model it reaches; what others read what it learned from comes before them."""
        ordered: dict[str, Model] = {}
        for one in self.of(Model):
            self._with_read(one, ordered)
        return ordered

    def _with_read(self, model: Model, ordered: dict[str, Model]) -> None:
        for one in model.features:
            if isinstance(one, Learned):
                self._with_read(one.model, ordered)
        ordered.setdefault(self.name_of(model), model)

    @cached_property
    def plan(self) -> Plan:
        """What the feature engines keep and read.

        Raises:
            DeclarationError: An event or a row cannot reach a key; not once the system has been checked.
        """
        return plan(self.system.request, self.system.candidate, [one for _, one in self.features()])

    def features(self) -> Iterator[tuple[Any, Any]]:
        """Yield (who reads it, feature or attribute) for all that its models, sources and stages read."""
        for one in reachable(self.system):
            if isinstance(one, Model):
                yield from ((one, read) for read in one.features)
            elif (isinstance(one, Source) and not isinstance(one, Union)) or (hasattr(one, "apply") and not isinstance(one, Score)):
                yield from ((one, read) for read in one.features())

    @cached_property
    def taking(self) -> tuple[str, ...]:
        """The fields of its request that say how many are to be taken."""
        return tuple(dict.fromkeys(one.n.name for one in self.of((Top, Chooser)) if isinstance(one.n, Field)))

    @cached_property
    def streams(self) -> dict[str, type]:
        """By class name, every Entity, Event and Request class it needs in its log, those they refer to among them."""
        return {one.__name__: one for one in sorted(self.classes(), key=lambda one: one.__name__)}

    def classes(self) -> list[type]:
        """Return the classes of `streams` in the order in which they are come upon; two may share a name until that is checked."""
        wanted: list[Any] = [self.system.request, self.system.candidate, *self.plan.streams]
        wanted += [one.stream for one in self.of(Outcome)]
        wanted += [stream_of(one.positive if isinstance(one, Pairs) else one.of) for one in self.of((Pairs, Judged))]
        wanted += self._measured()
        found: dict[type, None] = {}
        for one in wanted:  # grows as it is read
            if one is None or one in found:
                continue
            if pair := shows(one):
                wanted.extend(pair)
                continue
            found[one] = None
            wanted.extend(field.refers_to for field in references(one))
        return list(found)

    def _measured(self) -> list[type]:
        """Return the classes that the metrics of its experiments read."""
        cards = [one.scorecard for one in self.of(Experiment) if one.scorecard is not None]
        if not cards:
            return []
        from millrace.experiments.reads import reads_of  # what it stands on is slow to import

        reads = [read for card in cards for read in reads_of(card)]
        wanted: list[type] = [read.stream for read in reads if read.stream is not None]
        with suppress(DeclarationError):  # the checks say which feature cannot be read
            wanted += plan(self.system.request, None, [read.of for read in reads if read.kind in ("feature", "label")]).streams
        return wanted

    @cached_property
    def hash(self) -> str:
        """10 hex digits of what the system is, names and layout left out; releases carry it."""
        return digest((self.system, *self.streams.values()))

    @property
    def thresholds(self) -> dict[str, tuple[Act, Any, Model]]:
        """By key, each threshold that a gate learns: the chooser, its rule, and the model whose score it cuts."""
        found: dict[str, tuple[Act, Any, Model]] = {}
        for pipeline in self.of(Pipeline):
            model: Model | None = None
            for stage in pipeline.stages:
                model = stage.model if isinstance(stage, Score) else model
                if isinstance(stage, Act) and model is not None:
                    found |= {f"{self.name_of(stage)}/{action}": (stage, rule, model) for action, rule in stage.learned}
        return found
