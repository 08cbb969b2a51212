"""People: tokens, and what two of them do together.

Here: making a token, proposing and deciding. A token is shown once, to the person it belongs to;
the database keeps its SHA-256, and nobody else ever sees more of it than that.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from sxe_pipeline.errors import BadConfig, Refused
from sxe_pipeline.gate.answers import answer_of, answers_of
from sxe_pipeline.settings import Settings
from sxe_pipeline.store.functions import at_once, call_function

PREFIX = "sxe-token-"
SCOPES = ("request", "approve", "budget", "ack", "admin")


@dataclass(frozen=True, slots=True)
class Token:
    """A new token: `text` for its person alone, `sha256` for whoever registers it."""

    text: str = field(repr=False)
    sha256: str


@dataclass(frozen=True, slots=True)
class Held:
    """A token as others may know it: the first and last digits of its SHA-256.

    One that its holder has not accepted yet does not work.
    """

    token: str
    ends_in: str
    is_accepted: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What a proposal's name is now, where it is taken already."""

    scopes: tuple[str, ...]
    is_active: bool
    working_tokens: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """A renewed token's person, and until when it works: never longer than the one before."""

    principal: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts, with the tokens that were neither ended nor revoked."""

    principal: str
    scopes: tuple[str, ...]
    is_active: bool
    tokens: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits for a second person or was decided.

    `content` is what its kind needs, free in form; see docs/enrichment.md. `known` is null but for
    another token, or other scopes, for a name that is taken.
    """

    proposal_id: UUID
    kind: str
    content: Mapping[str, Any]
    reason: str
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decided_by: str | None
    decision: str | None
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a proposal; no decision while it waits."""

    proposal_id: UUID
    kind: str
    decision: str | None


def make_token() -> Token:
    """A token of 256 random bits.

    Example:
        >>> make_token().text.startswith("sxe-token-")
        True
    """
    text = PREFIX + secrets.token_urlsafe(32)
    return Token(text, hashlib.sha256(text.encode()).hexdigest())


def token_of(settings: Settings) -> str:
    """The token of whoever runs this process.

    Raises:
        BadConfig: `SXE_TOKEN` is not set.
    """
    if settings.token is None:
        raise BadConfig("SXE_TOKEN is not set: it proves who you are; see docs/enrichment.md")
    return settings.token


def bootstrap(
    conn: psycopg.Connection, first: tuple[str, str], second: tuple[str, str], expires_at: datetime
) -> None:
    """Make the first two admins, while there is none. Needs the migrating login.

    Args:
        conn: The admin's login.
        first: Name and token hash of one person.
        second: Of the other.
        expires_at: Of both tokens.

    Raises:
        Refused: Principals exist.
    """
    with at_once(conn):
        call_function(conn, "gate.bootstrap", *first, *second, expires_at)


def propose(
    conn: psycopg.Connection, token: str, kind: str, content: dict[str, Any], reason: str
) -> UUID:
    """Propose what only two people may change: a cap, a price card, a policy, a principal ...

    Args:
        conn: The api's login.
        token: Of the person who proposes.
        kind: cap, price, policy, setting, principal, circuit, resolve or adjust.
        content: What its kind needs; see docs/enrichment.md.
        reason: Kept in the record.

    Returns:
        The id that the other person confirms.
    """
    with at_once(conn):
        made: UUID = call_function(conn, "gate.propose", token, kind, content, reason)
    return made


def decide(
    conn: psycopg.Connection, token: str, proposal_id: UUID, *, is_confirmed: bool
) -> Decided:
    """Confirm or reject a proposal of somebody else.

    Args:
        conn: The api's login.
        token: Of the person who decides; who proposed it may only reject it.
        proposal_id: The proposal.
        is_confirmed: False rejects it.

    Raises:
        Refused: It is one's own, it was decided, or it expired.
    """
    return answer_of(conn, Decided, "gate.decide", token, proposal_id, is_confirmed)


def accept(conn: psycopg.Connection, new: str, held: str | None) -> str:
    """Show a new token, so that it works from here on; returns the principal.

    Args:
        conn: The api's login.
        new: The token itself.
        held: Where the name has a token that works: that one, which ends.

    Raises:
        Refused: No such token waits, or the name is another one's.
    """
    with at_once(conn):
        who: str = call_function(conn, "gate.accept", new, held)
    return who


def renew(conn: psycopg.Connection, token: str, new_sha256: str, expires_at: datetime) -> Renewed:
    """Another token for oneself, with scopes and time of the first at most; that one ends."""
    return answer_of(conn, Renewed, "gate.renew", token, new_sha256, expires_at)


def revoke_token(conn: psycopg.Connection, token: str, start: str) -> str:
    """End one token: an own one, or anybody's for an admin; returns its principal.

    Args:
        conn: The api's login.
        token: Of the person who ends it.
        start: The first digits of its SHA-256, eight at least.

    Raises:
        NotFound: No token begins so, or several do.
    """
    with at_once(conn):
        who: str = call_function(conn, "gate.revoke_token", token, start)
    return who


def retire(conn: psycopg.Connection, token: str, principal: str) -> None:
    """End every token of a principal: oneself, or anybody for an admin."""
    with at_once(conn):
        call_function(conn, "gate.retire", token, principal)


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often somebody was refused within a minute; 'nobody' showed no token that is known."""

    principal: str
    minute: datetime
    attempts: int


def count_refusal(conn: psycopg.Connection, token: str) -> None:
    """Count an attempt that was refused, after its own transaction was taken back."""
    with at_once(conn):
        call_function(conn, "gate.count_refusal", token)


def refusals(conn: psycopg.Connection) -> list[Refusals]:
    """Every minute in which somebody was refused, oldest first; kept for 90 days."""
    return answers_of(conn, Refusals, "gate.show_refusals")


def kill(conn: psycopg.Connection, token: str, provider: str | None, reason: str) -> int:
    """Stop a provider, or all of them (None), before the next call. One person is enough."""
    with at_once(conn):
        killed: int = call_function(conn, "gate.kill", token, provider, reason)
    return killed


def principals(conn: psycopg.Connection) -> list[Principal]:
    """Who there is, by name."""
    return answers_of(conn, Principal, "gate.show_principals")


def proposals(conn: psycopg.Connection, *, is_open: bool = False) -> list[Proposal]:
    """Every proposal, oldest first, or only those nobody decided."""
    made = answers_of(conn, Proposal, "gate.show_proposals")
    return [proposal for proposal in made if proposal.decision is None] if is_open else made


def check_scopes(scopes: Sequence[str]) -> list[str]:
    """The scopes, sorted.

    Raises:
        Refused: One is none of `SCOPES`.
    """
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise Refused(f"{len(unknown)} unknown scopes; they are {', '.join(SCOPES)}")
    return sorted(set(scopes))
