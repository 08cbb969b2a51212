"""From evidence to labels by trained weights: each account alone, the surest wins, or nobody does.

Here: one batch of cards at a time; abstaining; no label without a phrase or a word of content. Not
here: how sure a candidate is (`choices`), which words carry it (`words`).
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from sxe_pipeline.cards.labeler import words
from sxe_pipeline.cards.labeler.choices import ENTHUSIAST, KINDS, choices, confidence
from sxe_pipeline.cards.labeler.evidence import Cases, Evidence, Voice, gather, listen
from sxe_pipeline.cards.labeler.grams import Numbers
from sxe_pipeline.cards.labeler.label import MAX_EVIDENCE, Labels, is_apart, label
from sxe_pipeline.cards.labeler.weights import UNIT, Read, Weights, read, scores, texts_of
from sxe_pipeline.cards.taxonomy import Kind, Taxonomy

_WORTH_A_LOOK = UNIT * 3 // 10
"""A candidate that is less sure than this is not even a doubt."""
_MOST = 980
_HAND_SET = 0.9
"""Phrases alone promise too much: of 60 labels that they said with .86, .80 were right."""
_NAMED = 0.9
"""Of roles that were right, nine of ten had the topic that they name."""
RULES_ONLY = "none"
"""The model version of labels in which no weights took part."""


class Said(NamedTuple):
    """All that a card says: its accounts, the primary one first, and the declared tribes."""

    voices: Sequence[Voice]
    audience: Sequence[str] = ()


class _Option(NamedTuple):
    """A label that is sure enough for an account; in the order in which they are tried."""

    doubt: int
    account: int
    label: str


class _Options(NamedTuple):
    """Account -> the labels of one kind that are sure enough, and if others are worth a look."""

    sure: list[list[_Option]]
    is_doubted: list[bool]

    def of(self, accounts: range) -> list[_Option]:
        """Those of the accounts of a card, the surest first."""
        return sorted(chain.from_iterable(self.sure[accounts.start : accounts.stop]))

    def doubts(self, accounts: range) -> bool:
        """Whether one of the accounts of a card says something that is not sure enough."""
        return True in self.is_doubted[accounts.start : accounts.stop]


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a batch of accounts says, and what each may be."""

    voices: Sequence[Voice]
    cases: Sequence[Cases]
    options: dict[Kind, _Options]
    grams: words.Placed
    weights: Weights
    taxonomy: Taxonomy
    silent_words: frozenset[str]


def label_all(
    cards: Sequence[Said], taxonomy: Taxonomy, weights: Weights | None = None
) -> list[Labels]:
    """Label cards by trained weights, or by rules alone where there are none.

    Args:
        cards: What each says.
        taxonomy: The labels.
        weights: The trained weights.
    """
    with _uncollected():
        if weights is None:
            return [label(card.voices, taxonomy, audience=card.audience) for card in cards]
        return label_cards(cards, taxonomy, weights)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage: what a batch makes lives until its end, and holds no circles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def label_cards(cards: Sequence[Said], taxonomy: Taxonomy, weights: Weights) -> list[Labels]:
    """Label a batch of cards.

    Args:
        cards: What each says.
        taxonomy: The labels; one that the weights lack is chosen by its phrases alone.
        weights: The trained weights; a label that the taxonomy lacks is never said.
    """
    voices = [voice for card in cards for voice in card.voices]
    if not voices:
        return [Labels("unknown") for _ in cards]
    texts = [texts_of(voice) for voice in voices]
    numbers = (number for card in cards for number in range(len(card.voices)))
    cases = [Cases() for _ in voices]
    for number, voice, bares, found in zip(numbers, voices, texts, cases, strict=True):
        listen(voice, number, found, taxonomy, bares[:2])
    seen = read(texts, weights)
    batch = _Batch(
        voices,
        cases,
        _options(voices, cases, seen, weights, taxonomy),
        words.placed(texts, seen),
        weights,
        taxonomy,
        taxonomy.denied_words.union(*taxonomy.stop_words.values()),
    )
    first = np.cumsum([0, *(len(card.voices) for card in cards)]).tolist()
    return [_label(batch, at, card) for at, card in zip(first, cards, strict=False)]


