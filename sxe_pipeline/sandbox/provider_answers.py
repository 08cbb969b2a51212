"""What the two sandbox providers know of people, and how their answers are worded.

Here: invented people, bodies of answers, what each body charges. Not here: sockets, fault modes of
the connection, the log of calls (`providers`). Everything about a person follows from the SHA-256
of what was asked, and every value comes from a reserved range: example.com, .net and .org, and the
telephone numbers 555-0100 to 555-0199 that belong to nobody.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

MICRO = 1_000_000
THIRD = Decimal("0.3333333")
_AREAS = """
    201 202 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229
    231 234 239 240 248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 303
    304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323 330 334 336
    337 339 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 412 413 414
    415 417 419 423 425 432 434 435 440 443 469 478 479 480 484 501 502 503 504 505
    507 508 509 510 512 513 515 516 517 518 520 530 540 541 559 561 562 563 570 571
    573 574 580 585 586 601 602 603 605 606 607 608 609 610 612 614 615 616 617 618
    619 620 623 626 630 631 636 641 646 650 651 660 661 662 678 682 701 702 703 704
    706 707
""".split()  # noqa: SIM905
_TOPS = ("com", "net", "org")
_OTHER = ("Robin", "Someoneelse")
_DNC = ("found", "not_found", "not_found", None)
_RARE = ("found", *("not_found",) * 6, None)
_REPORTED = ("2026-03-14", "11/2/2024", "2019-07-01", None)


@dataclass(frozen=True)
class Person:
    """One asked identity as its provider knows it."""

    key: str
    digest: bytes
    first: str
    last: str
    asked: Mapping[str, str]
    is_hit: bool
    emails: tuple[str, ...]
    phones: tuple[str, ...]

    @property
    def id(self) -> str:
        """The provider's id of the person."""
        return self.digest[8:20].hex()

    @property
    def email_credits(self) -> Decimal:
        """A credit for an address, at times half of one, nothing for none."""
        if not self.is_hit or not self.emails:
            return Decimal(0)
        return Decimal("0.5") if self.digest[20] < 20 else Decimal(1)

    @property
    def phone_credits(self) -> Decimal:
        """Eight credits for a number, at times a little less, nothing for none."""
        if not self.is_hit or not self.phones:
            return Decimal(0)
        return Decimal("7.25") if self.digest[21] < 20 else Decimal(8)


