"""`millrace experiment ...`: its commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millrace.cli.arguments import HOME, System, Where, Why

Name = Annotated[str, typer.Option("--experiment", "-e", help="Which experiment, where the system has several.")]
Effect = Annotated[
    str, typer.Option(help="The effect worth finding, of the primary metric: 2% of the control's value, or in the metric's unit.")
]

app = typer.Typer(no_args_is_help=True, help="Plan an experiment from the log, put it on record, read it, and decide.")


@app.command()
def plan(
    system: System,
    effect: Effect = "",
    power: Annotated[float, typer.Option(help="The chance to find it.")] = 0.8,
    over: Annotated[str, typer.Option(help="How far back the log is read.")] = "14d",
    experiment: Name = "",
    home: Where = HOME,
) -> None:
    """Say how long an experiment takes, in whole weeks, and which effects it can find."""
    from millrace.cli.experimenting import plan as work

    work(system, home, experiment, effect, power, over)


@app.command()
def start(
    system: System,
    hypothesis: Annotated[str, typer.Option(help="What is expected, and why.")],
    units: Annotated[int, typer.Option(help="After how many units, of all arms, it is to end; by default as many as --effect needs.")] = 0,
    effect: Effect = "",
    rule: Annotated[
        str, typer.Option(help="How it may be looked at: anytime, group (at some looks; pocock: to end early more often) or fixed (once).")
    ] = "anytime",
    power: Annotated[float, typer.Option(help="The chance to find the effect.")] = 0.8,
    over: Annotated[str, typer.Option(help="How far back the log is read to plan by --effect.")] = "14d",
    why: Why = "started by hand",
    experiment: Name = "",
    home: Where = HOME,
) -> None:
    """Put on record what is expected and when it ends; decisions from now on count."""
    from millrace.cli.experimenting import start as work

    work(system, home, experiment, hypothesis, units, effect, rule, power, over, why)


@app.command()
def status(
    system: System,
    page: Annotated[Path | None, typer.Option(help="Write a page with plots: an HTML file.", dir_okay=False)] = None,
    full: Annotated[bool, typer.Option("--full", help="Print the effect in every segment and at every exposure age too.")] = False,
    closer: Annotated[
        list[str], typer.Option(metavar="METRIC", help="Look at this metric as closely as at the primary one; may be repeated.")
    ] = [],  # noqa: B006
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    experiment: Name = "",
    home: Where = HOME,
) -> None:
    """Read it by the rule that was planned, and put on record that somebody looked."""
    from millrace.cli.experimenting import status as work

    work(system, home, experiment, page, full=full, json=json, closer=closer)


@app.command()
def natural(
    file: Annotated[Path, typer.Argument(help="A .csv or .parquet file, a row per unit and period.", exists=True, dir_okay=False)],
    outcome: Annotated[str, typer.Option(metavar="COLUMN", help="What was measured.")],
    period: Annotated[str, typer.Option(metavar="COLUMN", help="When: numbers, ISO dates, or text that sorts as time goes.")],
    since: Annotated[str, typer.Option(metavar="PERIOD", help="The first period after the change.")],
    unit: Annotated[str, typer.Option(metavar="COLUMN", help="Whose the row is; without it the file is one series.")] = "",
    treated: Annotated[list[str], typer.Option(metavar="UNIT", help="A unit that the change came to; may be repeated.")] = [],  # noqa: B006
    cluster: Annotated[str, typer.Option(metavar="COLUMN", help="What was treated together, such as a region; else each unit.")] = "",
    method: Annotated[
        str,
        typer.Option(
            help="series (one series and its own past), synthetic (one unit and a mixture of others) or differences (how much more the"
            " treated changed than the others); else the one that fits what is given."
        ),
    ] = "",
    page: Annotated[Path | None, typer.Option(help="Write a page with plots: an HTML file.", dir_okay=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Read a change that nobody drew by lot, from a file of yours: interrupted series, difference in differences, synthetic control."""
    from millrace.cli.natural import natural as work

    work(file, {"outcome": outcome, "period": period, "unit": unit, "cluster": cluster}, since, treated, method, page, json=json)


@app.command()
def stop(
    system: System,
    why: Annotated[str, typer.Option(help="What is concluded, for the audit.")],
    keep: Annotated[str, typer.Option(help="The arm that everyone gets from now on, in every process.")] = "",
    experiment: Name = "",
    home: Where = HOME,
) -> None:
    """End it with its verdict on record, and perhaps let everyone have one arm."""
    from millrace.cli.experimenting import stop as work

    work(system, home, experiment, why, keep)
