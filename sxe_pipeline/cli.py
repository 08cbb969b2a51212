"""The command line: arguments in, one call, words or JSON out.

Data goes to stdout, talk to stderr. Every verb attaches to the database with the login of its tier
and no other. Heavy packages are imported inside the verbs, so that `sxe --version` stays quick.

Exit codes: 0 ok, 1 the work failed, 2 usage, 3 configuration, 4 not found, 5 refused, 6 contract
broken, 7 a dependency cannot be reached (try again), 8 somebody else holds the lock (try again),
9 cannot tell, 130 interrupted.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from sxe_pipeline import __version__, settings
from sxe_pipeline.errors import BadInput, NotFound, SxeError

CANNOT_TELL = 9


class Verbs(click.Group):
    """The border of errors: one line for a person, a traceback only where it was asked for."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; an error of ours ends with its own exit code."""
        try:
            return super().invoke(ctx)
        except SxeError as error:
            _fail(ctx, str(error), error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("sxe: interrupted; run it again, what was finished stays", err=True)
            sys.exit(130)
        except BrokenPipeError:
            sys.exit(0)
        except Exception as error:  # noqa: BLE001 - the border: its text may quote data
            _fail(ctx, f"{type(error).__name__}: unexpected; run again with --trace", 1)
        return None


def _fail(ctx: click.Context, message: str, code: int) -> None:
    if ctx.params.get("trace"):
        raise  # always called inside the handler of `invoke`
    from sxe_pipeline import logs

    click.echo(f"sxe: {logs.scrub(message)}", err=True)
    sys.exit(code)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sxe")
@click.option("--trace", is_flag=True, help="Show the traceback of an error.")
@click.option("--verbose", is_flag=True, help="Log what is done.")
def main(trace: bool, verbose: bool) -> None:
    """Social XPress Engine: public profiles become contact-free, labeled, signed lead batches."""
    del trace
    if verbose:
        from sxe_pipeline import logs

        logs.start(verbose=True)


as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")


def _answer(verb: str, data: dict[str, Any], as_json: bool, lines: Iterable[str]) -> None:
    if as_json:
        click.echo(json.dumps({"schema": "sxe.cli/1", "verb": verb, **data}, default=str))
    else:
        for line in lines:
            click.echo(line)


@contextmanager
def _as(*logins: str, home: Path | None = None) -> Iterator[settings.Settings]:
    """The settings of this process, logged in as a tier."""
    from sxe_pipeline.sandbox import attach

    given = settings.load()
    with attach.attached(given.under(home) if home else given, *logins) as held:
        yield held.settings


@contextmanager
def _dagster(given: settings.Settings) -> Iterator[Any]:
    """Dagster's instance on these settings."""
    from sxe_pipeline import face

    settings.enter(settings.exports(given, settings.dagster_home(given)))
    with face.instance() as instance:
        yield instance


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("a day is written YYYY-MM-DD") from None


def _landing_day(text: str) -> date:
    from sxe_pipeline.schema.tables import FIRST_DAY

    day, today = _day(text), datetime.now(UTC).date()
    if not FIRST_DAY <= day <= today:
        raise BadInput(f"a landing day lies between {FIRST_DAY} and {today}")
    return day


@main.command()
@click.argument("inputs", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--accounts", default=12_000, show_default=True, help="Generated accounts.")
@click.option("--seed", default=20_261_124, show_default=True, help="Seed of the generator.")
@as_json
def demo(inputs: tuple[Path, ...], accounts: int, seed: int, as_json: bool) -> None:
    """The whole road on generated profiles, or on your own landing folders INPUTS."""
    from sxe_pipeline import definitions
    from sxe_pipeline.sandbox import demo as sandbox

    report = sandbox.run(
        settings.load(),
        definitions.assemble,
        inputs=inputs,
        accounts=accounts,
        seed=seed,
        verbs=list(main.commands),
    )
    _answer("demo", report.as_dict(), as_json, report.screen())
    sys.exit(0 if report.is_good else 1)


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--collection", help="Collection of single files (default: their folder's name).")
@click.option("--to-jsonl", is_flag=True, help="Only print the mapped rows, NOT yet redacted.")
@click.option("--quarantine", type=click.File("wb"), help="With --to-jsonl: rejects as JSON Lines.")
@click.option("--strict", is_flag=True, help="With --to-jsonl: exit 6 if a row was rejected.")
@dry_run
@as_json
def ingest(
    paths: tuple[Path, ...],
    collection: str | None,
    to_jsonl: bool,
    quarantine: BinaryIO | None,
    strict: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Land files or folders PATHS, and register them by their SHA-256."""
    if to_jsonl:
        _stream_rows(paths, quarantine, strict)
        return
    from sxe_pipeline.ingest import land, register
    from sxe_pipeline.store import objects, sql

    today = datetime.now(UTC).date()
    with _as("social") as given:
        landing = objects.Objects(given.landing_url)
        landed = land.land(landing, paths, collection=collection, day=today, dry_run=dry_run)
        data: dict[str, Any] = {"landed": landed, "dry_run": dry_run}
        if not dry_run:
            with sql.connect(given.need("social_dsn")) as conn:
                done = register.register_all(conn, landing, actor="cli:ingest")
            data |= {"registered": done.new, "days": [d.isoformat() for d in done.days]}
            if done.unreadable:
                data["unreadable"] = f"{done.unreadable} files; check their rights, then again"
    _answer("ingest", data, as_json, (f"{name}: {value}" for name, value in data.items()))


def _stream_rows(paths: tuple[Path, ...], quarantine: BinaryIO | None, strict: bool) -> None:
    from sxe_pipeline.ingest import stream

    if sys.stdout.isatty():
        raise BadInput("rows are printed before redaction; send them to a file or a pipe")
    written = stream.to_jsonl(
        paths, out=sys.stdout.buffer, quarantine=quarantine, now=datetime.now(UTC)
    )
    if written.quarantined and strict:
        sys.exit(6)


@main.command()
@click.option("--day", "days", multiple=True, help="Landing day; default: every pending day.")
@click.option("--publish", is_flag=True, help="Publish the batches of the day as well (tier1_day).")
@dry_run
@as_json
def build(days: tuple[str, ...], publish: bool, dry_run: bool, as_json: bool) -> None:
    """Build Tier 1, cards and pools of the pending days, in this process."""
    from sxe_pipeline import definitions, face
    from sxe_pipeline.ingest import register
    from sxe_pipeline.store import objects, sql

    job = definitions.DAY if publish else definitions.INTAKE
    with _as("social", "dagster") as given:
        with sql.connect(given.need("social_dsn")) as conn:
            if not dry_run:
                landing = objects.Objects(given.landing_url)
                register.register_all(conn, landing, actor="cli:build")
            wanted = [_landing_day(d) for d in days] or [p.day for p in register.pending_days(conn)]
        runs: list[dict[str, Any]] = []
        if wanted and not dry_run:
            tier = definitions.assemble(given)
            with _dagster(given) as instance:
                for day in sorted(wanted):
                    run = face.run(tier, instance, job, [day])
                    runs.append(
                        {
                            "day": day.isoformat(),
                            "run_id": run.run_id,
                            "ok": run.is_success,
                            "failure": run.failure,
                            "failed_checks": run.failed_checks,
                        }
                    )
    data = {"job": job, "days": [d.isoformat() for d in sorted(wanted)], "runs": runs}
    _answer("build", data, as_json, _run_lines(data))
    sys.exit(0 if all(r["ok"] for r in runs) else 1)


def _run_lines(data: dict[str, Any]) -> Iterator[str]:
    if not data["days"]:
        yield "nothing is pending: every registered file has been observed"
    for run in data["runs"] or [{"day": d, "ok": None} for d in data["days"]]:
        state = {True: "done", False: f"failed: {run.get('failure')}", None: "would run"}[run["ok"]]
        yield f"{data['job']} {run['day']}: {state}"
        for check in run.get("failed_checks") or ():
            yield f"  check failed: {check}"


@main.command()
@click.option("--field", default="text", show_default=True, help="The field that holds the text.")
def redact(field: str) -> None:
    """Find contact data: JSON Lines on stdin, the same with `redacted` and `spans` on stdout."""
    from sxe_pipeline.redact import stream

    _stream(stream.redact_lines(sys.stdin.buffer, field))


@main.command()
@click.option("--field", default="bio", show_default=True, help="The field that holds the text.")
def label(field: str) -> None:
    """Label texts: JSON Lines on stdin, the same with persona, tribe and evidence on stdout."""
    from sxe_pipeline.cards import stream, taxonomy

    labels = taxonomy.load(settings.contracts_root() / "taxonomy")
    _stream(stream.label_lines(sys.stdin, field, labels))


def _stream(rows: Iterable[dict[str, Any]]) -> None:
    import msgspec

    encode = msgspec.json.Encoder().encode
    out = sys.stdout.buffer
    for row in rows:
        out.write(encode(row) + b"\n")
    out.flush()


@main.command()
@click.argument("slug", required=False)
@as_json
def market(slug: str | None, as_json: bool) -> None:
    """The markets and how big, ready and well labeled they are; one market's pools with SLUG."""
    from sxe_pipeline.cards import market as markets
    from sxe_pipeline.store import sql

    with _as("api") as given, sql.connect(given.need("api_dsn")) as conn:
        rows = markets.pools(conn, slug) if slug else markets.markets(conn)
    if slug and not rows:
        raise NotFound(f"there is no market {slug}; `sxe market` lists them")
    _answer("market", {"rows": rows}, as_json, _table(rows))


@main.group()
def batch() -> None:
    """Batches that were handed off."""


@batch.command("list")
@click.option("--market", help="Only this market.")
@as_json
def batch_list(market: str | None, as_json: bool) -> None:
    """Published batches, oldest first."""
    from sxe_pipeline.handoff import batches
    from sxe_pipeline.store import sql

    with _as("api") as given, sql.connect(given.need("api_dsn")) as conn:
        rows = [
            {
                "market": b.market,
                "day": b.day.isoformat(),
                "rows": b.row_count,
                "batch_id": b.batch_id,
                "folder": b.folder,
            }
            for b in batches.list_batches(conn, market=market)
        ]
    _answer("batch list", {"rows": rows}, as_json, _table(rows))


@batch.command("verify")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="The public key that you pinned; never one found beside the batch.",
)
@as_json
def batch_verify(path: Path, key: Path, as_json: bool) -> None:
    """Check signature, files, hashes, rows and schema of the batch in folder PATH."""
    from sxe_pipeline.handoff import sign, verify

    seen = verify.verify(path, sign.public_key(key.read_bytes()))
    data = {
        "batch_id": seen.batch_id,
        "contract": seen.contract,
        "rows": seen.row_count,
        "market": seen.market,
        "day": seen.day,
        "verified": True,
    }
    _answer("batch verify", data, as_json, (f"{name}: {value}" for name, value in data.items()))


@main.group()
def audit() -> None:
    """What was done, by whom, and whether the record of it still stands."""


@audit.command("search")
@click.option("--kind", help="Such as batch.published.")
@click.option("--actor", help="Such as cli:ingest.")
@click.option("--subject", help="Such as a batch id.")
@click.option("--since", help="A day, YYYY-MM-DD.")
@click.option("--limit", default=50, show_default=True)
@as_json
def audit_search(as_json: bool, limit: int, since: str | None, **terms: str | None) -> None:
    """Events, newest first."""
    from sxe_pipeline.audit import search
    from sxe_pipeline.store import sql

    start = datetime.combine(_day(since), datetime.min.time(), UTC) if since else None
    with _as("api") as given, sql.connect(given.need("api_dsn")) as conn:
        rows = [e.as_dict() for e in search.search(conn, **terms, since=start, limit=limit)]
    shown = [{k: r[k] for k in ("recorded_at", "kind", "actor", "subject")} for r in rows]
    _answer("audit search", {"rows": rows}, as_json, _table(shown))


@audit.command("verify")
@as_json
def audit_verify(as_json: bool) -> None:
    """Check hashes, columns, coverage and mirror. Exit 0 whole, 1 tampered, 9 cannot tell."""
    from sxe_pipeline import face
    from sxe_pipeline.audit import verify
    from sxe_pipeline.store import sql

    with (
        _as("api", "dagster") as given,
        _dagster(given) as instance,
        sql.connect(given.need("api_dsn")) as conn,
    ):
        seen = verify.verify(conn, lambda keys: face.materializations(instance, keys))
    _answer("audit verify", seen.as_dict(), as_json, seen.lines())
    sys.exit({"whole": 0, "tampered": 1}.get(seen.status, CANNOT_TELL))


@main.group()
def contracts() -> None:
    """The contracts of what crosses the border."""


@contracts.command("list")
@as_json
def contracts_list(as_json: bool) -> None:
    """Contracts and versions."""
    from sxe_pipeline import schema

    rows = [
        {"contract": c.id, "version": c.version, "columns": len(c.columns)}
        for c in schema.load_all()
    ]
    _answer("contracts list", {"rows": rows}, as_json, _table(rows))


@contracts.command("show")
@click.argument("contract")
@click.option("--version", help="Default: the newest.")
@click.option("--json-schema", is_flag=True, help="As JSON Schema instead of Markdown.")
def contracts_show(contract: str, version: str | None, json_schema: bool) -> None:
    """A contract, as a page or as JSON Schema."""
    from sxe_pipeline import schema

    loaded = schema.load(contract, version)
    click.echo(json.dumps(loaded.json_schema(), indent=2) if json_schema else loaded.markdown())


@contracts.command("check")
@as_json
def contracts_check(as_json: bool) -> None:
    """Check that every generated file is what its contract gives; exit 6 where one is not."""
    from sxe_pipeline import schema
    from sxe_pipeline.errors import ContractBroken

    stale = schema.generate(settings.contracts_root(), check=True)
    if stale:
        raise ContractBroken(
            f"{len(stale)} generated contract files differ; run `sxe contracts build`"
        )
    _answer("contracts check", {"stale": stale}, as_json, ["up to date"])


@contracts.command("build")
@dry_run
@as_json
def contracts_build(dry_run: bool, as_json: bool) -> None:
    """Generate JSON Schemas and pages from the contracts."""
    from sxe_pipeline import schema

    changed = schema.generate(settings.contracts_root(), check=dry_run)
    data = {"changed": changed, "dry_run": dry_run}
    _answer("contracts build", data, as_json, changed or ["up to date"])


@main.group()
def keys() -> None:
    """Signing keys: made here, pinned by consumers."""


@keys.command("create")
@click.option(
    "--print", "printed", is_flag=True, help="Print it for SXE_SIGNING_KEY, keep no file."
)
@dry_run
@as_json
def keys_create(printed: bool, dry_run: bool, as_json: bool) -> None:
    """Make the signing key of this home; an existing one stays."""
    from sxe_pipeline.handoff import sign

    given = settings.load()
    if dry_run and not printed:
        file = sign.public_file(given.home)
        plan = {"public_key_file": str(file), "exists": file.exists(), "dry_run": True}
        _answer("keys create", plan, as_json, (f"{k}: {v}" for k, v in plan.items()))
        return
    signer = sign.Signer.generate() if printed else sign.of_home(given.home)
    data = {"key_id": signer.key_id}
    if printed:
        data["signing_key"] = signer.text()
    else:
        data["public_key_file"] = str(sign.public_file(given.home))
    _answer("keys create", data, as_json, (f"{k}: {v}" for k, v in data.items()))


@keys.command("public")
def keys_public() -> None:
    """The public key as PEM, for a consumer to pin."""
    from sxe_pipeline.handoff import sign

    click.echo(sign.of_settings(settings.load()).public_pem().decode(), nl=False)


@main.command()
@as_json
def doctor(as_json: bool) -> None:
    """Look at everything a run needs, and say what to do where something is missing."""
    from sxe_pipeline.sandbox import doctor as checks

    found = checks.examine(settings.load())
    rows = [{"check": c.name, "state": c.state, "seen": c.seen, "fix": c.fix} for c in found]
    _answer("doctor", {"rows": rows}, as_json, _table(rows))
    sys.exit(3 if any(c.state == "fail" for c in found) else 0)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@as_json
def env(command: tuple[str, ...], as_json: bool) -> None:
    """Print the variables that `dg` needs, or run COMMAND with them and the database up."""
    import shlex
    import subprocess

    from sxe_pipeline.sandbox import attach

    with attach.attached(settings.load(), "social", "api", "dagster") as held:
        variables = settings.exports(held.settings, settings.dagster_home(held.settings))
        if command:
            child = subprocess.run(
                list(command),
                env=settings.inherited() | variables,
                pass_fds=held.descriptors,
                check=False,
            )
            sys.exit(child.returncode)
    lines = (f"export {name}={shlex.quote(value)}" for name, value in variables.items())
    _answer("env", {"variables": variables}, as_json, lines)
    if held.descriptors:
        click.echo("# the embedded database stops with its last user: sxe env -- bash", err=True)


@main.command()
@click.option("--reset", is_flag=True, help="Delete the embedded database and all embedded state.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@dry_run
@as_json
def down(reset: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Stop the embedded database, and with --reset delete everything below SXE_HOME."""
    import shutil

    from sxe_pipeline.sandbox import attach

    given = settings.load()
    homes = [h for h in (given.home / "demo", given.home) if (h / "postgres").exists()]
    done = "deleted" if reset else "stopped"
    if reset and given.home.exists() and not (yes or dry_run):
        click.confirm(f"Delete {given.home} and its database?", abort=True)
    if not dry_run:
        for home in homes:
            attach.stop(given.under(home), delete=reset)
        if reset:
            shutil.rmtree(given.home, ignore_errors=True)
    data = {"home": str(given.home), "databases": len(homes), "done": done, "dry_run": dry_run}
    _answer("down", data, as_json, [f"would be {done}" if dry_run else done])


@main.command()
@click.option("--port", default=3000, show_default=True)
@click.option("--demo", "of_demo", is_flag=True, help="Over the state of the last demo.")
def ui(port: int, of_demo: bool) -> None:
    """The Dagster UI with code server and daemon, until Ctrl-C."""
    from sxe_pipeline.sandbox import ui as screen

    given = settings.load()
    if of_demo:
        given = given.under(given.home / "demo")
        if not given.home.exists():
            raise NotFound("there is no demo yet; run `make demo` first")
    screen.serve(given, port=port, say=lambda url: click.echo(_where_to_click(url)))


def _where_to_click(url: str) -> str:
    return "\n".join(
        [
            f"Dagster UI: {url}   (Ctrl-C ends it)",
            f"  the drawing        {url}/asset-groups",
            f"  one table          {url}/assets/cards/lead_cards   numbers that plot, checks",
            f"  what ran           {url}/runs",
            f"  what waits         {url}/automation   landed_files, mirrored_events, every_day",
        ]
    )


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    if not rows:
        yield "none"
        return
    names = list(rows[0])
    cells = [names, *([_cell(row[n]) for n in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        yield "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "-" if value is None else str(value)


if __name__ == "__main__":
    main()
