"""Enformion: one person per call, e-mail addresses and phone numbers in one answer. Pure.

Here: the request, and what its reply means. Not here: the wire, the price, the permit. This
provider charges for a match even where it is another person, has no counter and states no flags;
it covers the United States, so a number without a country code is one of the United States.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sxe_pipeline.contacts import agreement, normalise
from sxe_pipeline.contacts.adapter import (
    Answer,
    Finding,
    HttpRequest,
    Item,
    Reply,
    Value,
    Verdict,
)
from sxe_pipeline.contacts.agreement import Agreement
from sxe_pipeline.contacts.providers import replies
from sxe_pipeline.errors import BadConfig, BadInput

_MOST_VALUES = 10
_MOST_READ = 200
_NEVER = datetime.min.replace(tzinfo=UTC)
_STATUS = {True: "verified", False: "unverified"}


class Enformion:
    """The adapter of Contact Enrichment; see `adapter.Adapter` for what each function is for."""

    name = "enformion"
    sells: Mapping[str, str] = {"person": "sync"}
    batch_max = 1

    def headers(self, credentials: Mapping[str, str]) -> dict[str, str]:
        """The access profile's name and password.

        Raises:
            BadConfig: One of them is not set.
        """
        if not credentials.get("name") or not credentials.get("password"):
            raise BadConfig(
                "the access profile of Enformion is not whole; set ENFORMION_AP_NAME and "
                "ENFORMION_AP_PASSWORD"
            )
        return {
            "galaxy-ap-name": credentials["name"],
            "galaxy-ap-password": credentials["password"],
        }

    def call_request(self, items: Sequence[Item], groups: Sequence[str]) -> HttpRequest:
        """The paid request about one person.

        Raises:
            BadInput: It is not one item, another group, or no name with a city or region.
        """
        if len(items) != 1:
            raise BadInput(f"Enformion takes one person per call, not {len(items)}; split them")
        if set(groups) != self.sells.keys():
            raise BadInput("Enformion sells the group 'person' only; request that")
        inputs = items[0].inputs
        place = ", ".join(inputs[key] for key in ("city", "region") if inputs.get(key))
        if not (inputs.get("first_name") and inputs.get("last_name") and place):
            raise BadInput("Enformion needs both names and a city or region; leave the item out")
        return HttpRequest(
            "POST",
            "/Contact/Enrich",
            body={
                "FirstName": inputs["first_name"],
                "LastName": inputs["last_name"],
                "Address": {"addressLine2": place},
            },
            headers={"galaxy-search-type": "DevAPIContactEnrich"},
        )

    def read(
        self, items: Sequence[Item], groups: Sequence[str], reply: Reply, now: datetime
    ) -> Answer:
        """What the answer says: a match costs one unit, also where it is another person.

        Args:
            items: As in `adapter.Adapter`.
            groups: As in `adapter.Adapter`.
            reply: As in `adapter.Adapter`.
            now: As in `adapter.Adapter`.
        """
        body = replies.answered(reply, now)
        if isinstance(body, Answer):
            return body
        person, is_error = body.get("person"), body.get("isError")
        if is_error is True and person is None:
            return replies.refused(reply)
        if person is None and is_error is False:
            findings = [Finding(item.position, "no_match") for item in items]
            return Answer(Verdict.SETTLED, "answered", findings, 0)
        if not isinstance(person, dict) or is_error is True:
            return Answer(Verdict.UNKNOWN, "no_charge_figure")
        findings = [_finding(item, person) for item in items]
        return Answer(Verdict.SETTLED, "answered", findings, replies.MICRO)

    def result_request(self, provider_request_id: str) -> HttpRequest:
        """There is no later answer.

        Raises:
            BadInput: Always.
        """
        raise BadInput("Enformion answers at once; there is no result to request")

    def read_result(self, items: Sequence[Item], reply: Reply, now: datetime) -> Answer:
        """There is no later answer.

        Args:
            items: As in `adapter.Adapter`.
            reply: As in `adapter.Adapter`.
            now: As in `adapter.Adapter`.

        Raises:
            BadInput: Always.
        """
        raise BadInput("Enformion answers at once; there is no result to read")

    def counter_request(self) -> HttpRequest | None:
        """None: the provider shows no counter."""
        return None

    def read_counter(self, reply: Reply) -> int | None:
        """None: the provider shows no counter."""
        return None

    def read_cycle(self, reply: Reply) -> str | None:
        """None: the provider shows no counter."""
        return None


def _finding(item: Item, person: Mapping[str, Any]) -> Finding:
    degree = _agreement(item, person.get("name"))
    if degree is Agreement.NONE:
        return Finding(item.position, "mismatch")
    values = agreement.as_believed([*_emails(person), *_phones(person)], degree)
    return Finding(item.position, "match", values)


def _agreement(item: Item, name: object) -> Agreement:
    """How far both names of the answer are those of the item."""
    stated = name if isinstance(name, dict) else {}
    theirs = [stated.get(part) for part in ("firstName", "lastName")]
    ours = [item.inputs.get(part, "") for part in ("first_name", "last_name")]
    if not all(isinstance(part, str) for part in theirs) or not all(map(normalise.name, ours)):
        return Agreement.NONE
    return agreement.of_names((ours[0], ours[1]), (str(theirs[0]), str(theirs[1])))


def _emails(person: Mapping[str, Any]) -> list[Value]:
    values: dict[str, Value] = {}
    for one in replies.objects(person.get("emails"), _MOST_READ):
        text = one.get("email")
        address = normalise.email(text) if isinstance(text, str) else None
        if address:
            values.setdefault(address, Value("email", address, _status(one.get("isValidated"))))
    return list(values.values())[:_MOST_VALUES]


def _phones(person: Mapping[str, Any]) -> list[Value]:
    listed = replies.objects(person.get("phones"), _MOST_READ)
    values: dict[str, Value] = {}
    for one in sorted(listed, key=_worth, reverse=True):
        text = one.get("number")
        number = normalise.phone(text, "US") if isinstance(text, str) else None
        if number:
            values.setdefault(number, Value("phone", number, _status(one.get("isConnected"))))
    return list(values.values())[:_MOST_VALUES]


def _worth(phone: Mapping[str, Any]) -> tuple[int, bool, datetime]:
    """Sort key: connected, not stated, disconnected; then mobile; then the last report."""
    kind, stated = phone.get("type"), phone.get("isConnected")
    return (
        1 if stated is True else -1 if stated is False else 0,
        isinstance(kind, str) and kind.strip().lower() in ("mobile", "wireless", "cell"),
        replies.moment(phone.get("lastReportedDate")) or _NEVER,
    )


def _status(stated: object) -> str:
    """True and false have a meaning; anything else is unknown, which is not false."""
    return _STATUS[stated] if isinstance(stated, bool) else "unknown"
