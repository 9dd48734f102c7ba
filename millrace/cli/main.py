"""`millrace`: what it can be asked to do, in the order in which one needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from millrace.about import VERSION
from millrace.cli.arguments import HOME, Release, System, Where, Why, Yes
from millrace.cli.demonstrating import demo
from millrace.cli.experiment_app import app as experiment
from millrace.cli.keys_app import app as keys
from millrace.cli.models_app import app as models
from millrace.cli.remedies import explained
from millrace.cli.rollout_app import app as rollout
from millrace.errors import MillraceError

app = typer.Typer(
    name="millrace",
    help="Run production machine-learning systems, each declared in one Python module.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

BEGIN, LEARN, RUN, LOOK = "Begin", "Learn", "Run", "Look"


def main() -> None:
    """Run the command line; an error a user can act on is one sentence and exit status 1."""
    try:
        app(prog_name="millrace")
    except (MillraceError, OSError) as error:
        print(f"error: {explained(error)}", file=sys.stderr)
        sys.exit(1)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    if version:
        print(f"millrace {VERSION}")
        raise typer.Exit


app.command(rich_help_panel=BEGIN)(demo)


@app.command(rich_help_panel=BEGIN)
def new(
    name: Annotated[str, typer.Argument(help="What the system is called.")],
    kind: Annotated[str, typer.Option(help="rank (choose among candidates) or score (act on one request).")] = "rank",
) -> None:
    """Write the module of a new system that runs."""
    from millrace.cli.scaffold import scaffold

    for line in scaffold(name, kind, Path.cwd()):
        print(line)


@app.command(rich_help_panel=BEGIN)
def check(system: System) -> None:
    """Check a module and print what it declares: features, models, sources, policies."""
    from millrace.cli.describe import describe
    from millrace.loading import load

    describe(load(system))


_SHOWN = (
    "Rows are candidates that were shown, those of a request together: the column of the candidate. Its request is `id`, where it stood"
    " `place` (from 1) or `rank` (from 0); `score` and `propensity`, the chance to be shown, are taken where there are any."
)


@app.command("import", rich_help_panel=LEARN)
def import_(
    system: System,
    stream: Annotated[str, typer.Argument(help="The class the rows are of: Watch, Video, Refresh.")],
    file: Annotated[Path, typer.Argument(help="A .parquet, .csv or .jsonl file.", exists=True, dir_okay=False)],
    field: Annotated[list[str], typer.Option("--field", "-f", help="field=column, where the names differ.")] = [],  # noqa: B006
    constant: Annotated[list[str], typer.Option("--constant", "-c", help="field=value, the same for all rows.")] = [],  # noqa: B006
    timezone: Annotated[str, typer.Option(help="What time zone times without one are in, such as UTC.")] = "",
    known: Annotated[str, typer.Option(help="When rows became known: at (when they happened), now, or a column.")] = "at",
    decided: Annotated[str, typer.Option(help="Rows are requests that were decided: the column of what was taken, or done.")] = "",
    shown: Annotated[str, typer.Option(help=_SHOWN)] = "",
    home: Where = HOME,
) -> None:
    """Bring history into the log; rows that are wrong are set aside in a file, each with its reason."""
    from millrace.cli.bring import bring

    pairs = dict(_pairs(field)), dict(_pairs(constant))
    bring(system, stream, file, *pairs, timezone or None, known, decided or None, shown or None, home)


@app.command(rich_help_panel=LEARN)
def train(
    system: System,
    promote: Annotated[bool, typer.Option(help="Let what passes its gate serve at once, unless a rollout or a halt is under way.")] = True,
    seed: Annotated[int, typer.Option(help="Of the learners.")] = 0,
    home: Where = HOME,
) -> None:
    """Train every model on the log, gate each against its champion, and release what passed."""
    from millrace.cli.learn import train as work

    work(system, home, promote=promote, seed=seed)


@app.command(rich_help_panel=LEARN)
def evaluate(system: System, home: Where = HOME) -> None:
    """Measure the serving models on the latest decisions whose outcomes are known."""
    from millrace.cli.measure import evaluate as work

    work(system, home)


@app.command(rich_help_panel=RUN)
def serve(
    system: System,
    host: Annotated[str, typer.Option(help="The address to listen on; loopback unless you say otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes one that is free.", min=0, max=65535)] = 8000,
    operate: Annotated[bool, typer.Option(help="Also watch, retrain and roll out.")] = True,
    online: Annotated[
        str, typer.Option(help="Publish the online view to a Redis for other processes: redis://host:6379/0.", envvar="MILLRACE_ONLINE")
    ] = "",
    workers: Annotated[int, typer.Option(help="How many processes answer.", min=1, max=256)] = 1,
    replica: Annotated[
        bool, typer.Option("--replica", help="Decide on the view in --online; follow the releases and leave the log to --owner.")
    ] = False,
    owner: Annotated[str, typer.Option(help="The server that owns the log, for a replica: http://host:8000.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="Holds the secret that the owner of the log and its replicas share.")] = None,
    largest_body: Annotated[
        str, typer.Option(help="How large the body of a request may be, with its unit: 500kB, 64MiB; more is refused with 413.")
    ] = "16MiB",
    tls_certificate: Annotated[Path | None, typer.Option(help="A PEM file to speak TLS with: the certificate, then its chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The PEM file of its private key.")] = None,
    traces: Annotated[
        str, typer.Option(help="Send traces to an OpenTelemetry collector: http://localhost:4318.", envvar="OTEL_EXPORTER_OTLP_ENDPOINT")
    ] = "",
    log_format: Annotated[str, typer.Option(help="How a line of its log looks: text or json.")] = "text",
    log_decisions: Annotated[bool, typer.Option("--log-decisions", help="Write a line for each decision too: ids and names.")] = False,
    home: Where = HOME,
) -> None:
    """Serve the system over HTTP: decide, events, outcomes, explanations, metrics."""
    from millrace.cli.front import Front
    from millrace.cli.watching import Watching
    from millrace.serve.app import tls_of
    from millrace.types import octets

    front = Front(
        host=host,
        port=port,
        token_file=str(token_file or ""),
        tls=tls_of(tls_certificate, tls_key),
        watch=Watching(traces, log_format, log_decisions),
        largest_body=octets(largest_body),
    )
    if replica or owner:
        from millrace.cli.replicas import replica as replicate

        replicate(system, home, front, online=online, owner=owner, workers=workers)
    else:
        from millrace.cli.serving import serve as work

        work(system, home, front, operate=operate, online=online, workers=workers)


@app.command(rich_help_panel=RUN)
def score(
    system: System,
    input: Annotated[Path, typer.Option(help="A Parquet file of requests, a column for each field.", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option(help="The file of decisions to write: Parquet, named .parquet.", dir_okay=False)],
    log: Annotated[bool, typer.Option("--log", help="Log the decisions too, to learn from them; no server may run meanwhile.")] = False,
    batch: Annotated[int, typer.Option(help="How many requests are decided together.", min=1)] = 256,
    home: Where = HOME,
) -> None:
    """Decide many requests into a file, by exactly the policy that serves; interrupted, it goes on where it was."""
    from millrace.cli.score import score as work

    work(system, input, output, batch, home, log=log)


@app.command(rich_help_panel=LOOK)
def status(system: System, home: Where = HOME) -> None:
    """Print where the system stands: its releases, trainings, alerts, and what the log holds."""
    from millrace.cli.look import status as work

    work(system, home)


@app.command(rich_help_panel=LOOK)
def replay(
    system: System,
    policy: Annotated[str, typer.Option(help="Another policy: what it is bound to in the module, or another module (shop/next.py).")],
    since: Annotated[str, typer.Option(help="Decisions from this instant on, such as 2026-03-01T12:00:00Z.")] = "",
    until: Annotated[str, typer.Option(help="Decisions before this instant.")] = "",
    most: Annotated[int, typer.Option(help="At most so many decisions, the latest.", min=1)] = 20_000,
    estimator: Annotated[str, typer.Option(help="snips, ips, clipped, dr, mrdr, switch or direct.")] = "snips",
    interval: Annotated[str, typer.Option(help="student, normal, bootstrap or studentised.")] = "student",
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    release: Annotated[str, typer.Option(help="The release whose versions it has; by default those that served each decision.")] = "",
    page: Annotated[Path | None, typer.Option(help="Also write a page: every estimator, and how the weights lie.", dir_okay=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    home: Where = HOME,
) -> None:
    """Judge another policy on the logged decisions: what it would have earned, how sure that is, or why nobody can say."""
    from millrace.cli.replay import replay_policy as work
    from millrace.evaluation.judging import Judging

    how = Judging(interval=interval, confidence=confidence)  # type: ignore[arg-type]
    work(system, policy, home, since, until, most, estimator, how, release, page, as_json=as_json)


@app.command(rich_help_panel=LOOK)
def dashboards(
    out: Annotated[Path, typer.Option(help="The folder they are written to.", file_okay=False)] = Path("dashboards"),
) -> None:
    """Write a Grafana dashboard and Prometheus alerting rules for the metrics that a server tells."""
    from millrace.cli.dashboards import dashboards as work

    for line in work(out):
        print(line)


@app.command(rich_help_panel=LOOK)
def explain(system: System, decision: Annotated[str, typer.Argument(help="The id of a decision.")], home: Where = HOME) -> None:
    """Print a decision as it was logged, and why it was made so."""
    from millrace.cli.why import explain as work

    work(system, decision, home)


@app.command(rich_help_panel=LEARN)
def backfill(
    system: System,
    output: Annotated[Path, typer.Option(help="The Parquet file to write.", dir_okay=False)],
    rows: Annotated[
        Path | None,
        typer.Option(help="A Parquet file of rows: watermark or at, the request's fields, candidate; by default the logged decisions."),
    ] = None,
    feature: Annotated[list[str], typer.Option("--feature", "-f", help="Which feature, by name; by default all.")] = [],  # noqa: B006
    threads: Annotated[int, typer.Option(help="How many threads may work.", min=1)] = 2,
    home: Where = HOME,
) -> None:
    """Write features of rows, each as of its own instant, in bounded memory; interrupted, it goes on where it was."""
    from millrace.cli.backfill import backfill as work

    work(system, rows, output, feature, threads, home)


@app.command(rich_help_panel=LOOK)
def features(system: System) -> None:
    """List the features a system reads: keys, window, hop, default, freshness, and who uses each."""
    from millrace.cli.features import features as work
    from millrace.loading import load

    work(load(system))


@app.command("explain-value", rich_help_panel=LOOK)
def explain_value(
    system: System,
    feature: Annotated[str, typer.Argument(help="A feature by its declared name, such as 'clicks[Item, 7d]', or by its column.")],
    keys_and_at: Annotated[list[str], typer.Argument(metavar="KEY... AT", help="Its keys, then the instant: 2026-03-01T12:00:00Z or now.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    home: Where = HOME,
) -> None:
    """Print the events behind a number: what was known before an instant and lies in its window, by both clocks."""
    from millrace.cli.value import explain_value as work

    work(system, feature, keys_and_at[:-1], keys_and_at[-1], home, as_json=json)


@app.command(rich_help_panel=LOOK)
def verify(
    system: System,
    last: Annotated[int, typer.Option(help="How many of the latest decisions to check; 0 is all.", min=0)] = 0,
    home: Where = HOME,
) -> None:
    """Prove on your own log that training sees the numbers that serving saw; print any mismatch with the events behind it."""
    from millrace.cli.proof import verify as work

    sys.exit(work(system, last, home))


@app.command(rich_help_panel=RUN)
def promote(system: System, release: Release, why: Why = "promoted by hand", home: Where = HOME) -> None:
    """Let a release serve everyone."""
    from millrace.cli.learn import promote as work

    work(system, release, home, why)


@app.command(rich_help_panel=RUN)
def rollback(system: System, why: Why = "rolled back by hand", home: Where = HOME) -> None:
    """Go back to what served before: while a candidate answers to the champion alone, else to the champion before."""
    from millrace.cli.learn import rollback as work

    work(system, home, why)


app.add_typer(rollout, name="rollout", rich_help_panel=RUN)
app.add_typer(experiment, name="experiment", rich_help_panel=RUN)
app.add_typer(keys, name="keys", rich_help_panel=RUN)
app.add_typer(models, name="models", rich_help_panel=LOOK)


@app.command(rich_help_panel=RUN)
def forget(
    system: System,
    who: Annotated[str, typer.Argument(help="The entity class and the id: Viewer:v17. Without it, finish what was interrupted.")] = "",
    yes: Yes = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the tombstones and print them.")] = False,
    online: Annotated[
        str, typer.Option(help="The Redis that the view was published to, with its password if it has one.", envvar="MILLRACE_ONLINE")
    ] = "",
    home: Where = HOME,
) -> None:
    """Remove a person from the log and all that was made of it; a signed tombstone says that, not whom."""
    from millrace.cli import forget as work

    sys.exit(work.check(system, who, home) if check else work.forget(system, who, home, yes=yes, online=online))


@app.command(rich_help_panel=RUN)
def compact(system: System, home: Where = HOME) -> None:
    """Move what was logged to Parquet files, and drop what is no longer kept (retain=); a server does so by itself."""
    from millrace.cli.keeping import compact as work

    work(system, home)


@app.command(rich_help_panel=RUN)
def backup(
    system: System,
    to: Annotated[Path, typer.Argument(help="The folder its backups lie in, on another disk if you can.", file_okay=False)],
    home: Where = HOME,
) -> None:
    """Copy the log, models and releases, also while it is served; what did not change since the last backup is not copied again."""
    from millrace.cli.keeping import backup as work

    work(system, to, home)


@app.command(rich_help_panel=RUN)
def restore(
    source: Annotated[Path, typer.Argument(help="A backup, or the folder of backups: the last one then.", exists=True, file_okay=False)],
    home: Where = HOME,
) -> None:
    """Make the folder of a system from a backup, every file checked; a folder that holds anything is left alone."""
    from millrace.cli.keeping import restore as work

    work(source, home)


@app.command(rich_help_panel=BEGIN)
def data(
    name: Annotated[str, typer.Argument(help="The data set; without one, list them.")] = "",
    home: Where = HOME,
) -> None:
    """Import a public data set, train on its past, and print our figure beside the baselines."""
    from millrace.cli.public import public

    public(name, home)


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    from millrace.errors import BadInput

    pairs = []
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise BadInput(f"{one!r} is not written name=value")
        pairs.append((name, value))
    return pairs
