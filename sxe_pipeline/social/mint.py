"""Card ids that stay: the decision which cluster carries which id.

Here: one pure function from the previous state and the new clusters to what must be minted, aliased
and retired. Not here: reading and storing that state (`identities`). The rules:

* splits first: the id of a card follows its anchor account, else its earliest-seen account; the
  others that leave it mint, and name it as their parent;
* then merges: a cluster keeps the earliest-minted id it holds, the rest become its aliases. An
  alias is for ever: a later split mints anew;
* a folded account hands its id to the account it folded into;
* a card without accounts is retired; it returns when its anchor account does;
* where accounts came from another card than the one they are in now, both are named, minted or not;
* the anchor moves only when it is no longer part of the card.

A run that died after its cards were committed and before its table was named is replayed on the old
table: the cards it left behind are found by their anchors and used, not minted again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.social.links import Account

MERGE, FOLD = "merge", "fold"
_TRIES = 8


@dataclass(frozen=True)
class Card:
    """One row of `social.card`. `retired_at` is set while none of its accounts exists."""

    card_id: str
    anchor: Account
    generation: int
    parent: str | None
    minted_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True)
class Previous:
    """What is stored: card by account (last named table), all cards, survivor by old id.

    `folded` are accounts that no card names, and the cards of whoever they may have been part of.
    """

    members: Mapping[Account, str] = field(default_factory=dict)
    cards: Mapping[str, Card] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    folded: Mapping[Account, Sequence[str]] = field(default_factory=dict)

    def resolve(self, card_id: str) -> str:
        """The id that stands for this one now."""
        while card_id in self.aliases:
            card_id = self.aliases[card_id]
        return card_id


@dataclass(frozen=True)
class Alias:
    """An id that another one replaces. `cause` is 'merge' or 'fold'."""

    card_id: str
    survivor: str
    cause: str


@dataclass(frozen=True, order=True)
class Origin:
    """A card, and another one that an account of it is no part of any more."""

    card_id: str
    left: str


@dataclass(frozen=True)
class Assignment:
    """The decision. `card_ids` stands in the order of the clusters that were given.

    `minted` cards are new; `changed` ones got another anchor, were retired or came back. `origins`
    are the cards that accounts left for others, as a parent is where one was minted for them.
    """

    card_ids: list[str]
    minted: list[Card]
    changed: list[Card]
    aliases: list[Alias]
    origins: list[Origin] = field(default_factory=list)


def assign(
    previous: Previous,
    clusters: Sequence[Sequence[Account]],
    *,
    first_seen: Mapping[Account, datetime],
    folds: Mapping[Account, Account],
    mint: Callable[[], str],
    now: datetime,
    taken: Set[str] = frozenset(),
) -> Assignment:
    """Decide which card id each cluster carries.

    What no cluster, member and card of one call has to do with those of another may be decided in
    several calls, in any order.

    Args:
        previous: The stored state.
        clusters: Every current account in exactly one cluster. A card that none of them holds is
            retired.
        first_seen: When each current account was first observed.
        folds: Accounts that are rows no more -> the current account they folded into.
        mint: Gives a new random id.
        now: Stamp of new and retired cards.
        taken: Ids of other cards.

    Raises:
        ContractBroken: `mint` keeps giving ids that exist.
    """
    scene = _Scene(previous, clusters, first_seen, folds)
    holders = scene.holders()
    won, lost = scene.heirs(holders)
    came = scene.came(holders)
    fresh = _Fresh(mint, {*previous.cards, *previous.aliases, *taken})
    card_ids, minted, aliases = [""] * len(clusters), [], []
    kept: dict[str, Card] = {}
    for i in sorted(range(len(clusters)), key=lambda i: min(clusters[i])):
        if i in won:
            card_id, *rest = sorted(won[i], key=scene.born)
            aliases += [Alias(old, card_id, _cause(holders.get(old, {}))) for old in sorted(rest)]
            kept[card_id] = scene.held_by(i, previous.cards[card_id])
        else:
            parent = min(lost[i] or came[i], key=scene.born, default=None)
            generation = previous.cards[parent].generation + 1 if parent else 1
            card_id = fresh()
            minted.append(Card(card_id, scene.eldest(i), generation, parent, now))
        card_ids[i] = card_id
    gone = set(previous.cards) - set(previous.aliases) - set(kept) - {a.card_id for a in aliases}
    for card_id in gone:
        card = previous.cards[card_id]
        kept[card_id] = replace(card, retired_at=card.retired_at or now)
    changed = [card for card_id, card in sorted(kept.items()) if card != previous.cards[card_id]]
    merged = {alias.card_id: alias.survivor for alias in aliases}
    origins = {
        Origin(card_id, left)
        for card_id, before in zip(card_ids, came, strict=True)
        for left in before
        if merged.get(left, left) != card_id
    }
    return Assignment(card_ids, minted, changed, aliases, sorted(origins))


class _Scene:
    """The previous state beside the clusters of today: who holds what, and where it is now."""

    def __init__(
        self,
        previous: Previous,
        clusters: Sequence[Sequence[Account]],
        first_seen: Mapping[Account, datetime],
        folds: Mapping[Account, Account],
    ) -> None:
        self._previous, self._clusters = previous, clusters
        self._first_seen, self._folds = first_seen, folds
        self._position = {account: i for i, accounts in enumerate(clusters) for account in accounts}

    def born(self, card_id: str) -> tuple[datetime, str]:
        """Earliest-minted first."""
        return self._previous.cards[card_id].minted_at, card_id

    def eldest(self, i: int) -> Account:
        """The earliest-seen account of a cluster."""
        return min(self._clusters[i], key=self._age)

    def held_by(self, i: int, card: Card) -> Card:
        """A card as it is when this cluster carries it: alive, anchored within."""
        anchor = self._present(card.anchor)
        if anchor is None or self._position[anchor] != i:
            card = replace(card, anchor=self.eldest(i))
        return replace(card, retired_at=None)

    def holders(self) -> dict[str, dict[Account, Account]]:
        """Card -> the accounts that held it and still exist: as they were -> as they are now.

        Ids stand here as the table has them. Where a killed run has aliased one of them already,
        its anchor still decides the split, or the replay would decide otherwise than that run.
        """
        holders: dict[str, dict[Account, Account]] = defaultdict(dict)
        for account, card_id in self._previous.members.items():
            current = self._present(account)
            if current is not None:
                holders[card_id][account] = current
        for card_id, card in self._previous.cards.items():
            current = self._present(card.anchor)
            is_alive = card_id not in self._previous.aliases
            if current is not None and is_alive and card_id not in holders:
                holders[card_id] = {card.anchor: current}
        return holders

    def heirs(
        self, holders: Mapping[str, Mapping[Account, Account]]
    ) -> tuple[dict[int, list[str]], defaultdict[int, list[str]]]:
        """Cluster -> the ids it carries on, and the ids that its accounts had to leave."""
        won, lost = defaultdict(list), defaultdict(list)
        claimants = defaultdict(list)
        for card_id, held in holders.items():
            anchor = self._previous.cards[card_id].anchor
            heir = held.get(anchor) or min(held.values(), key=self._age)
            survivor = self._previous.resolve(card_id)
            claimants[survivor].append((card_id != survivor, self._age(heir), self._position[heir]))
            for i in {self._position[account] for account in held.values()}:
                lost[i].append(survivor)
        for survivor, ranked in claimants.items():
            *_, winner = min(ranked)
            won[winner].append(survivor)
        return won, lost

    def came(self, holders: Mapping[str, Mapping[Account, Account]]) -> list[set[str]]:
        """For each cluster the living ids that its accounts come from.

        Of an account that held none: those of cards that were once minted for it, else of whoever
        it may have been part of.
        """
        held: defaultdict[Account, set[str]] = defaultdict(set)
        for card_id, accounts in holders.items():
            for account in accounts.values():
                held[account].add(self._previous.resolve(card_id))
        once, folded = self._anchored(), self._previous.folded
        return [
            {
                self._previous.resolve(card_id)
                for account in accounts
                for card_id in held[account] or once[account] or folded.get(account, ())
            }
            for accounts in self._clusters
        ]

    def _anchored(self) -> defaultdict[Account, list[str]]:
        """Account -> the living ids of cards that were once minted for it."""
        once: defaultdict[Account, list[str]] = defaultdict(list)
        for card_id, card in self._previous.cards.items():
            current = self._present(card.anchor)
            if current is not None:
                once[current].append(self._previous.resolve(card_id))
        return once

    def _age(self, account: Account) -> tuple[datetime, Account]:
        return self._first_seen[account], account

    def _present(self, account: Account) -> Account | None:
        current = self._folds.get(account, account)
        return current if current in self._position else None


def _cause(held: Mapping[Account, Account]) -> str:
    return FOLD if held and all(was != now for was, now in held.items()) else MERGE


class _Fresh:
    """Ids that no card and no alias has ever had."""

    def __init__(self, mint: Callable[[], str], known: Iterable[str]) -> None:
        self._mint = mint
        self._known = set(known)

    def __call__(self) -> str:
        for _ in range(_TRIES):
            card_id = self._mint()
            if card_id not in self._known:
                self._known.add(card_id)
                return card_id
        raise ContractBroken(
            f"{_TRIES} new card ids in a row exist already; the random source is broken"
        )
