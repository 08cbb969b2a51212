"""Which accounts are one card, under ids that stay.

Here: read the profiles and the previous state, decide (`links`, `clusters`, `mint`), store. The
card and alias rows commit first, in a transaction of their own; then the table is written and
named. A run that dies in between has minted ids that nobody saw; the replay finds and uses them.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.types.json import Jsonb

from sxe_pipeline import audit
from sxe_pipeline.errors import Busy, NotFound
from sxe_pipeline.ops import versions
from sxe_pipeline.redact import contact_shaped
from sxe_pipeline.schema.tables import IDENTITY
from sxe_pipeline.social import profiles
from sxe_pipeline.social.clusters import SELF, Reason, ShownAccount, cluster
from sxe_pipeline.social.links import Account, Target, targets
from sxe_pipeline.social.mint import Assignment, Card, Previous, assign
from sxe_pipeline.store import functions, tables

TABLE = IDENTITY.name
_SOURCES = ("social", "schema", "redact")
_COLUMNS = [
    "platform",
    "account_key",
    "platform_id",
    "handle",
    "handles",
    "display_name",
    "bio",
    "links",
    "is_parody",
    "first_seen_at",
]
_MINTED = ("card_id", "platform", "account_key", "generation", "parent", "minted_at")
_CHANGED = ("card_id", "platform", "account_key", "retired_at")
_PIECE = 20_000
"""New cards that one call mints."""
_FAN_NAME = r"(?i)\b(?:fan|fans|fanpage|fanclub|fandom|parody|parodia|parodie|unofficial)\b"
_FAN_BIO = (
    r"(?i)\b(?:parody|parodia|parodie|fan[ -]?(?:account|page|club|acc|base|art account)|"
    r"stan account|unofficial|not affiliated|cuenta de fans|club de fans|f[ãa][ -]?clube|"
    r"compte fan|fan hesab[ıi])\b|パロディ|ファンアカウント|팬 ?계정|фан[ -]?(?:аккаунт|клуб)"
)


@dataclass(frozen=True)
class Resolved:
    """What a rebuild did."""

    account_count: int
    card_count: int
    minted_count: int
    alias_count: int
    version: int
    is_new: bool = True

    def numbers(self) -> dict[str, int]:
        """The figures to show beside the table."""
        return {
            "accounts": self.account_count,
            "cards": self.card_count,
            "minted": self.minted_count,
            "aliases": self.alias_count,
        }


def rebuild(
    conn: psycopg.Connection,
    root: str,
    *,
    mint: Callable[[], str],
    actor: str,
    now: dt.datetime,
    recheck: versions.Recheck = versions.unleased,
) -> Resolved:
    """Write `social/identities` anew from the named profiles, unless they are the same.

    Args:
        conn: The social tier's login, outside of a transaction.
        root: URL of the Tier 1 store.
        mint: Gives a new random card id.
        actor: Who started it.
        now: When this is happening.
        recheck: Refuses where another run took over.

    Raises:
        NotFound: No profile was ever written.
        Busy: Another run wrote between the two transactions of this one; run it again.
    """
    with conn.transaction():
        tables.lock(conn, TABLE)
        current = tables.snapshot(conn, root, profiles.TABLE)
        if current is None:
            raise NotFound("social/profiles was never written; build the profiles first")
        inputs = inputs_of(current.rows_version)
        found = versions.named(conn, TABLE)
        if found and versions.is_current(found, inputs):
            numbers = found.numbers
            return Resolved(
                numbers["accounts"], numbers["cards"], 0, 0, found.version, is_new=False
            )
        before = tables.snapshot(conn, root, TABLE)
        people = current.to_table(_COLUMNS).combine_chunks()
        joined, groups = _groups(people)
        seen = dict(zip(_accounts(people), people["first_seen_at"].to_pylist(), strict=True))
        previous = _previous(conn, before)
        decided = assign(previous, groups, first_seen=seen, folds=folds(people), mint=mint, now=now)
        store(conn, decided, now, actor)
    cards = {**previous.cards, **{card.card_id: card for card in decided.minted}}
    cards |= {card.card_id: card for card in decided.changed}
    rows = _rows(people, groups, joined, [cards[card_id] for card_id in decided.card_ids])
    with conn.transaction():
        tables.lock(conn, TABLE)
        named = tables.snapshot(conn, root, TABLE)
        if (named and named.rows_version) != (before and before.rows_version):
            raise Busy("another run wrote social/identities at the same time; run it again")
        version = tables.write(conn, root, TABLE, rows.to_reader(), days=None)
        event = audit.record(
            "identities.written",
            actor=actor,
            subject=TABLE,
            key=f"v{version}@{now.isoformat()}",
            account_count=rows.num_rows,
            card_count=len(groups),
            minted_count=len(decided.minted),
            alias_count=len(decided.aliases),
            identities_version=version,
            profiles_version=current.version,
        )
        written = Resolved(
            rows.num_rows, len(groups), len(decided.minted), len(decided.aliases), version
        )
        versions.name(
            conn,
            TABLE,
            version,
            inputs=inputs,
            event=event,
            recheck=recheck,
            numbers=written.numbers(),
        )
    return written


def inputs_of(profiles_version: int) -> str:
    """A digest of what the table is made from: a version of the profiles, and code."""
    return versions.digest(profiles=profiles_version, code=versions.code(*_SOURCES))


def folds(people: pa.Table) -> dict[Account, Account]:
    """Handle keys that are no account any more -> the one id-keyed account that showed the handle.

    The rule of `profiles`, seen from its result: who folded shows in the survivor's history.
    """
    accounts = _accounts(people)
    shown: dict[Account, set[Account]] = {}
    for account, handles in zip(accounts, people["handles"].to_pylist(), strict=True):
        if account[1].startswith("id:"):
            for handle in handles:
                key = (account[0], f"handle:{handle.lower()}")
                shown.setdefault(key, set()).add(account)
    current = set(accounts)
    return {key: next(iter(by)) for key, by in shown.items() if len(by) == 1 and key not in current}


def _accounts(people: pa.Table) -> list[Account]:
    return list(zip(people["platform"].to_pylist(), people["account_key"].to_pylist(), strict=True))


def _groups(people: pa.Table) -> tuple[dict[Account, Reason], list[Sequence[Account]]]:
    accounts = _accounts(people)
    shown = map(ShownAccount, accounts, people["handle"].to_pylist(), _is_fan(people))
    clusters = cluster(shown, _without_contacts(targets(people)))
    joined = {account: reason for members in clusters for account, reason in members.items()}
    alone = [(account,) for account in accounts if account not in joined]
    return joined, [*map(tuple, clusters), *alone]


def _without_contacts(declared: Sequence[Target]) -> list[Target]:
    """Targets without those whose handle is contact data: evidence is stored as it stands."""
    handles = pa.array([target.named.handle for target in declared], pa.string())
    shaped = contact_shaped(handles).to_pylist()
    return [target for target, is_shaped in zip(declared, shaped, strict=True) if not is_shaped]


def _is_fan(people: pa.Table) -> list[bool]:
    marked = pc.fill_null(people["is_parody"], False)
    for column, pattern in (("display_name", _FAN_NAME), ("bio", _FAN_BIO)):
        says = pc.match_substring_regex(people[column], pattern)
        marked = pc.or_(marked, pc.fill_null(says, False))
    found: list[bool] = marked.to_pylist()
    return found


def _previous(conn: psycopg.Connection, before: tables.Snapshot | None) -> Previous:
    members: dict[Account, str] = {}
    if before is not None:
        table = before.to_table(["platform", "account_key", "card_id"])
        members = dict(zip(_accounts(table), table["card_id"].to_pylist(), strict=True))
    cards = conn.execute(
        "select card_id, anchor_platform, anchor_account_key, generation, parent_card_id, "
        "minted_at, retired_at from social.card"
    )
    aliases = conn.execute("select card_id, survivor_card_id from social.alias")
    return Previous(
        members=members,
        cards={row[0]: Card(row[0], (row[1], row[2]), *row[3:]) for row in cards},
        aliases=dict(aliases.fetchall()),
    )


def store(conn: psycopg.Connection, decided: Assignment, now: dt.datetime, actor: str) -> None:
    """Mint, move and merge, each piece with its event; the first piece of a store may be large."""
    changed = [
        (card.card_id, *card.anchor, card.retired_at and card.retired_at.isoformat())
        for card in decided.changed
    ]
    aliases = [(alias.card_id, alias.survivor, alias.cause) for alias in decided.aliases]
    minted = decided.minted
    while minted or changed or aliases:
        piece, minted = minted[:_PIECE], minted[_PIECE:]
        rows = [
            (c.card_id, *c.anchor, c.generation, c.parent, c.minted_at.isoformat()) for c in piece
        ]
        digest = hashlib.sha256(json.dumps([rows, changed, aliases]).encode()).hexdigest()
        event = audit.record(
            "card_ids.assigned",
            actor=actor,
            subject=TABLE,
            key=f"{digest[:16]}@{now.isoformat()}",
            minted_count=len(rows),
            changed_count=len(changed),
            alias_count=len(aliases),
            rows_sha256=digest,
        )
        functions.call_function(
            conn,
            "social.assign_ids",
            _named(_MINTED, rows),
            _named(_CHANGED, changed),
            _named(("card_id", "survivor", "cause"), aliases),
            event,
        )
        changed, aliases = [], []


def _named(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Jsonb:
    return Jsonb([dict(zip(names, row, strict=True)) for row in rows])


def _rows(
    people: pa.Table,
    groups: Sequence[Sequence[Account]],
    joined: Mapping[Account, Reason],
    cards: Sequence[Card],
) -> pa.Table:
    accounts = _accounts(people)
    card_of = {
        account: card for group, card in zip(groups, cards, strict=True) for account in group
    }
    anchors = dict(folds(people))
    reasons = []
    for account in accounts:
        anchor = card_of[account].anchor
        is_anchor = anchors.get(anchor, anchor) == account
        reasons.append(Reason(SELF, "") if is_anchor else joined.get(account, Reason(SELF, "")))
    return pa.Table.from_arrays(
        [
            pa.array([card_of[account].card_id for account in accounts], pa.string()),
            *(people[name] for name in ("platform", "account_key", "platform_id", "handle")),
            pa.array([reason.basis for reason in reasons], pa.string()),
            pa.array([reason.evidence or None for reason in reasons], pa.string()),
            pa.array([card_of[account].generation for account in accounts], pa.int32()),
            people["first_seen_at"],
        ],
        schema=IDENTITY.schema,
    )
