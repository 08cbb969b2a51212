"""Cards as an act of an engine: their accounts in, their rows out, in any process.

Here: the columns on both sides, batches that hold whole cards, and the function between. Not here:
a card itself (`build`), which cards are made and where their rows are kept (`touched`).
"""

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.cards.build import FOLLOWING, LEAD, Members, Rows, rows
from sxe_pipeline.cards.in_force import InForce, Named
from sxe_pipeline.cards.reading import Account
from sxe_pipeline.engine import Act
from sxe_pipeline.schema import arrow
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.table import Table
from sxe_pipeline.schema.tables import IDENTITY, OTHERS, PROFILE

SAID = tuple(name for name in Account._fields if name != "basis")
"""The columns of a profile that a card reads."""
KNOWN = ("labels_key", "kind", "is_doubtful", *FOLLOWING)
"""What a stored row tells (`build.Members.known`)."""
_KIND = next(column for column in OTHERS.columns if column.name == "kind")
_LEADS = Table(LEAD_CARD.name, (*LEAD_CARD.columns, _KIND), LEAD_CARD.key)
_STORED = {f.name: f for f in (*_LEADS.schema, pa.field("is_doubtful", pa.bool_()))}
MEMBER = pa.schema(
    [
        IDENTITY.schema.field("card_id"),
        pa.field("told", pa.struct([_STORED[name].with_nullable(True) for name in KNOWN])),
        pa.field("is_suppressed", pa.bool_(), nullable=False),
        *(PROFILE.schema.field(name) for name in SAID),
        IDENTITY.schema.field("basis"),
    ]
)
"""An account of a card; what is told of the card stands in each of its rows, null where no row of
it is stored."""
MADE = pa.schema(
    [field if field.name in OTHERS.names else field.with_nullable(True) for field in _LEADS.schema]
)
"""A row of LEAD_CARD where `kind` is LEAD, else of OTHERS; null in columns of the other one."""


def act(in_force: InForce) -> Act:
    """Rows of MEMBER become rows of MADE; those of one card stand in one batch, side by side."""
    return Act(partial(make, named=in_force.named), MEMBER, MADE)


def make(members: Iterator[pa.RecordBatch], named: Named) -> Iterator[pa.RecordBatch]:
    """The rows of the cards of each batch: the lead cards, then the others.

    Args:
        members: Rows of MEMBER.
        named: What decides about them.
    """
    in_force = named.opened()
    for batch in members:
        leads, others = Rows(_LEADS), Rows(OTHERS)
        for row in rows(_cards(batch), in_force):
            (leads if row["kind"] == LEAD else others).add(row)
        for made in (leads, others):
            if made.count:
                yield _in_all_columns(made.taken())


def whole_cards(members: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The same rows, in batches that end where a card does.

    Args:
        members: Rows with a `card_id`, in its order.
    """
    left: list[pa.RecordBatch] = []
    for batch in members:
        held = pa.concat_batches([*left, batch])
        card_ids = held.column("card_id")
        end = pc.index(card_ids, card_ids[-1]).as_py()
        if end:
            yield held.slice(0, end)
        left = [held.slice(end)]
    yield from left


def _cards(batch: pa.RecordBatch) -> Iterator[Members]:
    columns = map(arrow.values, batch.columns)
    for card_id, accounts in groupby(zip(*columns, strict=True), key=itemgetter(0)):
        first, *more = accounts
        told, is_suppressed = first[1:3]
        yield Members(card_id, [Account(*row[3:]) for row in (first, *more)], told, is_suppressed)


def _in_all_columns(found: pa.Table) -> pa.RecordBatch:
    names, count = found.column_names, found.num_rows
    columns = [found[f.name] if f.name in names else pa.nulls(count, f.type) for f in MADE]
    [batch] = pa.table(columns, schema=MADE).combine_chunks().to_batches()
    return batch
