"""Reading the reply of any provider without trusting it. Pure.

Here: what a status says about the money, JSON, figures, waiting times, tokens. Not here: a
provider's own fields (its adapter). What cannot be read is None, never 0 and never an error.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, localcontext
from email.utils import parsedate_to_datetime
from typing import Any

from sxe_pipeline.contacts.adapter import Answer, Reply, Verdict

BODY_LIMIT = 4 * 1024 * 1024
MICRO = 1_000_000
WAIT_S, LONGEST_WAIT_S = 60.0, 3_600.0
_DIGITS = 64
_REFUSAL_BYTES = 4_096
_MOST_UNITS = 1_000_000_000
_TOKEN = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
# No provider documents how it says "out of credit". An echo of the request may say "credit" too.
_NO_CREDIT = re.compile(
    rb"(insufficient|not enough|out of|\bno|exhausted|exceeded|more)"
    rb"[a-z _]{0,20}(credits?|balance|funds)\b"
    rb"|credits?\b[a-z _]{0,30}(insufficient|exhausted|exceeded|limit|used up)",
    re.IGNORECASE,
)
# A share of a day or a month is used up, which waiting for a minute does not bring back. A limit of
# requests a minute or of people a request is no quota.
_NO_QUOTA = re.compile(
    rb"(daily|weekly|monthly|annual|yearly|plan|account|subscription)"
    rb"[a-z _']{0,40}\b(quotas?|limit|allowance|credits?)\b"
    rb"|(reached|exceeded|exhausted|used up|out of|over|no)[a-z _']{0,40}\bquotas?\b"
    rb"|\bquotas?\b[a-z _']{0,30}(reached|exceeded|exhausted|used up)",
    re.IGNORECASE,
)
_STOPPING = {401: "no_right", 402: "no_credit", 403: "no_right"}


def unanswered(reply: Reply, now: datetime) -> Answer | None:
    """What a reply to a paid request says when it is not a 200 of readable size; else None."""
    if reply.failure == "not_sent":
        return Answer(Verdict.NOT_SENT, "not_sent", units_micro=0)
    if reply.failure is not None or reply.status is None:
        return Answer(Verdict.UNKNOWN, "no_answer")
    if reply.status == 429 and not _is_spent(reply):
        wait = retry_after(reply.headers, now)
        return Answer(Verdict.REJECTED, "busy", units_micro=0, retry_after_s=wait)
    if reply.status in _STOPPING:
        reason = _STOPPING[reply.status]
        return Answer(Verdict.REJECTED, reason, units_micro=0, opens_circuit=True)
    if reply.status in (400, 422, 429):
        return refused(reply)
    if reply.status != 200:
        return Answer(Verdict.UNKNOWN, "provider_error" if reply.status >= 500 else "other_status")
    return None if len(reply.body) <= BODY_LIMIT else Answer(Verdict.UNKNOWN, "too_large")


def answered(reply: Reply, now: datetime) -> dict[str, Any] | Answer:
    """The JSON body of a reply to a paid request, or what the reply says where it has none."""
    other = unanswered(reply, now)
    if other is not None:
        return other
    body = parsed(reply.body)
    return Answer(Verdict.UNKNOWN, "bad_body") if body is None else body


def refused(reply: Reply) -> Answer:
    """A request that the provider declined and did not charge; without credit it is stopped."""
    is_spent = _is_spent(reply)
    reason = "no_credit" if is_spent else "refused"
    return Answer(Verdict.REJECTED, reason, units_micro=0, opens_circuit=is_spent)


def _is_spent(reply: Reply) -> bool:
    """Whether a refusal says that the account has no credit or no quota left."""
    told = reply.body[:_REFUSAL_BYTES]
    return any(words.search(told) for words in (_NO_CREDIT, _NO_QUOTA))


def parsed(body: bytes) -> dict[str, Any] | None:
    """The JSON object of a body, its fractions as Decimal; None for anything else.

    A key that occurs twice has two meanings, and a number of very many digits is an attack: both
    are refused, as are NaN and Infinity.
    """
    if len(body) > BODY_LIMIT:
        return None
    try:
        found = json.loads(
            body.decode("utf-8"),
            parse_float=_fraction,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _fraction(text: str) -> Decimal:
    if len(text) > _DIGITS:
        raise ValueError("a number of too many digits")
    return Decimal(text)


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("a number of too many digits")
    return int(text)


def _constant(text: str) -> Any:
    raise ValueError("not a number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def micro(value: object) -> int | None:
    """A figure in millionths, a fraction of one rounded up; None unless it is a number >= 0.

    Example:
        >>> micro(Decimal("0.3333333")), micro(2), micro(True), micro(-1)
        (333334, 2000000, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    figure = Decimal(value)
    if not figure.is_finite() or figure < 0 or figure > _MOST_UNITS:
        return None
    if 0 < figure < Decimal("0.000001"):  # its exponent may be too small to calculate with
        return 1
    with localcontext() as context:
        context.prec = 2 * _DIGITS
        return int((figure * MICRO).to_integral_value(rounding=ROUND_CEILING))


def header(headers: Mapping[str, str], wanted: str) -> str | None:
    """A header whatever the case of its name; None where there is none."""
    return next((value for key, value in headers.items() if key.lower() == wanted), None)


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds to wait by the `retry-after` header: at most an hour, a minute if it is garbage."""
    text = (header(headers, "retry-after") or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        return wait(int(text))
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return WAIT_S
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return wait(max(0, int((then - now).total_seconds())))


def wait(value: object) -> float:
    """A waiting time in seconds that a body or a header named, within the same limits."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return WAIT_S
    figure = Decimal(value)
    if not figure.is_finite() or figure < 0:
        return WAIT_S
    return float(min(figure, Decimal(int(LONGEST_WAIT_S))))


def token(value: object) -> str | None:
    """An id of the provider's, number or text, that fits into a path and a database; else None."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text if isinstance(text, str) and _TOKEN.fullmatch(text) else None


def texts(value: object, most: int) -> list[str]:
    """The texts of a list, at most so many; empty for anything but a list."""
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, str)][:most]


def objects(value: object, most: int) -> list[dict[str, Any]]:
    """The objects of a list, at most so many; empty for anything but a list."""
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, dict)][:most]


def moment(value: object) -> datetime | None:
    """A date or a time as ISO 8601 or month/day/year, in UTC; None where it is neither."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    american = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", value.strip(), re.ASCII)
    try:
        if american:
            month, day, year = (int(part) for part in american.groups())
            return datetime(year, month, day, tzinfo=UTC)
        found = datetime.fromisoformat(value.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
