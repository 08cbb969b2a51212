"""The command line: arguments in, one call, lines or JSON out.

Data goes to stdout, talk to stderr. Every verb attaches to the database with the login of its tier
and no other. A verb's module is imported when the verb is typed, and heavy packages inside the
verb, so that `sxe --version` stays quick.

Here: the group and the border of errors. Not here: which verbs there are (`verbs`), and what they
do: a module beside this one holds those of one subject; `output`, `logins` and `proposals` are what
they share.

Exit codes: 0 ok, 1 the work failed, 2 usage, 3 configuration, 4 not found, 5 refused, 6 contract
broken, 7 a dependency cannot be reached (try again), 8 somebody else holds the lock (try again),
9 cannot tell, 10 the newest word of the sender ran out, 130 interrupted.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from sxe_pipeline import __version__
from sxe_pipeline.cli import progress
from sxe_pipeline.cli.verbs import NAMES, SECTIONS, verb
from sxe_pipeline.errors import SxeError, said_of
from sxe_pipeline.local.interrupts import terminable


class Verbs(click.Group):
    """The verbs, each loaded when it is asked for, and the border of errors.

    At the border an error is one line for a person, a traceback only where it was asked for.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every verb, in the order of its sections."""
        del ctx
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb of that name, from its module."""
        del ctx
        return verb(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The verbs under who types them."""
        del ctx
        width = max(map(len, NAMES))
        for section in SECTIONS:
            rows = [
                (name.ljust(width), command.get_short_help_str(200))
                for name, command in zip(section.names, section.load(), strict=True)
            ]
            with formatter.section(section.title):
                formatter.write_dl(rows)

    def main(self, *args: Any, **extra: Any) -> Any:
        """A run of the program; nothing is left to be said to a reader that went away."""
        _open_streams()
        try:
            with terminable():
                return super().main(*args, **extra)
        finally:
            _flush()

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **extra: Any
    ) -> click.Context:
        """The arguments are read; `--help` is printed while that is done."""
        with _border(is_traced="--trace" in args):
            return super().make_context(info_name, args, *more, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb; an error of ours ends with its own exit code."""
        with _border(is_traced=ctx.params["trace"]):
            return super().invoke(ctx)


@contextmanager
def _border(*, is_traced: bool) -> Iterator[None]:
    """What goes wrong inside is said in one sentence, and ends the program."""
    try:
        with _reader_may_leave():
            yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        progress.current().end()
        click.echo("sxe: interrupted; run it again, what was finished stays", err=True)
        sys.exit(130)
    except Exception as error:  # the border: its text may quote data
        if is_traced:
            raise
        known = error if isinstance(error, SxeError) else _known(error)
        if known is None:
            _fail(f"{type(error).__name__}: unexpected; run again with --trace", 1)
        else:
            _fail(str(known), known.exit_code)


def _known(error: Exception) -> SxeError | None:
    """An error of a driver or of the system, in words of ours; None where we have none."""
    from sxe_pipeline import settings
    from sxe_pipeline.local import home, usage

    full, unusable = list[str](), None
    with suppress(Exception):  # what is looked up to explain an error never takes its place
        given = settings.load()
        unusable = home.fault(given.home, error)
        full = usage.full(given)
    return said_of(error, f"of {', '.join(full)}" if full else "") or unusable


def _fail(message: str, code: int) -> None:
    from sxe_pipeline import logs

    progress.current().end()
    click.echo(f"sxe: {logs.scrub(message)}", err=True)
    sys.exit(code)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """`sxe ... | head` is no error: the reader had enough."""
    try:
        yield
    except BrokenPipeError:
        if not _has_left():
            raise  # something else went away
        sys.exit(0)


def _has_left() -> bool:
    """Whether nobody reads stdout any more."""
    import select

    try:
        out = sys.stdout.fileno()
    except (OSError, ValueError):
        return True  # no file: who broke the pipe was whoever read it
    poll = select.poll()
    poll.register(out, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _open_streams() -> None:
    """Who was started without a stream has the null device there.

    Else the first file that is opened would stand in its place, and take what children print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _flush() -> None:
    """Write what is left; what cannot be, the interpreter is to say nothing of at its end.

    Whatever a verb said was written at once, and what failed there was said.
    """
    is_lost = False
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        is_lost = True
    with suppress(OSError, ValueError):  # no file, or closed before
        if is_lost or _has_left():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sxe")
@click.option("--trace", is_flag=True, help="Show the traceback of an error.")
@click.option("--verbose", is_flag=True, help="Log what is done.")
def main(trace: bool, verbose: bool) -> None:
    """Social XPress Engine: public profiles become contact-free, labeled, signed lead batches."""
    from sxe_pipeline import settings
    from sxe_pipeline.settings import interpreter

    del trace
    interpreter.quick_start()
    progress.begin(is_verbose=verbose)
    for sentence in settings.misspelt():
        click.echo(f"sxe: warning: {sentence}", err=True)
    if verbose:
        from sxe_pipeline import logs

        logs.start(verbose=True)
