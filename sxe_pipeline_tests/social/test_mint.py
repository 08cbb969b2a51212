"""`card_id` is stable: re-clustering keeps it, a merge aliases, a split names its parent."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sxe_pipeline.errors import ContractBroken
from sxe_pipeline.social.mint import Origin, Previous, assign

START = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNTS = [("x", f"id:{n}") for n in range(4)] + [("tiktok", f"id:{n}") for n in range(3)]
SEEN = {account: START + timedelta(days=n) for n, account in enumerate(ACCOUNTS)}
SEEN[("x", "handle:ana")] = START - timedelta(days=1)
A, B, C, D = ACCOUNTS[:4]
ANA = ("x", "handle:ana")


class World:
    """Stored state and the clock; `run` is one rebuild, killed before its table is named or not."""

    def __init__(self):
        self.previous, self.day, self.ids = Previous(), 0, map("c{:03}".format, itertools.count())

    def run(self, clusters, *, folds=None, killed=False):
        self.day += 1
        now = START + timedelta(days=100 + self.day)
        done = assign(
            self.previous,
            clusters,
            first_seen=SEEN,
            folds=folds or {},
            mint=lambda: next(self.ids),
            now=now,
        )
        cards = {**self.previous.cards, **{c.card_id: c for c in [*done.minted, *done.changed]}}
        aliases = self.previous.aliases | {a.card_id: a.survivor for a in done.aliases}
        members = {
            a: i for accounts, i in zip(clusters, done.card_ids, strict=True) for a in accounts
        }
        self.previous = Previous(self.previous.members if killed else members, cards, aliases)
        return done


@pytest.fixture
def world():
    return World()


def test_the_same_clusters_keep_their_ids_and_change_nothing(world):
    first = world.run([[A, B], [C]])

    again = world.run([[C], [B, A]])

    assert again.card_ids == first.card_ids[::-1]
    assert (again.minted, again.changed, again.aliases) == ([], [], [])


def test_a_merge_keeps_the_earliest_minted_id_and_leaves_an_alias(world):
    [late] = world.run([[B]]).card_ids
    early, late = world.run([[B], [A]]).card_ids

    done = world.run([[A, B]])

    assert done.card_ids == [early]
    assert [(a.card_id, a.survivor, a.cause) for a in done.aliases] == [(late, early, "merge")]


def test_a_split_follows_the_anchor_and_the_rest_names_its_parent(world):
    [card] = world.run([[A, B, C]]).card_ids

    done = world.run([[B, C], [A]])

    assert done.card_ids[1] == card, "A was seen first and is the anchor"
    [child] = done.minted
    assert (child.parent, child.generation, child.anchor) == (card, 2, B)


def test_without_its_anchor_the_id_follows_the_earliest_seen(world):
    [card] = world.run([[A, B, C]]).card_ids

    done = world.run([[C], [B]])

    assert done.card_ids[1] == card
    assert world.previous.cards[card].anchor == B, "the anchor is an account of the card"
    assert done.minted[0].parent == card


def test_splits_are_decided_before_merges(world):
    old, other = world.run([[A, B], [C]]).card_ids

    done = world.run([[B, C], [A]])

    assert done.card_ids == [other, old]
    assert done.minted == [] == done.aliases


def test_an_account_that_joins_another_card_names_the_one_that_it_left(world):
    old, other = world.run([[A, B], [C]]).card_ids

    done = world.run([[B, C], [A]])

    assert done.origins == [Origin(other, old)]
    assert world.run([[A], [B, C]]).origins == []


def test_what_is_minted_of_two_cards_names_both_and_what_merges_none(world):
    one, two = world.run([[A, B], [C, D]]).card_ids

    done = world.run([[A], [B, D], [C]])
    [card] = [card.card_id for card in done.minted]
    assert done.origins == [Origin(card, one), Origin(card, two)]

    assert world.run([[A, B, C, D]]).origins == []


def test_an_alias_is_for_ever_a_later_split_mints_anew(world):
    first, second = world.run([[A], [B]]).card_ids
    world.run([[A, B]])

    done = world.run([[A], [B]])

    assert done.card_ids[0] == first
    assert done.card_ids[1] not in {first, second}
    assert done.minted[0].parent == first


def test_a_vanished_account_takes_its_id_along_and_returns_with_it(world):
    card, other = world.run([[A], [B]]).card_ids

    gone = world.run([[B]])
    assert [c.card_id for c in gone.changed if c.retired_at] == [card]

    back = world.run([[A], [B]])
    assert back.card_ids == [card, other]
    assert world.previous.cards[card].retired_at is None


def test_a_folded_account_brings_its_id(world):
    [card] = world.run([[ANA]]).card_ids

    done = world.run([[A]], folds={ANA: A})

    assert done.card_ids == [card]
    assert done.minted == [] == done.aliases


def test_a_fold_into_an_older_card_leaves_an_alias_with_its_cause(world):
    [old] = world.run([[A]]).card_ids
    _, brought = world.run([[A], [ANA]]).card_ids

    done = world.run([[A]], folds={ANA: A})

    assert [(a.card_id, a.survivor, a.cause) for a in done.aliases] == [(brought, old, "fold")]


@pytest.mark.parametrize("born", [[[A]], [[ANA]], [[A], [ANA]]], ids=["id", "handle", "both"])
def test_an_undone_fold_is_a_split(world, born):
    world.run(born)
    [card] = world.run([[A]], folds={ANA: A}).card_ids

    done = world.run([[A], [ANA], [B]])

    assert done.card_ids[0] == card
    by_anchor = {c.anchor: c.parent for c in done.minted}
    assert by_anchor[B] is None
    assert by_anchor[ANA] == (card if born != [[A]] else None), "only what was a card has a parent"


def test_a_broken_random_source_is_refused(world):
    world.run([[A]])
    world.ids = itertools.repeat("c000")

    with pytest.raises(ContractBroken, match="random source"):
        world.run([[A], [B]])


class CardIds(RuleBasedStateMachine):
    """Any series of merges, splits, vanishings, returns and kills keeps every id stable."""

    def __init__(self):
        super().__init__()
        self.world, self.issued, self.folds = World(), set(), {}

    @rule(
        labels=st.lists(st.integers(-1, 3), min_size=7, max_size=7),
        order=st.randoms(use_true_random=False),
        ana=st.sampled_from(["absent", "account", "folded"]),
        kills=st.integers(0, 2),
    )
    def rebuild(self, labels, order: random.Random, ana, kills):
        clusters: dict[int, list] = {}
        for account, label in zip(ACCOUNTS, labels, strict=True):
            if label >= 0:
                clusters.setdefault(label, []).append(account)
        present = {account for accounts in clusters.values() for account in accounts}
        folds = {ANA: A} if ana == "folded" and A in present else {}
        if ana == "account":
            clusters[99] = [ANA]
        groups = list(clusters.values())
        order.shuffle(groups)
        before = self.world.previous
        killed = [self.world.run(groups, folds=folds, killed=True) for _ in range(kills)]
        done = self.world.run(groups, folds=folds)
        for one in killed:
            assert one.card_ids == done.card_ids, "a replay uses what the killed run committed"
        minted = [card for one in [*killed, done] for card in one.minted]
        aliases = [alias for one in [*killed, done] for alias in one.aliases]
        self.check_step(before, groups, folds, done, minted, aliases)
        self.folds = folds
        again = self.world.run(groups, folds=folds)
        assert (again.minted, again.changed, again.aliases) == ([], [], [])
        assert again.card_ids == done.card_ids

    def check_step(self, before, groups, folds, done, minted, aliases):
        ids = [card.card_id for card in minted]
        assert not set(ids) & self.issued, "no id is used twice"
        assert len(set(ids)) == len(ids)
        self.issued |= set(ids)
        assert len(set(done.card_ids)) == len(done.card_ids), "one card, one id"
        carries = {
            a: i for accounts, i in zip(groups, done.card_ids, strict=True) for a in accounts
        }
        holders: dict[str, set] = {}
        for account, card_id in before.members.items():
            now = folds.get(account, account)
            if now in carries:
                holders.setdefault(card_id, set()).add(carries[now])
        for card_id, heirs in holders.items():
            after = self.world.previous
            assert after.resolve(card_id) in heirs, "an id stays with accounts that held it"
            for heir in heirs - {after.resolve(card_id)}:
                if heir in ids:
                    parent = after.cards[heir].parent
                    assert parent is not None, "a split names its parent"
        for alias in aliases:
            assert before.cards[alias.card_id].minted_at >= before.cards[alias.survivor].minted_at

    @invariant()
    def every_id_leads_to_one_card(self):
        previous = self.world.previous
        live = set(previous.members.values())
        assert not live & set(previous.aliases), "an alias is carried by no card"
        assert set(previous.cards) == self.issued
        for card_id in self.issued:
            survivor = previous.resolve(card_id)
            assert (survivor in live) == (previous.cards[survivor].retired_at is None)

    @invariant()
    def the_anchor_is_part_of_its_card(self):
        previous = self.world.previous
        for account, card_id in previous.members.items():
            anchor = previous.cards[card_id].anchor
            anchor = self.folds.get(anchor, anchor)
            assert previous.members[anchor] == card_id, account


CardIds.TestCase.settings = settings(max_examples=60, stateful_step_count=8, deadline=None)
TestCardIds = CardIds.TestCase


def test_the_previous_state_is_never_changed_in_place(world):
    world.run([[A, B]])
    before = world.previous
    copy = replace(before, members=dict(before.members), cards=dict(before.cards))

    world.run([[A], [B]])

    assert before == copy
