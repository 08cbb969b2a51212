"""What a request to a sandbox provider does: who is found, what it charges, what goes wrong.

Here: requests, fault modes, the books that a provider keeps of its calls. Not here: sockets
(`providers`), whom a provider knows (`provider_answers`).
"""

import http.client
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from sxe_pipeline.sandbox import provider_answers as answers

PROVIDERS = ("apollo", "enformion")
KINDS = ("paid", "poll", "counter")
MODES = frozenset(
    """ok 429 422 402 401 500pre 500post hang drop slow_poll dup_webhook late_webhook
    reordered_matches null_matches bad_json schema_drift partial_200 overcharge
    negative_credits fractional no_credits_field other_person expired_result""".split()  # noqa: SIM905
)
_FREE = {
    "402": (402, "payment required"),
    "422": (422, "unprocessable"),
    "500pre": (500, "internal"),
}
_OVERCHARGE = Decimal(100)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Entry = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    provider: str
    kind: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What goes back; without a status silence ('hang') or a closed connection ('drop')."""

    status: int | None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_silent: bool = False


@dataclass
class Mode:
    """How a provider behaves, for so many requests or until the next mode."""

    name: str = "ok"
    times: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Books:
    """All that a reset forgets."""

    calls: list[Entry] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)
    charges: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    totals: Counter[str] = field(default_factory=Counter)
    phone_total: int = 0
    cycle: int = 0
    border: int = 0
    phone_border: int = 0
    modes: dict[tuple[str, str], Mode] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    polls: Counter[str] = field(default_factory=Counter)
    handed_out: set[str] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)


def answer(books: Books, request: Request, mode: Mode, entry: Entry, wait_s: int) -> Answer:
    """What goes back, once it stands in the books; `wait_s` is what a pending result says."""
    free = _faulty(mode, request)
    if free:
        return free
    if request.kind == "poll":
        given = _polled(books, request, mode, entry, wait_s)
    elif request.kind == "counter":
        given = to_json(200, _usage(books))
    elif request.provider == "apollo":
        given = _apollo(books, request, mode, entry)
    else:
        given = _enformion(books, request, mode, entry)
    return _broken(mode, given) if given.status == 200 else given


def _apollo(books: Books, request: Request, mode: Mode, entry: Entry) -> Answer:
    details = request.body.get("details")
    wants_phone = request.query.get("reveal_phone_number") == "true"
    wants_email = request.query.get("reveal_personal_emails") == "true"
    refusal = _apollo_refusal(details, request.query, wants_phone)
    if refusal or not isinstance(details, list):
        return to_json(400, {"status": "failed", "error_code": refusal or "INVALID_REQUEST"})
    seed = sha256(f"{entry['seq']}:{entry['asked']}".encode()).digest()
    request_id = int.from_bytes(seed[:8], signed=True)
    known = [_known("apollo", one) for one in details]
    known = known[: (len(known) + 1) // 2] if mode.name == "partial_200" else known
    known = [] if mode.name == "null_matches" else known
    matches = _matches(known, mode, len(details), wants_email=wants_email)
    parts = [one.email_credits if wants_email else Decimal(0) for one in known]
    if mode.name == "fractional" and wants_email:
        parts = [answers.THIRD if one.is_hit else Decimal(0) for one in known]
    credits_ = sum(parts, Decimal(0))
    credits_ += _OVERCHARGE * len(details) if mode.name == "overcharge" else 0
    body = answers.apollo_answer(matches, len(details), credits_, request_id)
    _spoil(body, mode)
    _book(books, entry, known, answers.micro(credits_), [answers.micro(one) for one in parts])
    if wants_phone:
        body["phone_enrichment"] = {"request_id": request_id, "status": "pending"}
        result, later = answers.apollo_result(known, request_id)
        books.results[str(request_id)] = result
        books.phone_total += answers.micro(later)
        entry["later_micro"] = answers.micro(later)
        each = [answers.micro(one.phone_credits) for one in known]
        _book(books, entry, known, answers.micro(later), each)
        _webhooks(books, mode, request.query.get("webhook_url", ""), result)
    return to_json(200, body)


def _matches(
    known: Sequence[answers.Person], mode: Mode, asked: int, *, wants_email: bool
) -> list[dict[str, Any] | None]:
    if mode.name == "null_matches":
        return [None] * asked
    seen = [answers.other(one) for one in known] if mode.name == "other_person" else known
    found = [answers.apollo_match(one, wants_email=wants_email) for one in seen]
    return found[::-1] if mode.name == "reordered_matches" else found


def _polled(books: Books, request: Request, mode: Mode, entry: Entry, wait_s: int) -> Answer:
    request_id = request.path.rsplit("/", 1)[-1]
    if not request_id.lstrip("-").isdigit():
        return to_json(400, {"error_code": "invalid_request_id"})
    result = books.results.get(request_id)
    if result is None:
        return to_json(404, {"error_code": "request_id_unknown"})
    if mode.name == "expired_result":
        return to_json(410, {"error_code": "request_id_expired"})
    books.polls[request_id] += 1
    if mode.name == "slow_poll" and books.polls[request_id] <= int(mode.options.get("n", 3)):
        return to_json(404, {"error_code": "result_pending", "retry_after_seconds": wait_s})
    if mode.name in ("overcharge", "fractional") and "recharged" not in result:
        _recharge(books, entry, result, mode)
    spoiled = json.loads(json.dumps(result))
    _spoil(spoiled["webhook_result"], mode)
    return to_json(200, spoiled)


def _recharge(books: Books, entry: Entry, result: dict[str, Any], mode: Mode) -> None:
    """Charge more for a result than was said, once, however often it is polled."""
    inner = result["webhook_result"]
    before = Decimal(str(inner["credits_consumed"]))
    after = before + (_OVERCHARGE if mode.name == "overcharge" else answers.THIRD)
    inner["credits_consumed"], result["recharged"] = float(after), True
    units = answers.micro(after) - answers.micro(before)
    books.phone_total += units
    _book(books, entry, (), units, ())


def entry_of(request: Request, mode: Mode, seq: int) -> Entry:
    """The line of the log for a request, before anything was answered."""
    details = request.body.get("details")
    if request.provider == "enformion":
        asked = [_known("enformion", request.body).key]
    else:
        asked = [_known("apollo", one).key for one in details] if isinstance(details, list) else []
    return {
        "seq": seq,
        "provider": request.provider,
        "kind": request.kind,
        "path": request.path,
        "query": dict(request.query),
        "x_request_id": request.headers.get("x-request-id"),
        "received_at": time.time(),
        "asked": asked if request.kind == "paid" else [],
        "units_micro": 0,
        "later_micro": 0,
        "mode": mode.name,
        "status": None,
    }


def _known(provider: str, given: Any) -> answers.Person:
    given = given if isinstance(given, dict) else {}
    if provider == "apollo":
        asked = {str(key): str(value) for key, value in given.items()}
        return answers.person(
            provider, asked.get("first_name", ""), asked.get("last_name", ""), asked
        )
    place = given.get("Address")
    place = place.get("addressLine2", "") if isinstance(place, dict) else ""
    first, last = str(given.get("FirstName", "")), str(given.get("LastName", ""))
    return answers.person(provider, first, last, {"first": first, "last": last, "at": str(place)})


def _apollo_refusal(details: Any, query: Mapping[str, str], wants_phone: bool) -> str | None:
    if not isinstance(details, list) or not details:
        return "INVALID_REQUEST"
    if len(details) > 10:
        return "RECORD_LIMIT_EXCEEDED"
    is_odd = any(key.startswith("run_waterfall") for key in query)
    return "INVALID_REQUEST" if is_odd or (wants_phone and not query.get("webhook_url")) else None


def _enformion(books: Books, request: Request, mode: Mode, entry: Entry) -> Answer:
    known = _known("enformion", request.body)
    if not (known.first and known.last):
        return to_json(200, {"isError": True, "error": {"code": "InvalidInput"}})
    if mode.name == "null_matches":
        known = replace(known, is_hit=False)
    seen = answers.other(known) if mode.name == "other_person" else known
    seen = replace(seen, emails=(), phones=()) if mode.name == "partial_200" else seen
    body, credits_ = answers.enformion_answer(seen)
    credits_ += _OVERCHARGE if mode.name == "overcharge" else 0
    _book(books, entry, [known], answers.micro(credits_), [answers.micro(credits_)])
    return to_json(200, body)


def _book(
    books: Books, entry: Entry, known: Sequence[answers.Person], units: int, each: Sequence[int]
) -> None:
    entry["units_micro"] += units
    books.totals[entry["provider"]] += units
    for one, part in zip(known, each, strict=True):
        books.handed_out.update(one.emails, one.phones)
        if part:
            books.charges[entry["provider"]][one.key] += part


def _spoil(body: dict[str, Any], mode: Mode) -> None:
    if mode.name == "no_credits_field":
        del body["credits_consumed"]
    elif mode.name == "negative_credits":
        body["credits_consumed"] = -1


def _faulty(mode: Mode, request: Request) -> Answer | None:
    """The answer of a mode in which nothing is looked up or charged."""
    key = "x-api-key" if request.provider == "apollo" else "galaxy-ap-password"
    if mode.name == "401" or not request.headers.get(key):
        return Answer(401, b"Invalid API key.", {"content-type": "text/plain"})
    if mode.name == "429":
        wait = {"retry-after": str(mode.options.get("retry_after", 1))}
        payload = b'{"message": "The maximum number of api calls is reached."}'
        return Answer(429, payload, {"content-type": "application/json", **wait})
    if mode.name not in _FREE:
        return None
    status, said = _FREE[mode.name]
    return to_json(status, {"error": said})


def _broken(mode: Mode, answer: Answer) -> Answer:
    """The answer of a mode that looks up and charges before it goes wrong."""
    if mode.name in ("hang", "drop"):
        return Answer(None, is_silent=mode.name == "hang")
    if mode.name == "500post":
        return to_json(500, {"error": "internal"})
    if mode.name == "bad_json":
        return Answer(200, answer.body[: len(answer.body) * 2 // 3], answer.headers)
    if mode.name == "schema_drift":
        return to_json(200, answers.drifted(json.loads(answer.body)))
    return answer


def to_json(status: int, body: Mapping[str, Any]) -> Answer:
    """An answer with a body of JSON."""
    return Answer(status, json.dumps(body).encode(), {"content-type": "application/json"})


def _usage(books: Books) -> dict[str, Any]:
    phones = books.phone_total - books.phone_border
    direct = Decimal(phones) / answers.MICRO
    lead = Decimal(books.totals["apollo"] - books.border - phones) / answers.MICRO

    def part(consumed: Decimal) -> dict[str, Any]:
        return {"limit": 1_000_000, "consumed": answers.number(consumed), "left_over": None}

    return {
        "credit_usage_stats": {"lead_credit": part(lead), "direct_dial_credit": part(direct)},
        "current_credit_cycle": {
            "start_date": f"{2026 + books.cycle}-09-01",
            "end_date": f"{2026 + books.cycle}-09-30",
        },
    }


def _webhooks(books: Books, mode: Mode, address: str, result: Mapping[str, Any]) -> None:
    """Post the result where the caller said, twice or late, if that is on this machine."""
    to = urlsplit(address)
    if mode.name not in ("dup_webhook", "late_webhook") or to.hostname not in _LOOPBACK:
        return
    times = 2 if mode.name == "dup_webhook" else 1
    delay_s = float(mode.options.get("delay_s", 0.5)) if mode.name == "late_webhook" else 0.0
    body = json.dumps(result).encode()

    def post() -> None:
        books.released.wait(delay_s)
        for _ in range(times):
            with suppress(OSError, ValueError, http.client.HTTPException):
                connection = http.client.HTTPConnection(to.hostname or "", to.port, timeout=5)
                with closing(connection):
                    kind = {"content-type": "application/json"}
                    connection.request("POST", to.path or "/", body, kind)
                    connection.getresponse().read()

    threading.Thread(target=post, daemon=True).start()


def route(method: str, path: str) -> tuple[str, str]:
    """The provider and the kind of request behind an address; empty where there is none."""
    if method == "GET":
        is_poll = path.startswith("/api/v1/webhook_result/")
        return ("apollo", "poll") if is_poll else ("", "")
    return {
        "/api/v1/people/bulk_match": ("apollo", "paid"),
        "/api/v1/usage_stats/credit_usage_stats": ("apollo", "counter"),
        "/Contact/Enrich": ("enformion", "paid"),
    }.get(path, ("", ""))
