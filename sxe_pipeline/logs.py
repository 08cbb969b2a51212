"""The one log of the engine: JSON lines (or a short line for a person) on stderr.

A field is logged only when its key stands in ALLOWED; of other fields the key alone is shown. Every
text, the traceback of an error included, passes the redactor last, as a net below the allow-list.
"""

import logging
import re
import sys
from typing import Any, cast

import structlog

ALLOWED = frozenset(
    """event level timestamp logger stage day days table version count counts rows files bytes new
    seen accepted quarantined open leaks cards pools batch_id market contract state seconds run_id
    job asset reason exit_code pid port attempt request_id exception exc_info""".split()  # noqa: SIM905
)
"""Keys whose values may be logged: ids, counts, durations and closed vocabularies."""

_QUOTED = re.compile(
    r"(\A|\n)(?:DETAIL|CONTEXT|QUERY|LINE \d+):.*?"
    r"(?=\n\n(?:During handling of|The above exception)|\Z)",
    re.DOTALL,
)
"""Behind its message an error of PostgreSQL quotes rows and statements: names of people, too."""

_BARE_WORD = re.compile(r"[A-Za-z_-]*")
"""One word without a sign: nothing else is known to hold no contact before it was looked at."""
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_ADDRESS = re.compile(
    rf"(?<![\w@.+-])((?:(?:{_OCTET}\.){{3}}{_OCTET}"
    r"|(?!\S*\d{9})(?:[a-z0-9-]+\.)+[a-z]{2,}|localhost|\[[0-9a-f:]+\]):\d{2,5})"
    r"(?![\w.@-]|[\s()/]*\d)"
)
"""Host and port of a server. None is a host with as many digits in a row as a phone number, or a
port that more digits follow.
"""


def _only_allowed(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {
        k: v if k in ALLOWED or k in ("exception", "exc_info") else "‹not logged›"
        for k, v in event.items()
    }


def _redacted(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {k: scrub(v) if isinstance(v, str) else v for k, v in event.items()}


_LONGEST, _SHOWN, _CUT_OFF = 4_000, 200, 400
"""Characters of a line that are looked at, what is shown of a longer one, and what is left out
before the place where that was cut: a contact that is cut there is none any more."""
_UNSEEN = "‹not shown: it could not be looked at›"


def scrub(text: str) -> str:
    """The text with contact data replaced by tokens, line by line, and without quoted rows.

    Example:
        >>> scrub("could not read: ana@example.com"), scrub("no answer of 127.0.0.1:25060")
        ('could not read: [email]', 'no answer of 127.0.0.1:25060')
    """
    if _BARE_WORD.fullmatch(text):
        return text
    try:
        said = _QUOTED.sub(r"\1(what the database quoted is left out)", text)
        return "\n".join(map(_scrubbed, said.split("\n")))
    except Exception:  # noqa: BLE001 - whatever a text does to a rule, it is not said unredacted
        return _UNSEEN


def _scrubbed(line: str) -> str:
    from sxe_pipeline.redact import redact_text

    # Every other piece is an address of a machine, whose digits read like a phone number.
    pieces = _ADDRESS.split(line[:_LONGEST])
    said = "".join(p if n % 2 else redact_text(p)[0] for n, p in enumerate(pieces))
    return said if len(line) < _LONGEST else said[:-_CUT_OFF][:_SHOWN]


def start(*, verbose: bool = False) -> None:
    """Configure logging for this process: to stderr, ours and where nobody else has, the rest."""
    plain = sys.stderr.isatty()
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _only_allowed,
        _redacted,
    ]
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=False)
        if plain
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    ours = logging.getLogger("sxe")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.INFO if verbose else logging.WARNING)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(handler)


def get(stage: str) -> Any:
    """The logger of a stage; the first one configures the process.

    Example:
        get("social").info("written", table="social/observations", rows=12)
    """
    if not structlog.is_configured():
        start()
    return cast(Any, structlog.get_logger(f"sxe.{stage}"))
