"""Whom a profile names as itself elsewhere: its links, URLs in its bio, and 'IG: name' patterns.

Here: current profiles -> targets (account, network, handle, basis). Not here: which targets join
which accounts (`clusters`). A handle must stand with its platform; a bare @name never counts.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.social import mentions, networks
from sxe_pipeline.social.networks import Named

Account = tuple[str, str]
"""(platform, account_key)."""

LINK_FIELD, BIO_LINK, NAMED_HANDLE = "link_field", "bio_link", "named_handle"


class Target(NamedTuple):
    """One account says: this is me over there."""

    account: Account
    named: Named
    basis: str


def targets(profiles: pa.Table) -> list[Target]:
    """Every handle that a profile names with its network, each once, by its strongest basis.

    Args:
        profiles: Rows of `social/profiles`; platform, account_key, handle, bio and links are read.

    Returns:
        Sorted. A profile that names its own handle on its own platform says nothing by that.
    """
    profiles = profiles.combine_chunks()
    weakest_first = (
        (NAMED_HANDLE, _in_bios(profiles, mentions.MAY_NAME, mentions.named_in_text)),
        (BIO_LINK, _in_bios(profiles, networks.ANY_HOST, networks.named_by_url)),
        (LINK_FIELD, _in_links(profiles)),
    )
    platforms, keys, handles = (
        profiles[name].to_pylist() for name in ("platform", "account_key", "handle")
    )
    best: dict[tuple[Account, Named], str] = {}
    for basis, found in weakest_first:
        for row, named in found:
            own = handles[row]
            if own is None or named != Named(platforms[row], own.casefold()):
                best[(platforms[row], keys[row]), named] = basis
    return sorted(Target(account, named, basis) for (account, named), basis in best.items())


def _in_bios(
    profiles: pa.Table, may_match: str, find: Callable[[str], list[Named]]
) -> Iterator[tuple[int, Named]]:
    """The exact pattern runs in Python, on the few bios that the vectorised filter lets through."""
    plain = (
        pl.Series(profiles["bio"].to_pylist(), dtype=pl.String)
        .str.normalize("NFKC")
        .str.replace_all("İ", "I", literal=True)
    )
    for row in plain.str.contains(may_match).fill_null(value=False).arg_true().to_list():
        for named in find(plain[row]):
            yield row, named


def _in_links(profiles: pa.Table) -> Iterator[tuple[int, Named]]:
    links = profiles["links"].combine_chunks()
    rows = pc.list_parent_indices(links).to_pylist()
    for row, link in zip(rows, pc.list_flatten(links).to_pylist(), strict=True):
        for named in networks.named_by_url(link):
            yield row, named
