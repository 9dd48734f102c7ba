"""`millrace models ...`: its commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millrace.cli.arguments import HOME, System, Version, Where, Why

app = typer.Typer(no_args_is_help=True, help="Look at the versions of a system's models.")


@app.command()
def retire(
    system: System,
    version: Version,
    sunset: Annotated[str, typer.Option(help="Until when it is promised: 2026-12-31.")],
    why: Why = "retired by hand",
    home: Where = HOME,
) -> None:
    """Announce the end of a version: servers tell whoever asks it, and after that day it may be deleted."""
    from millrace.cli.models_end import retire as work

    work(system, version, sunset, why, home)


@app.command()
def readmit(
    system: System,
    version: Version,
    why: Annotated[str, typer.Option(help="The reason, for the audit.")],
    home: Where = HOME,
) -> None:
    """Make a version that the guard rejected a candidate again, where you know better: its release can go out once more."""
    from millrace.cli.models_end import readmit as work

    work(system, version, why, home)


@app.command()
def delete(
    system: System,
    version: Version,
    force_with_lineage: Annotated[
        bool, typer.Option("--force-with-lineage", help="Although decisions in the log were made with it; its record says how to train it.")
    ] = False,
    why: Why = "deleted by hand",
    home: Where = HOME,
) -> None:
    """Delete the files of a version whose end has come; its record stays."""
    from millrace.cli.models_end import delete as work

    work(system, version, why, home, with_lineage=force_with_lineage)


@app.command()
def size(
    system: System,
    page: Annotated[Path | None, typer.Option(help="Also write it as a page with a plot: models.html.", dir_okay=False)] = None,
    home: Where = HOME,
) -> None:
    """Print what each version is worth on the latest decisions whose outcomes are known, its bytes, and how long scoring takes."""
    from millrace.cli.models_size import models_size as work

    work(system, home, page)
