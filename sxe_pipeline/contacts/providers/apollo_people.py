"""The people of Apollo's answers: whom an item means, and which values they have. Pure.

Here: a person belongs to an item by name and address, never by position; e-mail addresses, phone
numbers and their flags. Not here: the requests and the money (`apollo`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sxe_pipeline.contacts import agreement, normalise
from sxe_pipeline.contacts.adapter import Finding, Item, Value
from sxe_pipeline.contacts.agreement import Agreement
from sxe_pipeline.contacts.providers import replies

KEYS = ("first_name", "last_name", "domain", "linkedin_url")
"""The match inputs that are sent."""
MOST_PEOPLE = 100
_MOST_VALUES = 10
_PHONE_STATUS = {"valid_number": "verified", "valid": "verified", "verified": "verified"}
_LISTED = {"found", "listed", "do_not_call", "on_list", "true", "yes"}
_NOT_LISTED = {"not_found", "not_listed", "clear", "false", "no"}


class _Evidence:
    """What an item or an answer states about who a person is, in the form that is compared."""

    def __init__(self, first: object, last: object, domain: object, linkedin: object) -> None:
        self.names = (_text(str.strip, first), _text(str.strip, last))
        self.domain = _text(normalise.domain, domain)
        self.linkedin = _text(normalise.linkedin, linkedin)

    @classmethod
    def of_item(cls, item: Item) -> "_Evidence":
        return cls(*(item.inputs.get(key) for key in KEYS))

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
        return all(map(normalise.name, self.names)) or bool(self.linkedin)

    def fits(self, person: "_Evidence") -> Agreement:
        """How far a person of the answer is the one of the item.

        A profile address names a person and decides; people change their employer, so the domain
        decides only where one side has no profile address.
        """
        names = agreement.of_names(self.names, person.names)
        if self.linkedin and person.linkedin:
            return names if self.linkedin == person.linkedin else Agreement.NONE
        if not all(map(normalise.name, self.names)):
            return Agreement.NONE
        return min(names, agreement.of_domains(self.domain, person.domain))


def _text(form: Any, value: object) -> str:
    return form(value) if isinstance(value, str) else ""


def is_enough(item: Item) -> bool:
    """Whether an answer could be matched to the item: both names, or a profile address."""
    return _Evidence.of_item(item).is_enough


def findings_of(
    items: Sequence[Item], matches: Sequence[Any], groups: Sequence[str], now: datetime
) -> list[Finding]:
    """What an answer says about each item.

    Args:
        items: Those of the request.
        matches: The people of the answer, in any order; none of it is trusted.
        groups: Whose values may be kept.
        now: When flags without a date were checked.
    """
    evidences = [_Evidence.of_item(item) for item in items]
    people_of: list[dict[Agreement, list[dict[str, Any]]]] = [{} for _ in items]
    unmatched = set()
    for position, person in enumerate(matches[:MOST_PEOPLE]):
        if not isinstance(person, dict):
            continue
        stated = _Evidence.of_person(person)
        degrees = [evidence.fits(stated) for evidence in evidences]
        best = max(degrees, default=Agreement.NONE)
        fitting = [i for i, degree in enumerate(degrees) if degree is best]
        if best is Agreement.NONE:
            unmatched.add(position)
        elif len(fitting) == 1:
            people_of[fitting[0]].setdefault(best, []).append(person)
    findings = []
    for position, (item, by_degree) in enumerate(zip(items, people_of, strict=True)):
        best = max(by_degree, default=Agreement.NONE)
        people = by_degree.get(best, [])
        ids = {replies.token(person.get("id")) for person in people}
        if len(people) == 1 or (len(ids) == 1 and None not in ids):
            values = agreement.as_believed(_values(people, item, groups, now), best)
            is_doubtful = best is not Agreement.FULL
            findings.append(Finding(item.position, "match", values, ids.pop(), is_doubtful))
        elif people or position in unmatched:  # two different people who both fit are no match
            findings.append(Finding(item.position, "mismatch"))
        else:
            findings.append(Finding(item.position, "no_match"))
    return findings


def _values(
    people: Sequence[Mapping[str, Any]], item: Item, groups: Sequence[str], now: datetime
) -> list[Value]:
    """The values of one person, of the kinds that were requested and approved."""
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
    values = list(emails.values())[:_MOST_VALUES] if "email" in groups else []
    if "phone" in groups:
        values += phone_values(numbers, item.inputs.get("country"), now)
    return values


def _email(stated: Mapping[str, Any]) -> Value | None:
    text, status = stated.get("email"), stated.get("email_status")
    address = normalise.email(text) if isinstance(text, str) else None
    if address is None:
        return None
    status = status if status in ("verified", "unverified") else "unknown"
    share = replies.micro(stated.get("confidence"))
    is_share = share is not None and share <= replies.MICRO
    confidence = share / replies.MICRO if is_share and share is not None else None
    return Value("email", address, status, confidence)


def phone_values(listed: Sequence[Any], country: str | None, now: datetime) -> list[Value]:
    """The phone numbers of one person.

    Args:
        listed: As the provider lists them; none of it is trusted.
        country: For numbers without a country code.
        now: When flags without a date were checked.
    """
    values: dict[str, Value] = {}
    for one in listed[:MOST_PEOPLE]:
        if not isinstance(one, dict):
            continue
        texts = replies.texts([one.get("sanitized_number"), one.get("raw_number")], 2)
        forms = [number for number in (normalise.phone(t, country) for t in texts) if number]
        if forms:
            said = _phone(forms[0], one, now)
            values[said.value] = values.get(said.value, said).listed_with(said)
    return list(values.values())[:_MOST_VALUES]


def _phone(number: str, listed: Mapping[str, Any], now: datetime) -> Value:
    """One number. Apollo documents the first flag only; the others are read the same way."""
    dnc, tcpa, litigator = (
        _flag(listed.get(f"{flag}_status_cd", listed.get(f"{flag}_status")))
        for flag in ("dnc", "tcpa", "litigator")
    )
    checked = None
    if (dnc, tcpa, litigator) != (None, None, None):
        stated = replies.moment(listed.get("dnc_status_updated_at"))
        checked = stated if stated and stated <= now else now
    status = listed.get("status_cd", listed.get("status"))
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
    """Three-valued: an unknown word states nothing, and what is not stated is not false."""
    if isinstance(stated, bool):
        return stated
    word = stated.strip().lower() if isinstance(stated, str) else ""
    return True if word in _LISTED else False if word in _NOT_LISTED else None
