"""Apollo: up to ten people per question; e-mail addresses at once, phone numbers by polling. Pure.

Here: what is asked, and what an answer means. Not here: the wire, the price, the permit. A person
of the answer belongs to an item by name and address, never by position, and in the later answer
by id alone. The provider's own waterfall is never asked for: its cost has no bound.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sxe_pipeline.contacts import normalise, replies
from sxe_pipeline.contacts.adapter import Answer, Ask, Found, Item, Reply, Value, Verdict
from sxe_pipeline.errors import BadConfig, BadInput

GROUPS = ("email", "phone")
BATCH_MAX = 10
_ASKED = ("first_name", "last_name", "domain", "linkedin_url")
_MOST_PEOPLE = 100
_MOST_VALUES = 10
_PHONE_STATUS = {"valid_number": "verified", "valid": "verified", "verified": "verified"}
_LISTED = {"found", "listed", "do_not_call", "on_list", "true", "yes"}
_NOT_LISTED = {"not_found", "not_listed", "clear", "false", "no"}


class Apollo:
    """The adapter of People Enrichment; see `adapter.Adapter` for what each function is for."""

    name = "apollo"

    def __init__(self, sink_url: str = "") -> None:
        """Take the address that the provider insists on for phone numbers; nobody reads there."""
        self._sink_url = sink_url

    def headers(self, credentials: Mapping[str, str]) -> dict[str, str]:
        """The API key.

        Raises:
            BadConfig: It is not set.
        """
        if not credentials.get("api_key"):
            raise BadConfig("the API key of Apollo is not set; set it")
        return {"x-api-key": credentials["api_key"]}

    def ask(self, items: Sequence[Item], groups: Sequence[str]) -> Ask:
        """The paid question. What is known of people stands in the body, never in the address.

        Raises:
            BadInput: Too many items or none, another group, or an item no answer could be given to.
            BadConfig: Phone numbers are asked for and there is no sink address.
        """
        if not 1 <= len(items) <= BATCH_MAX:
            raise BadInput(f"Apollo takes 1 to {BATCH_MAX} people per call, not {len(items)}")
        if not groups or not set(groups) <= set(GROUPS):
            raise BadInput("Apollo sells the groups 'email' and 'phone'; ask for those")
        if not all(_Evidence.of_item(item).is_enough for item in items):
            raise BadInput("Apollo needs both names or a LinkedIn address; leave the item out")
        query = {"reveal_personal_emails": "true"} if "email" in groups else {}
        if "phone" in groups:
            if not self._sink_url:
                raise BadConfig("Apollo insists on a sink address for phone numbers; set it")
            query |= {"reveal_phone_number": "true", "webhook_url": self._sink_url}
        details = [{k: item.inputs[k] for k in _ASKED if item.inputs.get(k)} for item in items]
        return Ask("POST", "/api/v1/people/bulk_match", query, {"details": details})

    def read(
        self, items: Sequence[Item], groups: Sequence[str], reply: Reply, now: datetime
    ) -> Answer:
        """What the first answer says about the money and about each item."""
        refused = replies.unanswered(reply, now)
        if refused:
            return refused
        body = replies.parsed(reply.body)
        if body is None or not isinstance(body.get("matches"), list):
            return Answer(Verdict.UNKNOWN, "bad_body")
        units = replies.micro(body.get("credits_consumed"))
        if units is None:
            return Answer(Verdict.UNKNOWN, "no_charge_figure")
        found = _found(items, body["matches"], groups, now)
        if "phone" not in groups:
            return Answer(Verdict.SETTLED, "answered", found, units)
        later = body.get("phone_enrichment")
        later = later if isinstance(later, dict) else {}
        if later.get("status") == "skipped":
            return Answer(Verdict.SETTLED, "phones_elsewhere", found, units, left=("phone",))
        request = replies.token(later.get("request_id")) or replies.token(body.get("request_id"))
        if request is None:
            return Answer(Verdict.UNKNOWN, "no_request_id", found)
        return Answer(Verdict.AWAITING, "phones_pending", found, units, request)

    def ask_result(self, provider_request_id: str) -> Ask:
        """The free question for the phone numbers.

        Raises:
            BadInput: The id is none of this provider's.
        """
        if replies.token(provider_request_id) is None:
            raise BadInput("this is no request id of Apollo's; take the one of its answer")
        return Ask("GET", f"/api/v1/webhook_result/{provider_request_id}")

    def read_result(self, items: Sequence[Item], reply: Reply, now: datetime) -> Answer:
        """What the later answer says; as polls are free, what may pass is waited for."""
        pending = _pending(reply, now)
        if pending:
            return pending
        body = replies.parsed(reply.body)
        if body is None:
            return _wait("bad_body", replies.WAIT_S)
        result = body.get("webhook_result")
        result = result if isinstance(result, dict) else {}
        units = replies.micro(result.get("credits_consumed"))
        if units is None or not isinstance(result.get("people"), list):
            return Answer(Verdict.UNKNOWN, "no_charge_figure")
        people: dict[str, list[Any]] = {}
        for person in replies.objects(result["people"], _MOST_PEOPLE):
            key, numbers = replies.token(person.get("id")), person.get("phone_numbers")
            if key:
                people.setdefault(key, []).extend(numbers if isinstance(numbers, list) else [])
        found = []
        for item in items:
            given = people.get(item.provider_person_id or "")
            values = [] if given is None else _phones(given, item.inputs.get("country"), now)
            outcome: Any = "no_match" if given is None else "match"
            found.append(Found(item.position, outcome, values, item.provider_person_id))
        return Answer(Verdict.SETTLED, "answered", found, units)

    def ask_counter(self) -> Ask | None:
        """The free question for the credits of this cycle."""
        return Ask("POST", "/api/v1/usage_stats/credit_usage_stats")

    def read_counter(self, reply: Reply) -> int | None:
        """Credits consumed for e-mail addresses and phone numbers together, in millionths."""
        body = replies.parsed(reply.body) if reply.status == 200 else None
        usage = (body or {}).get("credit_usage_stats")
        if not isinstance(usage, dict):
            return None
        total = 0
        for kind in ("lead_credit", "direct_dial_credit"):
            part = usage.get(kind)
            consumed = replies.micro(part.get("consumed")) if isinstance(part, dict) else None
            if consumed is None:
                return None
            total += consumed
        return total


def _pending(reply: Reply, now: datetime) -> Answer | None:
    """A reply to a poll that is not the result; None for a 200 of readable size."""
    status = reply.status
    if reply.failure is not None or status is None:
        return _wait(reply.failure or "no_answer", replies.WAIT_S)
    if status == 200 and len(reply.body) <= replies.BODY_LIMIT:
        return None
    if status == 404:
        body = replies.parsed(reply.body) or {}
        if body.get("error_code") == "result_pending":
            return _wait("phones_pending", replies.wait(body.get("retry_after_seconds")))
        if body.get("error_code") == "request_id_unknown":
            return Answer(Verdict.UNKNOWN, "unknown_request")
    if status in (400, 410, 422):
        return Answer(Verdict.UNKNOWN, "expired" if status == 410 else "refused")
    if status in (401, 402, 403):
        return Answer(
            Verdict.AWAITING, "no_right", retry_after_s=replies.LONGEST_WAIT_S, opens_circuit=True
        )
    return _wait("provider_error", replies.retry_after(reply.headers, now))


def _wait(reason: str, seconds: float) -> Answer:
    return Answer(Verdict.AWAITING, reason, retry_after_s=seconds)


class _Evidence:
    """What one side says about who somebody is, in the form in which it is compared."""

    def __init__(self, first: object, last: object, domain: object, linkedin: object) -> None:
        self.names = (_text(normalise.name, first), _text(normalise.name, last))
        self.domain = _text(normalise.domain, domain)
        self.linkedin = _text(normalise.linkedin, linkedin)

    @classmethod
    def of_item(cls, item: Item) -> "_Evidence":
        return cls(*(item.inputs.get(key) for key in _ASKED))

    @classmethod
    def of_person(cls, person: Mapping[str, Any]) -> "_Evidence":
        work = person.get("organization")
        work = work if isinstance(work, dict) else {}
        domain = work.get("primary_domain") or work.get("website_url")
        return cls(
            person.get("first_name"), person.get("last_name"), domain, person.get("linkedin_url")
        )

    @property
    def is_enough(self) -> bool:
        return all(self.names) or bool(self.linkedin)

    def fits(self, person: "_Evidence") -> bool:
        """Whether a person of the answer is the one asked for.

        A profile address names a person and decides; people change their employer, so that the
        domain decides only where there is no profile address on both sides.
        """
        if any(
            ours and ours != theirs for ours, theirs in zip(self.names, person.names, strict=True)
        ):
            return False
        if self.linkedin and person.linkedin:
            return self.linkedin == person.linkedin
        if not all(self.names):
            return False
        return not (self.domain and person.domain) or self.domain == person.domain


def _text(form: Any, value: object) -> str:
    return form(value) if isinstance(value, str) else ""


def _found(
    items: Sequence[Item], matches: Sequence[Any], groups: Sequence[str], now: datetime
) -> list[Found]:
    asked = [_Evidence.of_item(item) for item in items]
    claims: list[list[dict[str, Any]]] = [[] for _ in items]
    strangers = set()
    for place, person in enumerate(matches[:_MOST_PEOPLE]):
        if not isinstance(person, dict):
            continue
        given = _Evidence.of_person(person)
        fitting = [i for i, evidence in enumerate(asked) if evidence.fits(given)]
        if len(fitting) == 1:
            claims[fitting[0]].append(person)
        elif not fitting:
            strangers.add(place)
    found = []
    for place, (item, people) in enumerate(zip(items, claims, strict=True)):
        ids = {replies.token(person.get("id")) for person in people}
        if len(people) == 1 or (len(ids) == 1 and None not in ids):
            values = _values(people, item, groups, now)
            found.append(Found(item.position, "match", values, ids.pop()))
        elif people or place in strangers:  # two different people who both fit are nobody
            found.append(Found(item.position, "mismatch"))
        else:
            found.append(Found(item.position, "no_match"))
    return found


def _values(
    people: Sequence[Mapping[str, Any]], item: Item, groups: Sequence[str], now: datetime
) -> list[Value]:
    """The values of one person, of the kinds that were asked for and approved."""
    emails: dict[str, Value] = {}
    numbers: list[Any] = []
    for person in people:
        contact = person.get("contact")
        contact = contact if isinstance(contact, dict) else {}
        listed = [
            {**person, "confidence": person.get("extrapolated_email_confidence")},
            *({"email": one} for one in replies.texts(person.get("personal_emails"), _MOST_VALUES)),
            *replies.objects(contact.get("contact_emails"), _MOST_VALUES),
        ]
        for one in listed:
            value = _email(one)
            if value:
                emails.setdefault(value.value, value)
        numbers += replies.objects(contact.get("phone_numbers"), _MOST_VALUES)
        numbers += replies.objects(person.get("phone_numbers"), _MOST_VALUES)
    found = list(emails.values())[:_MOST_VALUES] if "email" in groups else []
    if "phone" in groups:
        found += _phones(numbers, item.inputs.get("country"), now)
    return found


def _email(given: Mapping[str, Any]) -> Value | None:
    text, stated = given.get("email"), given.get("email_status")
    address = normalise.email(text) if isinstance(text, str) else None
    if address is None:
        return None
    status = stated if stated in ("verified", "unverified") else "unknown"
    share = replies.micro(given.get("confidence"))
    is_share = share is not None and share <= replies.MICRO
    confidence = share / replies.MICRO if is_share and share is not None else None
    return Value("email", address, status, confidence)


def _phones(listed: Sequence[Any], country: str | None, now: datetime) -> list[Value]:
    found: dict[str, Value] = {}
    for one in listed[:_MOST_PEOPLE]:
        if not isinstance(one, dict):
            continue
        texts = replies.texts([one.get("sanitized_number"), one.get("raw_number")], 2)
        forms = [number for number in (normalise.phone(t, country) for t in texts) if number]
        if forms:
            found.setdefault(forms[0], _phone(forms[0], one, now))
    return list(found.values())[:_MOST_VALUES]


def _phone(number: str, given: Mapping[str, Any], now: datetime) -> Value:
    """Apollo documents the first flag only; the others are read alike should they come."""
    dnc, tcpa, litigator = (
        _flag(given.get(f"{flag}_status_cd", given.get(f"{flag}_status")))
        for flag in ("dnc", "tcpa", "litigator")
    )
    checked = None
    if (dnc, tcpa, litigator) != (None, None, None):
        stated = replies.moment(given.get("dnc_status_updated_at"))
        checked = stated if stated and stated <= now else now
    status = given.get("status_cd", given.get("status"))
    return Value(
        "phone",
        number,
        _phone_status(status),
        dnc=dnc,
        tcpa=tcpa,
        litigator=litigator,
        flags_checked_at=checked,
    )


def _phone_status(stated: object) -> str:
    if not isinstance(stated, str):
        return "unknown"
    word = stated.strip().lower()
    return _PHONE_STATUS.get(word, "unverified" if "invalid" in word else "unknown")


def _flag(stated: object) -> bool | None:
    """Three-valued: a word that is not known says nothing, and nothing said is not a no."""
    if isinstance(stated, bool):
        return stated
    word = stated.strip().lower() if isinstance(stated, str) else ""
    return True if word in _LISTED else False if word in _NOT_LISTED else None
