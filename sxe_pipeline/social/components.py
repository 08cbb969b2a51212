"""What must be decided together is put together, and decided a component at a time.

Here: from the tables that `reach` leaves to the rows of `social/identities`. A component is all
that one decision may depend on: accounts that a target links, their cards, what stands for these.
Most accounts are none: they are linked with nobody and hold the card that they anchor, so SQL keeps
it for them. The others go through `clusters` and `mint`, some thousand at a time; memory does not
follow how many there are. Not here: the rules, reading and storing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.tables import IDENTITY
from sxe_pipeline.social import issued, reach
from sxe_pipeline.social.clusters import SELF, Reason, ShownAccount, cluster
from sxe_pipeline.social.links import Account, Target
from sxe_pipeline.social.mint import Assignment, Card, Previous, assign
from sxe_pipeline.social.networks import Named

SIZE = 20_000
"""Accounts that are decided at a time, as long as no component is larger."""

_SELF = Reason(SELF, "")
_NAMES = (*IDENTITY.key, "card_id", "basis", "evidence", "generation")
_DECIDED = pa.schema([IDENTITY.schema.field(name) for name in _NAMES])
ROWS = "resolved"
"""The rows of what `reach` touched, once all is decided: in the columns of `IDENTITY`."""

_RESOLVED = f"""
create temp view {ROWS} as
select card_id, platform, account_key, platform_id, handle, basis, evidence, generation,
    first_seen_at
from accounts join (
    from decided union all by name
    select platform, account_key, card_id, '{SELF}' as basis, generation from kept
) using (platform, account_key)
"""

_LINKS = f"""
create temp table links as
with every as (
    select platform, account_key, network, handle from naming union
    (from ({reach.shown("accounts")}) semi join naming using (network, handle))
)
from every semi join (select network, handle from every group by all having count(*) > 1)
    using (network, handle)
