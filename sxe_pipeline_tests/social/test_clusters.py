"""Accounts join by what they declare; crowds, fans and conflicts join nobody."""

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sxe_pipeline.social.clusters import ShownAccount, cluster
from sxe_pipeline.social.links import Target
from sxe_pipeline.social.networks import Named


def shown(name: str, platform: str = "x", *, fan: bool = False) -> ShownAccount:
    return ShownAccount((platform, f"handle:{name}"), name, fan)


def says(one: ShownAccount, network: str, handle: str, basis: str = "link_field") -> Target:
    return Target(one.key, Named(network, handle), basis)


def joined(accounts, targets):
    return [sorted(members) for members in cluster(accounts, targets)]


X, TIKTOK, THREADS = shown("ana"), shown("ana_t", "tiktok"), shown("ana.ig", "threads")


def test_a_declared_account_joins_with_basis_and_evidence():
    [members] = cluster([X, TIKTOK], [says(X, "tiktok", "ana_t", "named_handle")])

    assert set(members) == {X.key, TIKTOK.key}
    assert set(members.values()) == {("named_handle", "tiktok:ana_t")}


def test_equal_handles_alone_join_nobody():
    assert joined([shown("ana"), shown("ana", "tiktok"), shown("ana", "threads")], []) == []


def test_two_accounts_that_name_one_handle_elsewhere_join():
    targets = [says(X, "instagram", "ana.b"), says(TIKTOK, "instagram", "ana.b", "bio_link")]

    [members] = cluster([X, TIKTOK], targets)

    assert set(members.values()) == {("shared_target", "instagram:ana.b")}


def test_two_accounts_that_name_one_unknown_handle_on_a_network_of_ours_stay_apart():
    assert joined([X, TIKTOK], [says(X, "threads", "who"), says(TIKTOK, "threads", "who")]) == []


def test_a_target_named_by_more_than_five_joins_nobody():
    star = shown("star", "tiktok")
    five = [shown(f"f{n}", "x" if n else "threads") for n in range(5)]
    six = [*five, shown("f5")]

    assert joined([star, five[0]], [says(five[0], "tiktok", "star")]) != []
    assert joined([star, *six], [says(one, "tiktok", "star") for one in six]) == []
    shop = [says(one, "instagram", "shop") for one in [*six[:5], star]]
    assert joined([star, *six], shop) == []


def test_fan_accounts_join_nobody():
    fan = shown("ana_fans", "tiktok", fan=True)
    targets = [says(fan, "x", "ana"), says(X, "tiktok", "ana_fans"), says(fan, "github", "ana")]

    assert joined([X, fan], [*targets, says(X, "github", "ana")]) == []


def test_on_conflict_only_reciprocal_edges_count():
    other = shown("ana_other", "tiktok")
    targets = [says(X, "tiktok", "ana_t"), says(TIKTOK, "x", "ana"), says(other, "x", "ana")]

    assert joined([X, TIKTOK, other], targets) == [sorted([X.key, TIKTOK.key])]
    assert joined([X, TIKTOK, other], targets[1:]) == [], "two one-sided named: nobody wins"


def test_a_conflict_of_reciprocal_edges_leaves_everybody_alone():
    other = shown("ana_other", "tiktok")
    targets = [
        says(X, "tiktok", "ana_t"),
        says(TIKTOK, "x", "ana"),
        says(X, "tiktok", "ana_other"),
        says(other, "x", "ana"),
    ]

    assert joined([X, TIKTOK, other], targets) == []


def test_a_handle_that_two_accounts_show_is_no_target():
    twins = [
        ShownAccount(("tiktok", "id:1"), "ana_t", False),
        ShownAccount(("tiktok", "id:2"), "ANA_T", False),
    ]

    assert joined([X, *twins], [says(X, "tiktok", "ana_t")]) == []


def test_an_instagram_name_joins_the_threads_account_only_as_an_answer():
    rival = shown("rival", "x")
    named = says(X, "instagram", "ana.ig")

    assert joined([X, THREADS], [named]) == [], "the Threads account said nothing"
    answered = [named, says(THREADS, "x", "ana"), says(rival, "threads", "ana.ig")]
    assert joined([X, THREADS, rival], answered) == [sorted([X.key, THREADS.key])]


_NAMES = st.sampled_from("abcd")
_ACCOUNTS = st.lists(
    st.builds(shown, _NAMES, st.sampled_from(["x", "tiktok", "threads"]), fan=st.just(False)),
    unique=True,
    min_size=1,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), accounts=_ACCOUNTS, seed=st.integers(0, 99))
def test_clusters_are_disjoint_hold_one_account_a_platform_and_know_no_order(data, accounts, seed):
    networks = st.sampled_from(["x", "tiktok", "threads", "instagram", "github"])
    named = st.builds(says, st.sampled_from(accounts), networks, _NAMES)
    targets = data.draw(st.lists(named, unique_by=lambda t: t[:2], max_size=20))
    shuffled_accounts, shuffled = accounts[:], targets[:]
    random.Random(seed).shuffle(shuffled_accounts)
    random.Random(seed).shuffle(shuffled)

    found = cluster(accounts, targets)

    assert found == cluster(shuffled_accounts, shuffled)
    assert max(Counter(a for members in found for a in members).values(), default=1) == 1
    for members in found:
        assert len({platform for platform, _ in members}) == len(members) > 1
