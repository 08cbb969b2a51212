"""How well accounts are labeled: accounts that people read in, goals with met or missed out.

Here: the goals, and scoring the accounts that nobody learnt from. Not here: reading the folder
(`truth`). Nothing of a text is printed.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from sxe_pipeline.cards import text, truth
from sxe_pipeline.cards.labeler.choices import BRAND, ENTHUSIAST, choices, confidence
from sxe_pipeline.cards.labeler.evidence import Voice, gather
from sxe_pipeline.cards.labeler.grams import Numbers
from sxe_pipeline.cards.labeler.label import Labels
from sxe_pipeline.cards.labeler.learned import Said, label_all
from sxe_pipeline.cards.labeler.weights import Weights, read, scores, texts_of
from sxe_pipeline.cards.reading import Account, Reading
from sxe_pipeline.cards.taxonomy import Taxonomy
from sxe_pipeline.redact.measure import Goal

Interval = tuple[float, float]
Known = TypeVar("Known")
_Z = 1.96
_BINS = 10
_DRAWS = 400
_LEAST_OF_A_LANGUAGE = 10
_NOBODY = Account._make([None] * len(Account._fields))


class Case(NamedTuple):
    """One account: what was said of it and what people read."""

    truth: truth.Truth
    labels: Labels
    is_eligible: bool
    is_persona_right: bool
    is_tribe_right: bool

    @property
    def is_lead(self) -> bool:
        """A lead card has a persona, at least a family."""
        return self.labels.persona_family is not None

    @property
    def is_pair_right(self) -> bool:
        """Persona and primary tribe are both right."""
        return self.is_persona_right and self.is_tribe_right


def wilson(hits: int, of: int) -> Interval | None:
    """Where 95 of 100 samples like this one have the share; None of nothing.

    Example:
        >>> low, high = wilson(80, 100)
        >>> (round(low, 2), round(high, 2))
        (0.71, 0.87)
    """
    if not of:
        return None
    share, spread = hits / of, 1 + _Z * _Z / of
    middle = (share + _Z * _Z / 2 / of) / spread
    half = _Z * math.sqrt(share * (1 - share) / of + _Z * _Z / 4 / of / of) / spread
    return max(0.0, middle - half), min(1.0, middle + half)


def cases(
    folder: Path,
    accounts: Mapping[truth.Key, Voice],
    taxonomy: Taxonomy,
    weights: Weights | None,
) -> list[Case]:
    """The accounts of the truth that nobody learnt from, labeled.

    Args:
        folder: Holds `truth/persona_tribe_read.csv`.
        accounts: What each account says, from `truth.accounts`.
        taxonomy: The labels.
        weights: The trained weights; None labels by rules alone.
    """
    rows = [
        row
        for row in truth.read_truth(folder)
        if row.key in accounts and truth.is_held_back(row.key)
    ]
    languages = text.Languages()
    voices = [accounts[row.key] for row in rows]
    said = [Said([voice._replace(language=languages.of(voice.bio))]) for voice in voices]
    labels = label_all(said, taxonomy, weights)
    return [
        _case(row, voice, each, taxonomy, languages)
        for row, voice, each in zip(rows, voices, labels, strict=True)
    ]


def _case(
    row: truth.Truth, voice: Voice, labels: Labels, taxonomy: Taxonomy, languages: text.Languages
) -> Case:
    families = {taxonomy.personas[name].family for name in row.personas & set(taxonomy.personas)}
    if labels.persona is not None:
        read_so = row.personas or frozenset((row.family,))
        is_right = taxonomy.accepts(labels.persona, read_so)
    elif labels.persona_family == ENTHUSIAST:
        is_right = row.family == ENTHUSIAST
    else:
        is_right = labels.persona_family in families | {row.family or "none"}
    account = _NOBODY._replace(bio=voice.bio, category=voice.category)
    reading = Reading([account], taxonomy, languages)
    is_tribe_right = labels.tribe is not None and taxonomy.accepts(labels.tribe, row.tribes)
    return Case(row, labels, reading.is_eligible, is_right, is_tribe_right)


def goals(
    folder: Path,
    accounts: Mapping[truth.Key, Voice],
    found: Sequence[Case],
    taxonomy: Taxonomy,
    weights: Weights | None,
) -> Iterator[Goal]:
    """Every goal that the truth of a folder can tell of, on accounts that nobody learnt from.

    Args:
        folder: Shaped as docs/label_model.md says; a file that is not there is not scored.
        accounts: What each account says, from `truth.accounts`.
        found: From `cases`.
        taxonomy: The labels.
        weights: The trained weights; None scores nothing that only they can tell.
    """
    for name, start, least in _GROUPS:
        group = [case for case in found if case.truth.key[0].startswith(start)]
        if group:
            yield from _of_group(name, group, least)
    raw = [case for case in found if case.truth.key[0].startswith(("x_", "tt_"))]
    if raw:
        yield from _of_all(raw)
    if weights is not None:
        yield from _occupations(folder, accounts, weights)
        yield from _brands(folder, accounts, taxonomy, weights)


_GROUPS: tuple[tuple[str, tuple[str, ...], Mapping[str, float]], ...] = (
    ("X", ("x_",), {"tagged": 0.80, "lead": 0.42, "right": 0.82, "pair": 0.38}),
    ("X and TikTok", ("x_", "tt_"), {"tagged": 0.80, "lead": 0.35}),
    ("TikTok", ("tt_",), {"right": 0.80, "pair": 0.09}),
)


def _of_group(name: str, group: Sequence[Case], least: Mapping[str, float]) -> Iterator[Goal]:
    eligible = [case for case in group if case.is_eligible]
    leads = [case for case in group if case.is_lead]
    tagged = [case for case in leads if case.labels.is_tagged]
    figures = {
        "tagged": ("tagged of lead cards", len(tagged), len(leads)),
        "lead": ("lead cards of eligible", sum(c.is_lead for c in eligible), len(eligible)),
        "right": ("pair right, of tagged", sum(c.is_pair_right for c in tagged), len(tagged)),
        "pair": ("tagged of eligible", sum(c.labels.is_tagged for c in eligible), len(eligible)),
    }
    for key, goal in least.items():
        what, hits, of = figures[key]
        yield Goal(f"{name}, {what}", hits, of, goal, interval=wilson(hits, of))


def _of_all(raw: Sequence[Case]) -> Iterator[Goal]:
    pairs = [
        (c.truth.account_type == "organisation", c.labels.account_type == "organisation")
        for c in raw
    ]
    yield _f1("organisations, F1", pairs, 0.70)
    sure = [(c.labels.persona_confidence, c.is_persona_right) for c in raw]
    yield _calibration("persona, calibration error", sure)
    sure = [(c.labels.tribe_confidence, c.is_tribe_right) for c in raw]
    yield _calibration("tribe, calibration error", sure)
    labels = [
        {item.label for item in c.labels.evidence}
        >= {c.labels.persona or c.labels.persona_family, *c.labels.tribes} - {None}
        for c in raw
    ]
    yield Goal("accounts whose labels all have evidence", sum(labels), len(labels), 1.0)


def _occupations(
    folder: Path, accounts: Mapping[truth.Key, Voice], weights: Weights
) -> Iterator[Goal]:
    known = _held_back(truth.read_occupations(folder), accounts)
    if not known:
        return
    names = weights.columns["occupation"]
    table = _scores([accounts[key] for key in known], weights)[:, weights.task("occupation")]
    jobs = [n for n, name in enumerate(names) if name.isdigit()]
    best = [names[n] for n in table.argmax(axis=1)]
    best_job = [names[jobs[n]] for n in table[:, jobs].argmax(axis=1)]
    real = list(known.values())
    right = [r == j for r, j in zip(real, best_job, strict=True) if r.isdigit()]
    hits, of = sum(right), len(right)
    yield Goal("Spanish occupations, class right", hits, of, 0.90, interval=wilson(hits, of))
    kinds = [(_kind(r), _kind(b)) for r, b in zip(real, best, strict=True)]
    hits, of = sum(r == b for r, b in kinds), len(kinds)
    name = "Spanish accounts, none, organisation or occupation"
    yield Goal(name, hits, of, 0.88, interval=wilson(hits, of))


def _kind(name: str) -> str:
    return "occupation" if name.isdigit() else name


def _brands(
    folder: Path, accounts: Mapping[truth.Key, Voice], taxonomy: Taxonomy, weights: Weights
) -> Iterator[Goal]:
    known = _held_back(truth.read_brands(folder), accounts)
    if not known:
        return
    voices = [accounts[key] for key in known]
    seen = read([texts_of(voice) for voice in voices], weights)
    table = scores(seen, len(voices), weights)
    cases = [gather([voice], taxonomy) for voice in voices]
    found = choices(voices, cases, table, seen.word_count, weights, taxonomy, (BRAND,))[BRAND]
    said = confidence(found.inputs, weights.trees[BRAND]) >= weights.limits[BRAND]
    yield _f1("brands, F1", list(zip(known.values(), said.tolist(), strict=True)), 0.62)


def _held_back(
    known: Mapping[truth.Key, Known], accounts: Mapping[truth.Key, Voice]
) -> dict[truth.Key, Known]:
    return {k: v for k, v in known.items() if k in accounts and truth.is_held_back(k)}


def _scores(voices: Sequence[Voice], weights: Weights) -> Numbers:
    texts = [texts_of(voice) for voice in voices]
    return scores(read(texts, weights), len(texts), weights)


def _f1(name: str, pairs: Sequence[tuple[bool, bool]], least: float) -> Goal:
    """Of (true, said); its interval is that of samples drawn from these with replacement."""
    table = np.array(pairs, np.int64).reshape(-1, 2)
    hits, of = 2 * table.prod(axis=1), table.sum(axis=1)
    drawn = np.random.default_rng(1).integers(0, max(1, len(table)), (_DRAWS, len(table)))
    shares = np.sort(hits[drawn].sum(axis=1) / np.maximum(1, of[drawn].sum(axis=1)))
    edge = _DRAWS // 40
    interval = (float(shares[edge]), float(shares[-1 - edge])) if len(table) else None
    return Goal(name, int(hits.sum()), int(of.sum()), least, interval=interval)


def _calibration(name: str, sure: Sequence[tuple[float | None, bool]]) -> Goal:
    """How far confidence and share of right labels lie apart, in tenths of confidence."""
    said = [(value, right) for value, right in sure if value is not None]
    apart = 0.0
    for step in range(_BINS):
        here = [(v, r) for v, r in said if min(_BINS - 1, int(v * _BINS + 1e-9)) == step]
        apart += abs(sum(v for v, _ in here) - sum(r for _, r in here))
    return Goal(name, round(apart), len(said), 0.05, least=False)


def languages(found: Sequence[Case]) -> list[dict[str, str | int | float]]:
    """Lead cards and tagged ones, of the eligible, per language that readers named often enough."""
    eligible = [case for case in found if case.is_eligible]
    counts = Counter(case.truth.language or "unknown" for case in eligible)
    rows: list[dict[str, str | int | float]] = []
    for language, count in counts.most_common():
        if count >= _LEAST_OF_A_LANGUAGE:
            here = [c for c in eligible if (c.truth.language or "unknown") == language]
            tagged = [case for case in here if case.labels.is_tagged]
            rows.append(
                {
                    "language": language,
                    "eligible": count,
                    "lead_share": round(sum(c.is_lead for c in here) / count, 3),
                    "tagged_share": round(len(tagged) / count, 3),
                    "tagged": len(tagged),
                    "pair_right": sum(case.is_pair_right for case in tagged),
                }
            )
    return rows
