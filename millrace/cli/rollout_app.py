"""`millrace rollout ...`: its commands and their options."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from millrace.cli.arguments import HOME, Release, System, Where, Why, Yes

app = typer.Typer(no_args_is_help=True, help="Change what serves by hand: canary, shadow, switch, withdraw, halt; and compare a shadow.")


@app.command()
def canary(system: System, release: Release, why: Why = "sent out by hand", home: Where = HOME) -> None:
    """Send a release out by the steps that the module declares, watched by the guard: on to everyone, or back."""
    from millrace.cli.rolling import canary as work

    work(system, release, home, why)


@app.command()
def shadow(
    system: System,
    release: Release,
    share: Annotated[str, typer.Option(help="Of the units that it is asked for.")] = "10%",
    within: Annotated[str, typer.Option(help="How long an answer may wait for it.")] = "100ms",
    why: Why = "to be compared",
    home: Where = HOME,
) -> None:
    """Ask a release as well, on a share of the units; it never answers."""
    from millrace.cli.rolling import shadow as work

    work(system, release, home, share, within, why)


@app.command()
def compare(
    system: System,
    page: Annotated[Path | None, typer.Option(help="Write a page with plots: an HTML file.", dir_okay=False)] = None,
    home: Where = HOME,
) -> None:
    """Say how a shadow differs from what answered, from the log."""
    from millrace.cli.comparing import compare as work

    work(system, home, page)


@app.command()
def switch(
    system: System,
    release: Release,
    keep: Annotated[str, typer.Option(help="How long the old release is kept for an instant `millrace rollback`.")] = "1h",
    why: Why = "switched by hand",
    yes: Yes = False,
    home: Where = HOME,
) -> None:
    """Let a release answer everybody at once, the old one kept beside it for a while."""
    from millrace.cli.rolling import switch as work

    sys.exit(work(system, release, home, keep, why, yes=yes))


@app.command()
def withdraw(system: System, why: Why = "withdrawn by hand", home: Where = HOME) -> None:
    """End the rollout or the shadow under way; the champion serves alone."""
    from millrace.cli.rolling import withdraw as work

    work(system, home, why)


@app.command()
def halt(
    system: System,
    why: Annotated[str, typer.Option(help="The reason, for the audit.")],
    to: Annotated[str, typer.Option(help="Who answers: champion or fallback.")] = "champion",
    home: Where = HOME,
) -> None:
    """Send all requests to the champion or the fallback, within seconds; nothing is promoted until somebody resumes."""
    from millrace.cli.rolling import halt as work

    work(system, home, to, why)


@app.command()
def resume(system: System, why: Why = "resumed by hand", home: Where = HOME) -> None:
    """Let a halted system go on as its releases say; a rollout begins its step anew."""
    from millrace.cli.rolling import resume as work

    work(system, home, why)
