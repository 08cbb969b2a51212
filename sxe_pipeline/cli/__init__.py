"""The command line: arguments in, one call, words or JSON out.

Data goes to stdout, talk to stderr. Every verb attaches to the database with the login of its tier
and no other. Heavy packages are imported inside the verbs, so that `sxe --version` stays quick.

Here: the group, the border of errors, the list of verbs. Not here: the verbs; a module beside this
one holds those of one subject, and `words` and `logins` are what they share.

Exit codes: 0 ok, 1 the work failed, 2 usage, 3 configuration, 4 not found, 5 refused, 6 contract
broken, 7 a dependency cannot be reached (try again), 8 somebody else holds the lock (try again),
9 cannot tell, 130 interrupted.
"""

import sys
from typing import Any

import click

from sxe_pipeline import __version__
from sxe_pipeline.cli import audit, budget, enrich, gate, handoff, keys, local, privacy, tier1
from sxe_pipeline.errors import SxeError

VERBS: tuple[click.Command, ...] = (
    *(local.demo, local.doctor, local.env, local.down, local.ui),
    *(tier1.ingest, tier1.build, tier1.redact, tier1.label, tier1.market),
    *(gate.request, gate.approve, gate.reject, gate.revoke),
    *(budget.budget, enrich.enrich, privacy.privacy),
    *(handoff.batch, handoff.contracts),
    keys.keys,
    audit.audit,
)


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


for verb in VERBS:
    main.add_command(verb)
