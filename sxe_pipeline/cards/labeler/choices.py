"""What may be said of an account, and how sure that is.

Here: the candidates of each kind (what a rule speaks for, what the linear models put first), the
whole numbers that describe a candidate, and the trees that turn these into a confidence. Not here:
what becomes of a card (`learned`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sxe_pipeline.cards.card import BANDS, follower_band
from sxe_pipeline.cards.labeler.evidence import Cases, Voice
from sxe_pipeline.cards.labeler.grams import Numbers
from sxe_pipeline.cards.labeler.weights import UNIT, Trees, Weights
from sxe_pipeline.cards.taxonomy import Kind, Taxonomy

KINDS: tuple[Kind, ...] = ("persona", "tribe", "account_type")
ENTHUSIAST = "enthusiast"
BRAND = "brand"
NONE = "none"
INPUTS = (
    *("rule", "pieces", "position", "is_platform", "rule_rank", "best_other_rule", "rules"),
    *("model", "share", "rank", "margin", "fellow_model", "fellow_rule"),
    *("is_organisation", "is_last_resort", "is_enthusiast"),
    *("no_persona", "no_tribe", "enthusiast", "organisation", "fan_or_parody", "unknown"),
    *("brand", "no_occupation", "organisation_es", "rule_organisation", "rule_person"),
    *("words", "is_tiktok", "is_creator_flag", "is_category_known", "band"),
)
_TOP = 3
_FAR = 999
_SEGMENT = 200
_WHOLE = 1_000_000


Table = NDArray[np.int32]
"""Account x label: probabilities, confidences and places, which four bytes hold."""


class Choices(NamedTuple):
    """Candidates of one kind: account, label (a number among the labels of the kind), inputs."""

    account: Numbers
    label: Numbers
    inputs: Table


def probability(scores: Numbers) -> Table:
    """Millionths of a probability for thousandths of log-odds."""
    return _PROBABILITY[np.clip(scores // 10, -1000, 1000) + 1000]


_PROBABILITY = np.rint(_WHOLE / (1 + np.exp(-np.arange(-1000, 1001) / 100))).astype(np.int32)


def choices(
    voices: Sequence[Voice],
    cases: Sequence[Cases],
    scores: Numbers,
    word_counts: Numbers,
    weights: Weights,
    taxonomy: Taxonomy,
    kinds: Sequence[str] = KINDS,
) -> dict[str, Choices]:
    """The candidates of every kind for a batch of accounts.

    Args:
        voices: The accounts.
        cases: What the rules found, per account.
        scores: Account x column, from `weights.scores`.
        word_counts: Words of the bio, per account.
        weights: The trained weights.
        taxonomy: The labels; one that it lacks is no candidate.
        kinds: Which candidates are wanted; `BRAND` tells brands from people, and is no label.
    """
    likely = {task: probability(scores[:, weights.task(task)]) for task in weights.columns}
    rules = _rules(cases, weights, taxonomy)
    around = _around(voices, likely, rules, word_counts, weights, taxonomy)
    found: dict[str, Choices] = {}
    for kind in kinds:
        names = [name for name in weights.columns[kind] if name != NONE]
        is_known = np.array([_is_known(kind, name, taxonomy) for name in names])
        chances = np.where(is_known, likely[kind][:, : len(names)], -1)
        _take_away(chances, cases, kind, names)
        fellows = _fellows(kind, names, likely, rules, weights, taxonomy)
        traits = np.array([_traits(kind, name, taxonomy) for name in names])
        found[kind] = _candidates(chances, rules[kind], fellows, traits, around)
    return found


def _take_away(chances: Table, cases: Sequence[Cases], kind: str, names: Sequence[str]) -> None:
    """No candidate is what an account speaks of as past, wished for, or somebody else's."""
    for account, found in enumerate(cases):
        for of, name in found.taken:
            if of == kind and name in names and found.refuses(of, name):
                chances[account, names.index(name)] = -1