"""

_KEPT = (
    """
    create temp table kept as
    select platform, account_key, card_id, generation
    from members join cards using (platform, account_key, card_id)
    where retired_at is null and survivor is null
    """,
    *(
        f"create or replace temp table kept as from kept {joined}"
        for joined in (
            "semi join accounts using (platform, account_key)",
            "anti join links using (platform, account_key)",
            "anti join (select card_id from members group by all having count(*) > 1) "
            "using (card_id)",
            "anti join (select platform, account_key from cards group by all "
            "having count(*) > 1) using (platform, account_key)",
            "anti join (select survivor as card_id from cards) using (card_id)",
            "anti join (select platform, id_key as account_key from folds "
            "union select platform, id_key from unfolded) using (platform, account_key)",
        )
    ),
)
"""Alone with the card that it anchors, before and now. One join after another: all in one query
would each want its memory at once."""

_OPEN = (
    "create temp table once_folded as select u.platform, u.account_key, card_id from unfolded as u "
    "join members as m on (m.platform, m.account_key) = (u.platform, u.id_key)",
    "create temp table open_accounts as from accounts anti join kept using (platform, account_key)",
    "create temp table open_members as from members anti join kept using (card_id)",
    "create temp table rest as from cards anti join kept using (card_id)",
    """
    create temp table standing as
    select keys.platform, keys.account_key, here.account_key as current_key
    from (
        select platform, account_key from open_members union
        select platform, account_key from rest
    ) as keys
    left join folds using (platform, account_key)
    join open_accounts as here on here.platform = keys.platform
        and here.account_key = coalesce(id_key, keys.account_key)
    """,
    """
    create temp table open_cards as
    with counting as (
        select card_id, survivor from rest semi join open_members using (card_id) union
        select card_id, survivor from rest semi join standing using (platform, account_key) union
        select card_id, survivor from rest where retired_at is null and survivor is null
    )
    from rest semi join (select card_id from counting union select survivor from counting)
        using (card_id)
    """,
)
"""Of cards that nobody holds only those that somebody comes back to, or that are to retire."""


def _account(key: str = "account_key") -> str:
    return f"'a' || platform || chr(31) || {key}"


_EDGES = f"""
create temp table edges as
select {_account()} as one, 't' || network || chr(31) || handle as other from links
union all
select {_account("current_key")}, 'c' || card_id
from open_members join standing using (platform, account_key)
union all
select {_account("current_key")}, 'c' || card_id
from open_cards join standing using (platform, account_key)
union all
select {_account()}, 'c' || card_id from once_folded
union all
select 'c' || card_id, 'c' || survivor from open_cards where survivor is not null
"""

_NODES = (
    "create temp table nodes as select name, row_number() over (order by name) as node "
    "from (select one as name from edges union select other from edges)",
    """
    create temp table pairs as
    with numbered as (
        select here.node as one, there.node as other from edges
        join nodes as here on here.name = one join nodes as there on there.name = other
    )
    from numbered union all select other, one from numbered
    """,
    "create temp table labels as select node, node as label from nodes",
)

_LOWERED = (
    """
    create or replace temp table lowered as
    select node, least(label, least_beside) as label from labels join (
        select one as node, min(label) as least_beside
        from pairs join labels on labels.node = other group by one
    ) using (node)
    """,
    """
    create or replace temp table jumped as
    select here.node, there.label
    from lowered as here join lowered as there on there.node = here.label
    """,
)
"""The least label beside a node, then the label of that one: a chain takes as many steps as its
length has digits, in the dual system."""

_BATCHES = f"""
create temp table placed as
with names as (
    select {_account()} as name from open_accounts union all select 'c' || card_id from open_cards
), rooted as (
    select names.name, coalesce(root.name, names.name) as root
    from names left join nodes using (name) left join labels using (node)
    left join nodes as root on root.node = label
), sized as (
    select root, count(*) as size from rooted group by root
), numbered as (
    select root, (sum(size) over (order by root) - size) // {{size}} as batch from sized
)
select name, batch::integer as batch from rooted join numbered using (root)
"""

_PLACED = {
    "batch_accounts": f"open_accounts join placed on name = {_account()}",
    "batch_naming": f"naming join placed on name = {_account()}",
    "batch_members": "open_members join placed on name = 'c' || card_id",
    "batch_cards": "open_cards join placed on name = 'c' || card_id",
    "batch_folds": f"folds join placed on name = {_account('id_key')}",
    "batch_once_folded": f"once_folded join placed on name = {_account()}",
}


@dataclass(frozen=True)
class Undecided:
    """Some components, as they are and as they were.

    Attributes:
        accounts: The current accounts.
        named: Whom they name.
        previous: Their cards.
        folds: Accounts that are no more -> those among them that they folded into.
        first_seen: When each was first observed.
    """

    accounts: Sequence[ShownAccount]
    named: Sequence[Target]
    previous: Previous
    folds: Mapping[Account, Account]
    first_seen: Mapping[Account, datetime]


@dataclass(frozen=True)
class Decided:
    """Which accounts are one card, and why; `ids` stands in the order of the clusters."""

    clusters: Sequence[Mapping[Account, Reason]]
    ids: Assignment


def gather(engine: duckdb.DuckDBPyConnection) -> Iterator[Undecided]:
    """Keep the card of whoever is alone, and put the others together, some components at a time.

    Args:
        engine: A connection with the tables of `reach`.
    """
    for statement in (_LINKS, *_KEPT, *_OPEN, _EDGES, *_NODES):
        engine.execute(statement)
    while _lower(engine):
        pass
    engine.execute(_BATCHES.format(size=SIZE))
    for table, rows in _PLACED.items():
        engine.execute(f"create temp table {table} as from {rows} order by batch")
    engine.register("none_decided", _rows([]))
    engine.execute("create temp table decided as from none_decided")
    engine.execute(_RESOLVED)
    batches = engine.sql("select distinct batch from placed order by batch").fetchall()
    for (number,) in batches:
        yield _undecided(engine, number)


def decide(given: Undecided, *, mint: Callable[[], str], now: datetime, taken: Set[str]) -> Decided:
    """Decide some components: who is one card, under which id.

    Args:
        given: The components.
        mint: Gives a new random id.
        now: Stamp of new and retired cards.
        taken: Ids of cards elsewhere that `mint` has given already.

    Raises:
        ContractBroken: `mint` keeps giving ids that exist.
    """
    joined = cluster(given.accounts, given.named)
    together = {account for members in joined for account in members}
    alone = [{one.key: _SELF} for one in given.accounts if one.key not in together]
    clusters = [*joined, *alone]
    ids = assign(
        given.previous,
        [tuple(members) for members in clusters],
        first_seen=given.first_seen,
        folds=given.folds,
        mint=mint,
        now=now,
        taken=taken,
    )
    return Decided(clusters, ids)


def put(engine: duckdb.DuckDBPyConnection, given: Undecided, decided: Decided) -> None:
    """Note what was decided, for `rows`."""
    cards = {**given.previous.cards}
    cards |= {card.card_id: card for card in (*decided.ids.minted, *decided.ids.changed)}
    found = []
    for members, card_id in zip(decided.clusters, decided.ids.card_ids, strict=True):
        anchor = given.folds.get(cards[card_id].anchor, cards[card_id].anchor)
        for account, reason in members.items():
            basis, evidence = _SELF if account == anchor else reason
            found.append((*account, card_id, basis, evidence or None, cards[card_id].generation))
    engine.register("found_decided", _rows(found))
    engine.execute("insert into decided from found_decided")


def _lower(engine: duckdb.DuckDBPyConnection) -> bool:
    """One step towards the same label in each component; False where nothing was to do."""
    for statement in _LOWERED:
        engine.execute(statement)
    [(count,)] = engine.sql(
        "select count(*) from jumped join labels using (node) where jumped.label <> labels.label"
    ).fetchall()
    engine.execute("create or replace temp table labels as from jumped")
    return bool(count)


def _undecided(engine: duckdb.DuckDBPyConnection, number: int) -> Undecided:
    def read(table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        found = engine.sql(f"select {', '.join(columns)} from {table} where batch = {number}")
        return zip(*map(arrow.values, found.to_arrow_table().columns), strict=True)

    key = ("platform", "account_key")
    accounts = list(read("batch_accounts", *key, "handle", "is_fan", "first_seen_at"))
    named = read("batch_naming", *key, "network", "handle", "basis")
    cards = list(read("batch_cards", *issued.CARDS.names))
    folded: defaultdict[Account, list[str]] = defaultdict(list)
    for platform, account_key, card_id in read("batch_once_folded", *key, "card_id"):
        folded[platform, account_key].append(card_id)
    return Undecided(
        [ShownAccount((row[0], row[1]), row[2], row[3]) for row in accounts],
        sorted(
            Target((p, k), Named(network, handle), basis) for p, k, network, handle, basis in named
        ),
        Previous(
            {(p, k): card_id for p, k, card_id in read("batch_members", *key, "card_id")},
            {row[0]: Card(row[0], (row[1], row[2]), *row[3:7]) for row in cards},
            {row[0]: row[7] for row in cards if row[7] is not None},
            folded,
        ),
        {(p, k): (p, to) for p, k, to in read("batch_folds", *key, "id_key")},
        {(row[0], row[1]): row[4] for row in accounts},
    )


def _rows(found: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns = zip(*found, strict=True) if found else [()] * len(_DECIDED)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, _DECIDED, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_DECIDED)