def considered(
    voice: Voice, cases: Cases, taxonomy: Taxonomy, weights: Weights
) -> dict[tuple[Kind, str], tuple[float, float]]:
    """Every candidate of one account: how sure it is, and from where on it is said.

    Args:
        voice: What the account says.
        cases: What the rules found in it.
        taxonomy: The labels.
        weights: The trained weights.
    """
    seen = read([texts_of(voice)], weights)
    found: dict[tuple[Kind, str], tuple[float, float]] = {}
    candidates = _candidates([voice], [cases], seen, weights, taxonomy)
    for kind, (_, labels, sure) in candidates.items():
        for at, value in zip(labels.tolist(), sure.tolist(), strict=True):
            found[kind, weights.columns[kind][at]] = value / UNIT, _limit(kind, weights) / UNIT
    for kind, name in cases.keys() - _learnt(weights):
        confidence_ = cases[kind, name].confidence(taxonomy)
        limit = taxonomy.thresholds[kind]
        found[kind, name] = round(confidence_ * _HAND_SET, 3), round(limit * _HAND_SET, 3)
    return found


def _candidates(
    voices: Sequence[Voice],
    cases: Sequence[Cases],
    seen: Read,
    weights: Weights,
    taxonomy: Taxonomy,
) -> dict[Kind, tuple[Numbers, Numbers, Numbers]]:
    """Kind -> account, label and thousandths of how sure it is, of every candidate."""
    table = scores(seen, len(voices), weights)
    every = choices(voices, cases, table, seen.word_count, weights, taxonomy)
    found = {}
    for kind in KINDS:
        account, labels, inputs = every[kind]
        found[kind] = account, labels, np.minimum(confidence(inputs, weights.trees[kind]), _MOST)
    return found


def _limit(kind: Kind, weights: Weights) -> int:
    """Thousandths from which a candidate is said."""
    return max(weights.limits[kind], _WORTH_A_LOOK)


def _options(
    voices: Sequence[Voice],
    cases: Sequence[Cases],
    seen: Read,
    weights: Weights,
    taxonomy: Taxonomy,
) -> dict[Kind, _Options]:
    """What each account may be, by kind."""
    found: dict[Kind, _Options] = {}
    candidates = _candidates(voices, cases, seen, weights, taxonomy)
    for kind, (account, labels, sure) in candidates.items():
        is_sure = sure >= _limit(kind, weights)
        doubted = account[~is_sure & (sure >= _WORTH_A_LOOK)]
        is_doubted = np.bincount(doubted, minlength=len(voices)) > 0
        found[kind] = _Options([[] for _ in voices], is_doubted.tolist())
        names, options = weights.columns[kind], found[kind].sure
        rows = zip(*(part[is_sure].tolist() for part in (account, labels, sure)), strict=True)
        for at, name, value in rows:
            options[at].append(_Option(-value, at, names[name]))
    _add_unlearnt(cases, weights, taxonomy, found)
    return found


def _learnt(weights: Weights) -> set[tuple[str, str]]:
    return {(kind, name) for kind, names in weights.columns.items() for name in names}


def _add_unlearnt(
    cases: Sequence[Cases], weights: Weights, taxonomy: Taxonomy, found: dict[Kind, _Options]
) -> None:
    """Add the labels that the weights lack: they stand on their phrases alone."""
    learnt = _learnt(weights)
    for account, case_of in enumerate(cases):
        for kind, name in case_of.keys() - learnt:
            confidence_ = case_of[kind, name].confidence(taxonomy)
            if confidence_ >= taxonomy.thresholds[kind]:
                value = round(confidence_ * _HAND_SET * UNIT)
                found[kind].sure[account].append(_Option(-value, account, name))
            else:
                found[kind].is_doubted[account] = True


class _Chosen(NamedTuple):
    """A label of a card, how sure it is, and why."""

    label: str
    confidence: float | None
    evidence: list[Evidence]