def _is_known(kind: str, name: str, taxonomy: Taxonomy) -> bool:
    if kind == "persona":
        return name in taxonomy.personas or name in taxonomy.families
    return kind != "tribe" or name in taxonomy.tribes


def _traits(kind: str, name: str, taxonomy: Taxonomy) -> tuple[bool, bool, bool]:
    if kind == "persona" and name in taxonomy.personas:
        persona = taxonomy.personas[name]
        return persona.is_organisation, persona.is_last_resort, False
    if kind == "tribe" and name in taxonomy.tribes:
        return False, taxonomy.tribes[name].is_last_resort, False
    return name == "organisation", False, name == ENTHUSIAST


class _Rules(NamedTuple):
    """What the rules say, account x label: confidence, pieces, position, if of the platform."""

    confidence: Table
    pieces: Table
    position: Table
    is_platform: Table


def _rules(cases: Sequence[Cases], weights: Weights, taxonomy: Taxonomy) -> dict[str, _Rules]:
    kinds = (*KINDS, BRAND)
    number = {(k, name): n for k in kinds for n, name in enumerate(weights.columns[k])}
    cells: dict[str, list[tuple[int, ...]]] = {kind: [] for kind in kinds}
    for account, found in enumerate(cases):
        for label, case in found.items():
            if label in number:
                cells[label[0]].append((account, number[label], *case.summary(taxonomy)))
    return {k: _table(cells[k], (len(cases), len(weights.columns[k]))) for k in kinds}


def _table(cells: Sequence[tuple[int, ...]], shape: tuple[int, int]) -> _Rules:
    table = np.zeros((4, *shape), np.int32)
    table[2] = -1
    if cells:
        account, label, *values = np.array(cells, np.int64).T
        segment, start = values[2:4]
        position = np.minimum(segment * _SEGMENT + start, _FAR)
        table[:, account, label] = (values[0], values[1], position, values[4])
    return _Rules(*table)


def _around(
    voices: Sequence[Voice],
    likely: Mapping[str, Table],
    rules: Mapping[str, _Rules],
    word_counts: Numbers,
    weights: Weights,
    taxonomy: Taxonomy,
) -> Table:
    """The last inputs: what holds for an account, whatever the candidate."""
    types = weights.columns["account_type"]
    occupations = weights.columns["occupation"]
    cues = rules["account_type"].confidence
    bands = {name: number for number, name in enumerate(BANDS)}
    facts = [
        (
            voice.platform == "tiktok",
            voice.category_kind == "creator",
            (voice.category or "").strip().casefold() in taxonomy.categories,
            bands[follower_band(voice.follower_count)],
        )
        for voice in voices
    ]
    columns = [
        likely["persona"][:, weights.columns["persona"].index(NONE)],
        likely["tribe"][:, weights.columns["tribe"].index(NONE)],
        likely["persona"][:, weights.columns["persona"].index(ENTHUSIAST)],
        *(likely["account_type"][:, types.index(t)] for t in _TYPES),
        likely[BRAND][:, 0],
        *(likely["occupation"][:, occupations.index(o)] for o in ("A", "B")),
        *(cues[:, types.index(t)] for t in ("organisation", "person")),
        np.minimum(word_counts, 60),
        *np.array(facts, np.int32).reshape(-1, 4).T,
    ]
    return np.stack(columns, axis=1)


_TYPES = ("organisation", "fan_or_parody", "unknown")


def _fellows(
    kind: str,
    names: Sequence[str],
    likely: Mapping[str, Table],
    rules: Mapping[str, _Rules],
    weights: Weights,
    taxonomy: Taxonomy,
) -> tuple[Table, Table]:
    """How likely the labels of the other kind are that go with each label."""
    other = "tribe" if kind == "persona" else "persona"
    number = {name: n for n, name in enumerate(weights.columns[other])}
    shape = (len(likely[kind]), len(names))
    model, rule = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
    for at, name in enumerate(names):
        beside = [number[f] for f in _beside(kind, name, taxonomy) if f in number]
        if beside:
            model[:, at] = likely[other][:, beside].max(axis=1)
            rule[:, at] = rules[other].confidence[:, beside].max(axis=1)
    return model, rule


