"""Accounts that lie open, or in wrappers around nothing else: found in many records at once.

Most records hold one account. Those with the same keys are asked the same questions, column by
column, and are looked into together. Here: what can be said so of each record. Not here: records
that hold several accounts, or none (`mapping`).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sxe_pipeline.ingest import envelope
from sxe_pipeline.ingest.batch import Batch
from sxe_pipeline.ingest.known import KeySets, Known
from sxe_pipeline.ingest.posts import Post
from sxe_pipeline.ingest.rows import Accounts
from sxe_pipeline.ingest.shape_files import Form

MAX_NESTING = 6
"""Envelopes that a record may lie in."""


class _Lot(NamedTuple):
    """Objects of several records, one of each, that lie equally deep in wrappers of one kind.

    `positions` says of which record each is, `times` the time of observation that a wrapper gave,
    `inside` the platform of the wrapper; `is_searching`: nobody knows the wrapper.
    """

    positions: list[int]
    nodes: list[Any]
    times: list[Any]
    inside: str | None = None
    is_searching: bool = False

    def some(self, spots: list[int]) -> "_Lot":
        """A part of it, all of it as it is."""
        if len(spots) == len(self.positions):
            return self
        positions, nodes, times = ([column[at] for at in spots] for column in self[:3])
        return _Lot(positions, nodes, times, self.inside, self.is_searching)


def accounts(records: Sequence[Any], keys: KeySets) -> list[Accounts]:
    """The records of which each is one account; their positions are those in `records`.

    Args:
        records: Whatever a file holds.
        keys: What is known of objects by their keys.
    """
    found: list[Accounts] = []
    lots = [_Lot(list(range(len(records))), list(records), [None] * len(records))]
    for _ in range(MAX_NESTING):
        lots = [inner for lot in lots for inner in _entered(lot, keys, found)]
    return found


def _entered(lot: _Lot, keys: KeySets, found: list[Accounts]) -> Iterator[_Lot]:
    """Note the accounts of a lot; what lies one deeper in the others."""
    for names, part in _by_keys(lot):
        try:
            known, batch = keys.of(names), Batch(part.nodes)
            nested = known.nest.over(batch) if known.nest else None
            if nested is None:
                yield from _matched(part, batch, known, found)
                continue
            for inner_names, inner in _by_keys(part._replace(nodes=nested)):
                yield from _matched(inner, Batch(inner.nodes), keys.of(inner_names), found)
        except Exception:  # noqa: BLE001, S112 - what is wrong with one of them is told elsewhere
            continue


def _by_keys(lot: _Lot) -> Iterator[tuple[tuple[str, ...], _Lot]]:
    spots: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, node in enumerate(lot.nodes):
        if type(node) is dict:
            spots[tuple(node)].append(at)
    for names, some in spots.items():
        yield names, lot.some(some)


def _matched(lot: _Lot, batch: Batch, known: Known, found: list[Accounts]) -> Iterator[_Lot]:
    for form, spots in _forms(known, batch, lot.inside).items():
        part = lot.some(spots)
        of_form = batch if part is lot else Batch(part.nodes)
        times = envelope.times(of_form, part.times)
        if form is None or form.fills is None:
            yield _inside(form, part, of_form, times)
        elif form.is_nested or not lot.is_searching:
            given = [form.gives(part.nodes[0])] * len(spots)
            posts: list[Sequence[Post] | None] = [None] * len(spots)
            is_post = [False] * len(spots)
            if form.posts is not None:
                posts = [form.posts.read(node) or None for node in part.nodes]
                is_post = list(map(form.posts.is_row, part.nodes))
            found.append(Accounts(form, of_form, part.positions, times, given, posts, is_post))


def _forms(known: Known, batch: Batch, inside: str | None) -> dict[Form | None, list[int]]:
    """What `Known.form_of` says of each record: shape -> positions in the batch."""
    found: dict[Form | None, list[int]] = {}
    left = list(range(len(batch)))
    for form, conditions in known.candidates:
        if form.is_inner and form.platform != inside:
            continue
        hits = left
        for condition in conditions:
            answers = condition.over(batch)
            if False in answers:
                hits = [at for at in hits if answers[at]]
                if not hits:
                    break
        else:
            found[form] = hits
            if len(hits) == len(left):
                return found
            taken = set(hits)
            left = [at for at in left if at not in taken]
    return found | {None: left}


def _inside(form: Form | None, lot: _Lot, batch: Batch, times: list[Any]) -> _Lot:
    """The one object in each of some envelopes; null where there may be more."""
    is_open = form is None or form.is_search
    nodes: list[Any] = [None] * len(batch)
    if lot.is_searching and form is not None and not form.is_nested:
        return _Lot(lot.positions, nodes, times)
    if is_open:
        nodes = envelope.only_objects(batch)
    if form is not None and form.children is not None and not (lot.is_searching and is_open):
        children = form.children.some(batch)
        if is_open:
            nodes = [None if some else node for some, node in zip(children, nodes, strict=True)]
        elif form.posts is None:
            nodes = [some[0] if len(some) == 1 else None for some in children]
    inside = None if form is None or form.is_search else form.platform
    return _Lot(lot.positions, nodes, times, inside, is_open)