def _label(batch: _Batch, first: int, card: Said) -> Labels:
    """Choose for one card, whose accounts begin at `first`."""
    accounts = range(first, first + len(card.voices))
    taxonomy = batch.taxonomy
    is_copy = any(_says_copy(batch.cases[account], taxonomy) for account in accounts)
    persona = None if is_copy else next(_sure(batch, "persona", accounts), None)
    family, specific = _levels(persona, taxonomy)
    echoes = taxonomy.echoes
    refused = echoes.get(specific or "", frozenset()) | echoes.get(family or "", frozenset())
    topics = {
        each.label: each for each in _sure(batch, "tribe", accounts) if each.label not in refused
    }
    declared = gather((), taxonomy, card.audience) if card.audience else Cases()
    for (_, tribe), case in declared.items():
        if tribe not in refused and tribe not in topics:
            topics[tribe] = _Chosen(tribe, taxonomy.audience_confidence, case.items)
    if not topics and persona and (named := _named(persona, taxonomy)):
        topics[named.label] = named
    kind = _account_type(batch, accounts, family, persona, is_copy=is_copy)
    own = [topic for topic in topics.values() if topic.evidence[0].source != "audience"]
    primary = next(iter(topics.values()), None)
    evidence = list(persona.evidence) if persona else []
    for order, topic in enumerate(topics.values()):
        evidence += topic.evidence if not order else topic.evidence[:1]
    if kind.evidence is not (persona and persona.evidence):
        evidence += kind.evidence[:1]
    is_own_words = bool(
        persona
        and specific
        and own
        and any(
            each.source in ("text", "posts", "model") for each in persona.evidence + own[0].evidence
        )
    )
    return Labels(
        account_type=kind.label,
        persona_family=family,
        persona=specific,
        persona_confidence=persona.confidence if persona else None,
        tribe=primary.label if primary else None,
        tribe_confidence=primary.confidence if primary else None,
        tribes=list(topics),
        evidence=evidence,
        has_weak_signal=(
            batch.options["persona"].doubts(accounts) or batch.options["tribe"].doubts(accounts)
        ),
        is_own_words=is_own_words,
        says_two_things=bool(
            is_own_words and persona and is_apart(own[0].evidence, persona.evidence)
        ),
        account_type_confidence=kind.confidence,
    )


def _named(persona: _Chosen, taxonomy: Taxonomy) -> _Chosen | None:
    """The topic that a role names, by the words of the role: no phrase of it, no topic."""
    topic = taxonomy.topic_of(persona.label)
    words = [each for each in persona.evidence if each.source in ("text", "platform")]
    if topic is None or not words or persona.confidence is None:
        return None
    sure = round(persona.confidence * _NAMED, 3)
    return _Chosen(topic, sure, [each._replace(label=topic) for each in words])


def _says_copy(cases: Cases, taxonomy: Taxonomy) -> bool:
    case = cases.get(("account_type", "fan_or_parody"))
    return bool(case and case.confidence(taxonomy) >= taxonomy.thresholds["account_type"])


def _levels(persona: _Chosen | None, taxonomy: Taxonomy) -> tuple[str | None, str | None]:
    """Family and specific persona."""
    if persona is None:
        return None, None
    if persona.label == ENTHUSIAST:
        return ENTHUSIAST, None
    return taxonomy.personas[persona.label].family, persona.label


def _sure(batch: _Batch, kind: Kind, accounts: range) -> Iterator[_Chosen]:
    """The labels that are sure enough and have evidence, the surest first, each once."""
    told = set()
    for option in batch.options[kind].of(accounts):
        if option.label in told:
            continue
        if evidence := _evidence(batch, kind, option, accounts.start):
            told.add(option.label)
            yield _Chosen(option.label, -option.doubt / UNIT, evidence)


def _evidence(batch: _Batch, kind: Kind, option: _Option, first: int) -> list[Evidence]:
    """The phrases of the taxonomy where there are some, else the words that carry the label."""
    case = batch.cases[option.account].get((kind, option.label))
    if case and any(item.source != "signal" for item in case.items):
        return case.top(MAX_EVIDENCE)
    if option.label not in batch.weights.columns[kind]:
        return []
    weights = batch.weights
    column = weights.task(kind).start + weights.columns[kind].index(option.label)
    return words.evidence(
        option.label,
        column,
        (option.account, option.account - first),
        batch.voices[option.account],
        batch.grams,
        weights,
        batch.silent_words,
        batch.cases[option.account].silent(kind),
    )


def _account_type(
    batch: _Batch,
    accounts: range,
    family: str | None,
    persona: _Chosen | None,
    *,
    is_copy: bool,
) -> _Chosen:
    """A role says what kind of account has it; else the surest kind, or unknown."""
    if is_copy:
        case = next(
            batch.cases[account]["account_type", "fan_or_parody"]
            for account in accounts
            if _says_copy(batch.cases[account], batch.taxonomy)
        )
        return _Chosen("fan_or_parody", case.confidence(batch.taxonomy), case.top(1))
    if persona and family != ENTHUSIAST:
        specific = batch.taxonomy.personas[persona.label]
        kind = "organisation" if specific.is_organisation else "person"
        if family == "creator":
            kind = "creator"
        return _Chosen(kind, persona.confidence, persona.evidence)
    unknown = _Chosen("unknown", None, [])
    best = batch.options["account_type"].of(accounts)[:1]
    if not best or best[0].label == unknown.label:
        return unknown
    return next(_sure(batch, "account_type", accounts), unknown)