def _beside(kind: str, name: str, taxonomy: Taxonomy) -> list[str]:
    personas = taxonomy.personas
    if kind == "persona":
        field = personas[name].field if name in personas else None
        return [field] if field else []
    if kind == "tribe":
        return [n for n, persona in personas.items() if persona.field == name]
    if name == "creator":
        return [n for n, persona in personas.items() if persona.family == "creator"]
    if name not in ("person", "organisation", BRAND):
        return [ENTHUSIAST] if name == "unknown" else []
    is_group = name != "person"
    return [n for n, persona in personas.items() if persona.is_organisation == is_group]


def _candidates(
    chances: Table,
    rules: _Rules,
    fellows: tuple[Table, Table],
    traits: NDArray[np.bool_],
    around: Table,
) -> Choices:
    count = chances.shape[1]
    ruled = np.where(chances >= 0, rules.confidence[:, :count], 0)
    top = min(_TOP, count)
    # Unlike chances for unlike labels: which of two equals is taken must not depend on the machine.
    unlike = chances * count - np.arange(count, dtype=chances.dtype)
    least = -np.partition(-unlike, top - 1, axis=1)[:, top - 1 : top]
    cells = np.flatnonzero(((ruled > 0) | (unlike >= least)) & (chances >= 0))
    account, label = np.divmod(cells, count)
    chance, rule = chances.ravel()[cells], ruled.ravel()[cells]
    said = ruled[account]
    rank = (unlike[account] > unlike.ravel()[cells][:, None]).sum(axis=1)
    best, best_rule = _two_best(chances), _two_best(ruled)
    first, second = best[account].T
    other = np.where(chance == first, second, first)
    other_rule = np.where(
        rule == best_rule[account, 0], best_rule[account, 1], best_rule[account, 0]
    )
    total = np.maximum(np.maximum(chances, 0).sum(axis=1), 1)[account]
    has_rule = rule > 0
    inputs = [
        rule,
        np.where(has_rule, rules.pieces[account, label], 0),
        np.where(has_rule, rules.position[account, label], -1),
        np.where(has_rule, rules.is_platform[account, label], 0),
        np.where(has_rule, (said > rule[:, None]).sum(axis=1), -1),
        other_rule,
        (said > 0).sum(axis=1),
        chance,
        chance.astype(np.int64) * _WHOLE // total,
        rank,
        chance - other,
        fellows[0][account, label],
        fellows[1][account, label],
        *traits[label].T,
        *around[account].T,
    ]
    return Choices(account, label, np.stack(inputs, dtype=np.int32, casting="unsafe").T)


def _two_best(table: Table) -> Table:
    if table.shape[1] < 2:
        return np.pad(table, ((0, 0), (0, 1)))
    return -np.partition(-table, 1, axis=1)[:, :2]


def confidence(inputs: Table, trees: Trees) -> Table:
    """Thousandths of how sure each candidate is right.

    Every split is asked once for all candidates and takes the leaves behind it away; the first leaf
    that is left is the one that a walk down the tree would reach.
    """
    columns = np.ascontiguousarray(inputs.T, dtype=np.int32)
    total = np.full(len(inputs), trees.start, np.int64)
    limits, taken = trees.limits.astype(np.int32), ~trees.masks
    reached = trees.leaves.take(_FIRST_LEFT, axis=1, mode="clip")
    for tree, asked in enumerate(trees.inputs):
        is_right = columns[asked] > limits[tree][:, None]
        away = np.bitwise_or.reduce(is_right.view(np.uint8) * taken[tree][:, None], axis=0)
        total += reached[tree][away]
    return probability(total) * UNIT // _WHOLE


_FIRST_LEFT = np.array([next((b for b in range(8) if not n >> b & 1), 0) for n in range(256)])
