"""`millrace demo`: a system lives some time in a simulated world, and leaves a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def demo(
    which: Annotated[Literal["feed", "thumbnails"], typer.Argument(help="Whose life: the feed's, or a bandit's.")] = "feed",
    out: Annotated[Path, typer.Option(help="Where the page and the figures are written.")] = Path(".millrace/demo"),
    days: Annotated[int | None, typer.Option(help="How many simulated days: 18 of the feed, 10 of thumbnails.", min=4)] = None,
    seed: Annotated[int, typer.Option(help="Of the world and of everything drawn.")] = 7,
) -> None:
    """Watch a feed live some weeks in a simulated world: serve, learn, drift, notice, recover. Or a bandit, `thumbnails`, some days."""
    if which == "feed":
        from millrace.demo.run import run

        run(out, days=days or 18, seed=seed)
    else:
        from millrace.demo.thumbnails_run import run as run_bandit

        run_bandit(out, days=days or 10, seed=seed)
