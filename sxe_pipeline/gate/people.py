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
class Principal:
    """Somebody who acts. `tokens` counts those that work; the last expires at `expires_at`."""

    principal: str
    scopes: tuple[str, ...]
    is_active: bool
    tokens: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits for a second person or was decided.

    `content` is what its kind needs, free in form; see docs/enrichment.md.
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


def renew(conn: psycopg.Connection, token: str, new_sha256: str, expires_at: datetime) -> str:
    """Add a second token for oneself, with the scopes of the first; returns the principal."""
    with at_once(conn):
        who: str = call_function(conn, "gate.renew", token, new_sha256, expires_at)
    return who


def retire(conn: psycopg.Connection, token: str, principal: str) -> None:
    """End every token of a principal: oneself, or anybody for an admin."""
    with at_once(conn):
        call_function(conn, "gate.retire", token, principal)


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
