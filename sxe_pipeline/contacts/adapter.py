"""What every provider is to this tier: requests out, answers in. Pure.

Here: the types between the enrichment loop, the adapters and the wire. An adapter reads no clock,
no environment and no database, and it never retries. An item and its
answer are matched by evidence (a name, an id), never by position alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

Kind = Literal["email", "phone"]


class Verdict(StrEnum):
    """What is known about the money after a request."""

    NOT_SENT = "not_sent"  # nothing was sent, nothing was charged, another try is free
    REJECTED = "rejected"  # the provider refused it and charged nothing
    SETTLED = "settled"  # answered, and the charge is known
    AWAITING = "awaiting"  # answered and charged in part; the rest comes by polling
    UNKNOWN = "unknown"  # the charge cannot be known from here


@dataclass(frozen=True, slots=True)
class Item:
    """One card of a call. `inputs` is what the profile states, under the keys of `gate`.

    `provider_person_id` is the person that the provider's first answer named for it, and
    `is_doubtful` whether that may be somebody else: the rest of an answer names people by that id
    alone.
    """

    position: int
    card_id: str
    inputs: Mapping[str, str] = field(repr=False)
    provider_person_id: str | None = None
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request without its host and without credentials."""

    method: Literal["GET", "POST"]
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. Without a status, `failure` says whether the request can have been sent."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    failure: Literal["not_sent", "no_answer"] | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """One contact value as the provider gave it, in canonical form (lower case, E.164).

    `status` is 'verified', 'unverified' or 'unknown'. The flags are null where the
    provider does not state them: that is not false. `flags_checked_at` is null without a flag.
    """

    kind: Kind
    value: str = field(repr=False)
    status: str = "unknown"
    confidence: float | None = None
    verified_at: datetime | None = None
    dnc: bool | None = None
    tcpa: bool | None = None
    litigator: bool | None = None
    flags_checked_at: datetime | None = None

    def listed_with(self, other: "Value") -> "Value":
        """This value, listed wherever the other one is: it is the same number, said twice."""
        if not (other.dnc or other.tcpa or other.litigator):
            return self
        return replace(
            self,
            dnc=other.dnc or self.dnc,
            tcpa=other.tcpa or self.tcpa,
            litigator=other.litigator or self.litigator,
            flags_checked_at=self.flags_checked_at or other.flags_checked_at,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What a call says about one item. `mismatch`: the answer is about somebody else.

    `is_doubtful`: it may be; its values are believed little.
    """

    position: int
    outcome: Literal["match", "no_match", "mismatch"]
    values: Sequence[Value] = ()
    provider_person_id: str | None = None
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The reading of one reply.

    `units_micro` is the charge in millionths of the provider's unit (a fraction is rounded up),
    null where the reply does not say: then the verdict is UNKNOWN, for a missing figure is not 0.
    `provider_request_id` names the result to poll for. `opens_circuit`: no further
    request to it makes sense until a person has acted (no credit, no right). `retry_after_s`: when
    a poll or a refused request may be tried again. `reason` is a word of ours, never the provider's
    text. `left`: the groups that another reply answers; nothing is known about them yet.
    """

    verdict: Verdict
    reason: str
    findings: Sequence[Finding] = ()
    units_micro: int | None = None
    provider_request_id: str | None = None
    retry_after_s: float | None = None
    opens_circuit: bool = False
    left: Sequence[str] = ()


class Adapter(Protocol):
    """A provider. `name` is its slug in price cards, budgets and `contact_point.provider`.

    `sells`: group -> 'sync' where the paid reply answers it, 'async' where a later one does.
    `batch_max`: so many people a call holds. A price card that says otherwise is not acted on.
    """

    name: str
    sells: Mapping[str, str]
    batch_max: int

    def headers(self, credentials: Mapping[str, str]) -> dict[str, str]:
        """The credential headers; the wire adds them, so that no `HttpRequest` holds a secret."""
        ...

    def call_request(self, items: Sequence[Item], groups: Sequence[str]) -> HttpRequest:
        """The paid request for these items and field groups."""
        ...

    def read(
        self, items: Sequence[Item], groups: Sequence[str], reply: Reply, now: datetime
    ) -> Answer:
        """What the reply to the paid request says, about the money and about each item.

        Args:
            items: Those of the request.
            groups: Those of the request.
            reply: What came back.
            now: The time, for waiting times and flags without a date.
        """
        ...

    def result_request(self, provider_request_id: str) -> HttpRequest:
        """The free request for the rest of an answer."""
        ...

    def read_result(self, items: Sequence[Item], reply: Reply, now: datetime) -> Answer:
        """What the rest says. AWAITING: not there yet. UNKNOWN: it will never come (410).

        Args:
            items: Those of the paid request, with the ids that its answer named.
            reply: What came back.
            now: The time, for waiting times and flags without a date.
        """
        ...

    def counter_request(self) -> HttpRequest | None:
        """The free request for the account's counter; None where the provider has none."""
        ...

    def read_counter(self, reply: Reply) -> int | None:
        """Units consumed in this cycle, in millionths; None where the reply does not say."""
        ...

    def read_cycle(self, reply: Reply) -> str | None:
        """The credit cycle that the counter counts; None where the reply names none."""
        ...
