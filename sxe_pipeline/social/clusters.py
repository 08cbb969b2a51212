"""Which accounts are one person or brand, from what they say about themselves.

Here: one pure function over accounts and targets. Not here: card ids (`mint`). The rules, in the
order they act:

* a target that more than `CROWD` accounts name joins nobody (a company, a celebrity, a shop);
* a fan or parody account joins nobody;
* a target on a network we ingest joins the one account that shows this handle now. A handle that
  two accounts show (one has moved on and was not seen again) joins nobody;
* two accounts that name one handle on a network we do not ingest join each other;
* Meta gives a Threads account the handle of its Instagram account. A named Instagram handle
  therefore counts as an answer to a Threads account of that handle, but joins nobody alone: the
  Threads account must have named the other side itself;
* at most one account per platform. Where that breaks, only edges that both sides declared count
  within that group; where it still breaks, everybody stays alone. Nothing is merged greedily, so
  no order of the input can matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

from sxe_pipeline.social.links import BIO_LINK, LINK_FIELD, NAMED_HANDLE, Account, Target
from sxe_pipeline.social.networks import INGESTED, Named

SELF, SHARED_TARGET = "self", "shared_target"
CROWD = 5
_RANK = {LINK_FIELD: 0, BIO_LINK: 1, NAMED_HANDLE: 2, SHARED_TARGET: 3}


class ShownAccount(NamedTuple):
    """An account as clustering sees it: the handle it shows now, and whether it is a fan's."""

    key: Account
    handle: str | None
    is_fan: bool


class Reason(NamedTuple):
    """Why an account is part of its cluster; `evidence` is the target that joined it."""

    basis: str
    evidence: str


Edge = tuple[Account, Account]


def weakest(*reasons: Reason) -> str:
    """The basis of the weakest of some reasons."""
    return max(reasons, key=_strength).basis


def cluster(
    accounts: Iterable[ShownAccount], targets: Sequence[Target]
) -> list[dict[Account, Reason]]:
    """The clusters of two and more accounts, in the order of their first account.

    Args:
        accounts: Every current account, each once.
        targets: What they say, as `links.targets` returns it.
    """
    accounts = list(accounts)
    apart = {one.key for one in accounts if one.is_fan}
    shown = _shown(one for one in accounts if one.key not in apart)
    named = _named(targets, apart)
    edges, mutual = _edges(named, shown)
    clusters = []
    for group in _components(edges):
        if _one_per_platform(group):
            clusters.append(_reasons(group))
            continue
        declared = {edge: reason for edge, reason in group.items() if edge in mutual}
        clusters += [_reasons(part) for part in _components(declared) if _one_per_platform(part)]
    return sorted(clusters, key=min)


def _shown(accounts: Iterable[ShownAccount]) -> dict[Named, Account]:
    by_handle = defaultdict(list)
    for key, handle, _ in accounts:
        if handle is not None:
            by_handle[Named(key[0], handle.casefold())].append(key)
    return {named: keys[0] for named, keys in by_handle.items() if len(keys) == 1}


def _named(targets: Sequence[Target], apart: set[Account]) -> dict[Named, dict[Account, str]]:
    """Who names whom, without crowds; fan accounts count for the crowd and then drop out."""
    by_target: dict[Named, dict[Account, str]] = defaultdict(dict)
    for account, named, basis in targets:
        by_target[named][account] = basis
    return {
        named: {account: basis for account, basis in namers.items() if account not in apart}
        for named, namers in by_target.items()
        if len(namers) <= CROWD
    }


def _edges(
    named: dict[Named, dict[Account, str]], shown: dict[Named, Account]
) -> tuple[dict[Edge, Reason], set[Edge]]:
    """Undirected edges with their best reason, and those which both sides declared."""
    reasons: dict[Edge, list[Reason]] = defaultdict(list)
    declared: set[Edge] = set()
    answered: set[Edge] = set()
    for target, namers in named.items():
        if target.network in INGESTED:
            other = shown.get(target)
            for account, basis in namers.items():
                if other is not None and other[0] != account[0]:
                    declared.add((account, other))
                    reasons[_edge(account, other)].append(Reason(basis, str(target)))
        else:
            for pair in combinations(sorted(namers), 2):
                if pair[0][0] != pair[1][0]:
                    reasons[pair].append(Reason(SHARED_TARGET, str(target)))
        if target.network == "instagram":
            threads = shown.get(Named("threads", target.handle))
            if threads is not None:
                answered |= {(account, threads) for account in namers}
    mutual = {_edge(a, b) for a, b in declared if (b, a) in declared or (b, a) in answered}
    return {edge: min(found, key=_strength) for edge, found in reasons.items()}, mutual


def _edge(left: Account, right: Account) -> Edge:
    return (left, right) if left < right else (right, left)


def _strength(reason: Reason) -> tuple[int, str]:
    return _RANK[reason.basis], reason.evidence


def _components(edges: dict[Edge, Reason]) -> list[dict[Edge, Reason]]:
    """The edges of each connected group."""
    parent: dict[Account, Account] = {}

    def root(account: Account) -> Account:
        parent.setdefault(account, account)
        while parent[account] != account:
            parent[account] = parent[parent[account]]
            account = parent[account]
        return account

    for left, right in edges:
        parent[root(left)] = root(right)
    groups: dict[Account, dict[Edge, Reason]] = defaultdict(dict)
    for edge, reason in edges.items():
        groups[root(edge[0])][edge] = reason
    return list(groups.values())


def _one_per_platform(group: dict[Edge, Reason]) -> bool:
    accounts = {account for edge in group for account in edge}
    return len({platform for platform, _ in accounts}) == len(accounts)


def _reasons(group: dict[Edge, Reason]) -> dict[Account, Reason]:
    found: dict[Account, list[Reason]] = defaultdict(list)
    for (left, right), reason in group.items():
        found[left].append(reason)
        found[right].append(reason)
    return {account: min(found[account], key=_strength) for account in sorted(found)}
