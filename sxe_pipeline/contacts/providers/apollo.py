"""Apollo: up to ten people per call; e-mail addresses at once, phone numbers by polling. Pure.

Here: the requests, and what a reply says about the money. Whom a person of an answer is, and which
values it has, is in `apollo_people`. Not here: the wire, the price, the permit. The provider's own
waterfall is never requested: its cost has no bound.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sxe_pipeline.contacts.adapter import Answer, Finding, HttpRequest, Item, Reply, Verdict
from sxe_pipeline.contacts.agreement import Agreement, as_believed
from sxe_pipeline.contacts.providers import replies
from sxe_pipeline.contacts.providers.apollo_people import (
    KEYS,
    MOST_PEOPLE,
    findings_of,
    is_enough,
    phone_values,
)
from sxe_pipeline.errors import BadConfig, BadInput


class Apollo:
    """The adapter of People Enrichment; see `adapter.Adapter` for what each function is for."""

    name = "apollo"
    sells: Mapping[str, str] = {"email": "sync", "phone": "async"}
    batch_max = 10

    def __init__(self, sink_url: str = "") -> None:
        """Take the address that the provider insists on for phone numbers; nobody reads there."""
        self._sink_url = sink_url

    def headers(self, credentials: Mapping[str, str]) -> dict[str, str]:
        """The API key.

        Raises:
            BadConfig: It is not set.
        """
        if not credentials.get("api_key"):
            raise BadConfig("the API key of Apollo is not set; set APOLLO_API_KEY")
        return {"x-api-key": credentials["api_key"]}

    def call_request(self, items: Sequence[Item], groups: Sequence[str]) -> HttpRequest:
        """The paid request. What is known of people is in its body, never in its address.

        Raises:
            BadInput: Too many items or none, another group, or an item that no answer could match.
            BadConfig: Phone numbers are requested and there is no sink address.
        """
        if not 1 <= len(items) <= self.batch_max:
            raise BadInput(f"Apollo takes 1 to {self.batch_max} people per call, not {len(items)}")
        if not groups or not set(groups) <= self.sells.keys():
            raise BadInput("Apollo sells the groups 'email' and 'phone'; request those")
        if not all(is_enough(item) for item in items):
            raise BadInput("Apollo needs both names or a LinkedIn address; leave the item out")
        query = {"reveal_personal_emails": "true"} if "email" in groups else {}
        if "phone" in groups:
            if not self._sink_url:
                raise BadConfig(
                    "Apollo insists on a sink address for phone numbers; set SXE_APOLLO_SINK_URL"
                )
            query |= {"reveal_phone_number": "true", "webhook_url": self._sink_url}
        details = [{k: item.inputs[k] for k in KEYS if item.inputs.get(k)} for item in items]
        return HttpRequest("POST", "/api/v1/people/bulk_match", query, {"details": details})

    def read(
        self, items: Sequence[Item], groups: Sequence[str], reply: Reply, now: datetime
    ) -> Answer:
        """What the first answer says about the money and about each item.

        Args:
            items: As in `adapter.Adapter`.
            groups: As in `adapter.Adapter`.
            reply: As in `adapter.Adapter`.
            now: As in `adapter.Adapter`.
        """
        body = replies.answered(reply, now)
        if isinstance(body, Answer):
            return body
        if not isinstance(body.get("matches"), list):
            return Answer(Verdict.UNKNOWN, "bad_body")
        units = replies.micro(body.get("credits_consumed"))
        if units is None:
            return Answer(Verdict.UNKNOWN, "no_charge_figure")
        findings = findings_of(items, body["matches"], groups, now)
        if "phone" not in groups:
            return Answer(Verdict.SETTLED, "answered", findings, units)
        later = body.get("phone_enrichment")
        later = later if isinstance(later, dict) else {}
        if later.get("status") == "skipped":
            return Answer(Verdict.SETTLED, "phones_elsewhere", findings, units, left=("phone",))
        request = replies.token(later.get("request_id")) or replies.token(body.get("request_id"))
        if request is None:
            return Answer(Verdict.UNKNOWN, "no_request_id", findings)
        return Answer(Verdict.AWAITING, "phones_pending", findings, units, request)

    def result_request(self, provider_request_id: str) -> HttpRequest:
        """The free request for the phone numbers.

        Raises:
            BadInput: The id is none of this provider's.
        """
        if replies.token(provider_request_id) is None:
            raise BadInput("this is no request id of Apollo's; take the one of its answer")
        return HttpRequest("GET", f"/api/v1/webhook_result/{provider_request_id}")

    def read_result(self, items: Sequence[Item], reply: Reply, now: datetime) -> Answer:
        """What the later answer says; polls are free, so a fault that may pass is waited out.

        Args:
            items: As in `adapter.Adapter`.
            reply: As in `adapter.Adapter`.
            now: As in `adapter.Adapter`.
        """
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
        for person in replies.objects(result["people"], MOST_PEOPLE):
            key, listed = replies.token(person.get("id")), person.get("phone_numbers")
            if key:
                people.setdefault(key, []).extend(listed if isinstance(listed, list) else [])
        findings = []
        for item in items:
            numbers = people.get(item.provider_person_id or "")
            country = item.inputs.get("country")
            values = [] if numbers is None else phone_values(numbers, country, now)
            if item.is_doubtful:
                values = as_believed(values, Agreement.DOUBTFUL)
            outcome: Any = "no_match" if numbers is None else "match"
            findings.append(Finding(item.position, outcome, values, item.provider_person_id))
        return Answer(Verdict.SETTLED, "answered", findings, units)

    def counter_request(self) -> HttpRequest | None:
        """The free request for the credits of this cycle."""
        return HttpRequest("POST", "/api/v1/usage_stats/credit_usage_stats")

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

    def read_cycle(self, reply: Reply) -> str | None:
        """The first and last day of the credit cycle, such as '2026-09-01/2026-09-30'."""
        body = replies.parsed(reply.body) if reply.status == 200 else None
        cycle = (body or {}).get("current_credit_cycle")
        days = (
            [cycle.get(day) for day in ("start_date", "end_date")]
            if isinstance(cycle, dict)
            else []
        )
        stated = [found.date().isoformat() for found in map(replies.moment, days) if found]
        return "/".join(stated) if len(stated) == 2 else None


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
