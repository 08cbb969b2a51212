"""What is checked of the cards after they are written: reports; guards stand before the write."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.redact import scan
from sxe_pipeline.store.tables import Snapshot

_TEXTS = ("display_name", "bio", "handle")


@dataclass(frozen=True)
class Found:
    """What the second detector sees: `certain` contacts and open shapes, in values."""

    certain: int
    open: int


@dataclass(frozen=True)
class Shares:
    """The owner's metric and the stricter one beside it; 0 of 0 cards is 0."""

    card_count: int
    tagged_share: float
    own_words_share: float


def contact_data(cards: Snapshot | None) -> Found:
    """Scan every text of every card, evidence and lists included."""
    if cards is None:
        return Found(0, 0)
    table = cards.to_table(columns=[*_TEXTS, "hashtags", "link_domains", "evidence"])
    texts: list[pa.Array] = [table[name].combine_chunks() for name in _TEXTS]
    texts += [
        pc.list_flatten(table[name].combine_chunks()) for name in ("hashtags", "link_domains")
    ]
    texts.append(pc.struct_field(pc.list_flatten(table["evidence"].combine_chunks()), "text"))
    certain = shape = 0
    for values in texts:
        verdicts = scan.scan_array(values)
        certain += pc.sum(pc.equal(verdicts, "certain")).as_py() or 0
        shape += pc.sum(pc.equal(verdicts, "shape")).as_py() or 0
    return Found(certain, shape)


def tagged(cards: Snapshot | None) -> Shares:
    """The shares of cards that carry persona and tribe, from any source and from own words."""
    if cards is None:
        return Shares(0, 0.0, 0.0)
    table = cards.to_table(columns=["is_tagged", "is_own_words_tagged"])
    count = table.num_rows
    if not count:
        return Shares(0, 0.0, 0.0)
    any_source, own = (pc.sum(table[c]).as_py() or 0 for c in table.column_names)
    return Shares(count, any_source / count, own / count)
