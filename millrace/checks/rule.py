"""What a rule is: a function from a system to what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from millrace.loaded import Loaded
from millrace.policy.pipeline import Pipeline

Problem: TypeAlias = tuple[Any, str]
"""A declaration and what is wrong with it, with the remedy."""

Rule: TypeAlias = Callable[[Loaded], Iterator[Problem]]


def stages(loaded: Loaded) -> Iterator[tuple[Pipeline, Any, tuple[Any, ...]]]:
    """Yield (pipeline, stage, the stages before it) for every stage of every pipeline."""
    for pipeline in loaded.of(Pipeline):
        for position, stage in enumerate(pipeline.stages):
            yield pipeline, stage, pipeline.stages[:position]


def chosen(loaded: Loaded) -> str:
    """Return what the system chooses among, as a clause."""
    candidate = loaded.system.candidate
    return "the system has no candidate" if candidate is None else f"the system chooses among {candidate.__name__}"
