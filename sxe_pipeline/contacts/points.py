"""Contact points: values at rest, and the rows of a contact batch.

Here: `contacts.contact_point` and `contacts.quarantine`, written in the transaction that books the
call, and what a finished request hands over. Not here: what may be kept (the gate says), how a
value is encrypted (`vault`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pyarrow as pa
from psycopg.types.json import Jsonb

from sxe_pipeline.contacts.adapter import Finding, Item, Value
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.gate import delivery, permits
from sxe_pipeline.schema import Contract
from sxe_pipeline.store.functions import call_function

FLAGS_VALID_FOR = timedelta(days=31)
"""A do-not-call check is good for 31 days (47 CFR 64.1200, 16 CFR 310.4)."""

_FLAGS = ("dnc", "tcpa", "litigator")
_CHECKED = ("flags_checked_at", "flags_valid_until")
_OF_REQUEST = frozenset({"card_id", "value", "request_id", "purpose", "legal_basis"})
"""Columns of a contact batch that say what one request makes of a known value."""


def keep(
    conn: psycopg.Connection,
    vault: Vault,
    *,
    provenance: Mapping[str, Any],
    items: Sequence[Item],
    findings: Sequence[Finding],
    settled: permits.Settled,
) -> int:
    """Write the values that may be kept, in the caller's transaction.

    Args:
        conn: In the transaction that settled the call.
        vault: Encrypts them.
        provenance: call_id, purpose, legal_basis.
        items: Those of the call.
        findings: What the answer says about each.
        settled: Positions that may be kept, and the charge, which is shared out among the values.

    Returns:
        How many values were written.
    """
    card_of = {item.position: item.card_id for item in items}
    kept = [(f, v) for f in findings if f.position in settled.keep for v in _distinct(f.values)]
    price = settled.charged_micros // len(kept) if kept else 0
    rows = [
        _row(vault, card_of[f.position], value, dict(provenance) | {"price_micros": price})
        for f, value in kept
    ]
    written = 0
    if rows:
        written = call_function(conn, "contacts.keep_points", provenance["call_id"], Jsonb(rows))
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into contacts.quarantine (call_id, position, reason, value_count) "
            "values (%s, %s, %s, %s)",
            [
                [provenance["call_id"], f.position, reason, len(f.values)]
                for f in findings
                if (reason := _why_not(f, settled.keep))
            ],
        )
    return written


def _distinct(values: Sequence[Value]) -> list[Value]:
    known: dict[tuple[str, str], Value] = {}
    for value in values:
        key = value.kind, value.value
        known[key] = known.get(key, value).listed_with(value)
    return list(known.values())


def _why_not(finding: Finding, keep: frozenset[int]) -> str | None:
    if finding.outcome == "mismatch":
        return "name_mismatch"
    return "discarded" if finding.values and finding.position not in keep else None


def _row(vault: Vault, card_id: str, value: Value, provenance: Mapping[str, Any]) -> dict[str, Any]:
    made = uuid4()
    checked = value.flags_checked_at
    return {
        "purpose": provenance["purpose"],
        "legal_basis": provenance["legal_basis"],
        "price_micros": provenance["price_micros"],
        "contact_point_id": str(made),
        "card_id": card_id,
        "kind": value.kind,
        "ciphertext": _hex(vault.encrypt(made, value.kind, value.value)),
        "blind_index": _hex(vault.blind_index(value.kind, value.value)),
        "status": value.status,
        "confidence": value.confidence,
        "verified_at": _text(value.verified_at),
        "dnc": value.dnc if checked else None,
        "tcpa": value.tcpa if checked else None,
        "litigator": value.litigator if checked else None,
        "flags_checked_at": _text(checked),
        "flags_valid_until": _text(checked + FLAGS_VALID_FOR if checked else None),
    }


def _hex(value: bytes) -> str:
    return f"\\x{value.hex()}"


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def of_request(
    conn: psycopg.Connection, vault: Vault, request_id: UUID, contract: Contract
) -> tuple[pa.Table, str, date] | None:
    """What a finished request hands over, decrypted: every known value of its approved cards.

    A value that an earlier request paid for is included; the purpose is that of this request.
    A value known from several calls is one row, the newest, with the warnings of all.

    Args:
        conn: The contact tier's login.
        vault: Decrypts the values.
        request_id: The request.
        contract: `lead_contact`.

    Returns:
        The rows in the contract's columns, the market, and the day of the newest value; None where
        nothing may be handed over: the request is not finished, was revoked, or every card was
        suppressed or withdrawn since.
    """
    cards = delivery.deliverable(conn, request_id)
    if not cards:
        return None
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    newest = datetime(2020, 1, 1, tzinfo=UTC)
    for card in cards:
        for point in _known(conn, contract, list(card.family), list(card.fields)):
            value = vault.decrypt(
                point.pop("contact_point_id"), point["kind"], point.pop("ciphertext")
            )
            newest = max(newest, point["obtained_at"])
            key = card.card_id, point["kind"], value
            rows[key] = (
                point
                | _warnings_of(rows.get(key, point), point)
                | {
                    "card_id": card.card_id,
                    "value": value,
                    "request_id": str(request_id),
                    "purpose": card.purpose,
                    "legal_basis": card.legal_basis,
                }
            )
    table = pa.Table.from_pylist(list(rows.values()), schema=contract.arrow())
    return table, cards[0].market, newest.date()


def _warnings_of(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """What an older statement about a value adds: a warning that the newest one does not repeat."""
    listed = {name: True for name in _FLAGS if older[name]}
    is_unchecked = listed and newer["flags_checked_at"] is None
    return listed | ({name: older[name] for name in _CHECKED} if is_unchecked else {})


def _known(
    conn: psycopg.Connection, contract: Contract, family: list[str], fields: list[str]
) -> list[dict[str, Any]]:
    stored = [name for name in contract.names if name not in _OF_REQUEST]
    names = ["contact_point_id", "ciphertext", *stored]
    rows = conn.execute(
        f"select {', '.join(names)} from contacts.contact_point "
        "where card_id = any(%s) and kind = any(%s) order by obtained_at, contact_point_id",
        [family, fields],
    )
    return [dict(zip(names, row, strict=True)) for row in rows]