def person(provider: str, first: str, last: str, asked: Mapping[str, str]) -> Person:
    """Whom a provider knows under what was asked; 7 of 10 are known, half of them with a number."""
    normalised = {str(key): str(value).strip().casefold() for key, value in asked.items()}
    digest = hashlib.sha256(json.dumps([provider, normalised], sort_keys=True).encode()).digest()
    is_hit = digest[0] < 179
    known = Person(digest.hex()[:16], digest, first, last, dict(asked), is_hit, (), ())
    if not is_hit:
        return known
    emails = (_email(digest, 0), _email(digest, 1))[: 1 + digest[2] // 200]
    phones = tuple(_phone(digest, n) for n in range(1 + digest[3] % 3)) if digest[1] < 128 else ()
    return replace(known, emails=emails if digest[4] < 230 else (), phones=phones)


def other(known: Person) -> Person:
    """Somebody else instead of a person."""
    return replace(known, first=_OTHER[0], last=_OTHER[1])


def micro(credits_: Decimal) -> int:
    """Credits in millionths, a fraction of one rounded up."""
    return int((credits_ * MICRO).to_integral_value(rounding=ROUND_CEILING))


def number(credits_: Decimal) -> float | int:
    """Credits as a number of JSON."""
    return int(credits_) if credits_ == credits_.to_integral_value() else float(credits_)


def _email(digest: bytes, n: int) -> str:
    return f"person-{digest[22 + n : 30 + n].hex()}@example.{_TOPS[digest[5] % 3]}"


def _phone(digest: bytes, n: int) -> str:
    seed = hashlib.sha256(digest + bytes([n])).digest()
    area = _AREAS[int.from_bytes(seed[:4]) % len(_AREAS)]
    return f"+1{area}55501{seed[4] % 100:02d}"


def apollo_match(known: Person, *, wants_email: bool) -> dict[str, Any] | None:
    """A person of the first answer; None where nobody is known."""
    if not known.is_hit:
        return None
    digest = known.digest
    placeholder = "email_not_unlocked@domain.com" if digest[6] < 128 else None
    email = known.emails[0] if known.emails and wants_email else placeholder
    host = known.asked.get("domain")
    return {
        "id": known.id,
        "first_name": known.first,
        "last_name": known.last,
        "name": f"{known.first} {known.last}".strip(),
        "linkedin_url": known.asked.get("linkedin_url"),
        "title": None,
        "email": email,
        "email_status": ("verified", "unverified", "verified", "guessed", None)[digest[7] % 5],
        "extrapolated_email_confidence": None if digest[7] % 3 else 0.87,
        "personal_emails": list(known.emails[1:]) if wants_email else [],
        "organization": {"id": known.key, "name": None, "primary_domain": host} if host else None,
        "revealed_for_current_team": True,
    }


def apollo_answer(
    matches: Sequence[dict[str, Any] | None], asked: int, credits_: Decimal, request_id: int
) -> dict[str, Any]:
    """The body of the first answer."""
    known = sum(one is not None for one in matches)
    return {
        "status": "success",
        "error_code": None,
        "error_message": None,
        "total_requested_enrichments": asked,
        "unique_enriched_records": known,
        "missing_records": asked - known,
        "credits_consumed": number(credits_),
        "request_id": request_id,
        "matches": list(matches),
    }


def apollo_result(known: Sequence[Person], request_id: int) -> tuple[dict[str, Any], Decimal]:
    """The body of the later answer, and what it charges."""
    with_phone = [one for one in known if one.is_hit and one.phones]
    credits_ = sum((one.phone_credits for one in with_phone), Decimal(0))
    people = [
        {"id": one.id, "status": "success", "phone_numbers": _apollo_phones(one)}
        for one in known
        if one.is_hit
    ]
    body = {
        "request_id": str(request_id),
        "webhook_status": "dispatched",
        "request_type": "phone",
        "last_dispatched_at": None,
        "failure_reason": None,
        "webhook_result": {
            "status": "success",
            "total_requested_enrichments": len(known),
            "unique_enriched_records": len(with_phone),
            "missing_records": len(known) - len(with_phone),
            "credits_consumed": number(credits_),
            "people": people,
        },
    }
    return body, credits_


def _apollo_phones(known: Person) -> list[dict[str, Any]]:
    found = []
    for position, phone in enumerate(known.phones):
        luck = hashlib.sha256(known.digest + b"flags" + bytes([position])).digest()
        dnc = _DNC[luck[0] % len(_DNC)]
        found.append(
            {
                "raw_number": f"({phone[2:5]}) {phone[5:8]}-{phone[8:]}",
                "sanitized_number": phone,
                "type_cd": ("mobile", "work_direct")[luck[1] % 2],
                "status_cd": "valid_number",
                "confidence_cd": ("high", "low")[luck[2] % 2],
                "dnc_status_cd": dnc,
                "tcpa_status_cd": _RARE[luck[3] % len(_RARE)],
                "litigator_status_cd": _RARE[luck[4] % len(_RARE)],
                "dnc_status_updated_at": "2026-08-30T06:00:00Z" if dnc else None,
                "dnc_other_info": None,
                "position": position,
            }
        )
    return found


def enformion_answer(known: Person) -> tuple[dict[str, Any], Decimal]:
    """The body of an answer, and what it charges: one unit for whoever it names."""
    body: dict[str, Any] = {
        "requestId": known.key,
        "requestType": "DevAPIContactEnrich",
        "requestTime": "0.1",
        "isError": False,
        "error": {"code": None, "message": None, "inputErrors": [], "warnings": []},
    }
    if not known.is_hit:
        return body | {"message": "No strong matches"}, Decimal(0)
    name = _OTHER if known.digest[12] < 5 else (known.first, known.last)
    body["identityScore"] = 60 + known.digest[13] % 41
    body["person"] = {
        "name": {"firstName": name[0], "middleName": "", "lastName": name[1]},
        "age": str(21 + known.digest[14] % 60),
        "addresses": [],
        "phones": [
            {
                "number": f"({phone[2:5]}) {phone[5:8]}-{phone[8:]}",
                "type": ("mobile", "landline", "voip")[known.digest[15] % 3],
                "isConnected": (True, False, None)[(known.digest[16] + position) % 3],
                "firstReportedDate": "1/1/2015",
                "lastReportedDate": _REPORTED[(known.digest[17] + position) % len(_REPORTED)],
            }
            for position, phone in enumerate(known.phones)
        ],
        "emails": [{"email": email} for email in known.emails],
    }
    return body, Decimal(1)


def drifted(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same answer with words and fields nobody announced."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: _DRIFT.get(k, changed(v)) for k, v in value.items()} | {"xNewField": [{}]}
        return [changed(one) for one in value] if isinstance(value, list) else value

    found = changed(dict(body))
    return found if isinstance(found, dict) else {}


_DRIFT: dict[str, Any] = {
    "email_status": "likely_to_engage_v2",
    "status_cd": "probably",
    "dnc_status_cd": 7,
    "tcpa_status_cd": {"was": "a word"},
    "litigator_status_cd": "maybe",
    "isConnected": "yes",
    "extrapolated_email_confidence": "high",
    "lastReportedDate": {"year": 2026},
}
