"""Why one text gets its labels, and what almost got there.

Here: all that speaks for a label, weak or beaten included, and what a context took away. Not here:
how labels are chosen (`label`).
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from sxe_pipeline.cards import text
from sxe_pipeline.cards.card import label_columns
from sxe_pipeline.cards.labeler.evidence import Cases, Evidence, Voice, gather
from sxe_pipeline.cards.labeler.label import Labels
from sxe_pipeline.cards.labeler.learned import Said, considered, label_all
from sxe_pipeline.cards.labeler.match import Hit, find, unparted
from sxe_pipeline.cards.labeler.weights import Weights
from sxe_pipeline.cards.taxonomy import Kind, Taxonomy
from sxe_pipeline.cards.text import BREAK

Outcome = Literal["said", "beaten", "abstained", "weak"]
"""Said; sure enough, and another of its kind was said; under its threshold. Abstained: sure enough
where nothing of its kind may be said, or sure enough for the rules and not for the weights."""


class Contender(NamedTuple):
    """A label that some words speak for; with weights, confidence and threshold are theirs."""

    kind: Kind
    label: str
    outcome: Outcome
    confidence: float
    threshold: float
    evidence: Sequence[Evidence]


class TakenAway(NamedTuple):
    """Words that would speak for a label, and the contexts beside them that say otherwise."""

    label: str
    words: str
    contexts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a text."""

    language: str | None
    labels: dict[str, Any]
    contenders: Sequence[Contender]
    taken_away: Sequence[TakenAway]


def tried(
    given: str, taxonomy: Taxonomy, language: str | None = None, weights: Weights | None = None
) -> Trial:
    """Label one text and say why.

    Args:
        given: The text of a profile.
        taxonomy: The labels.
        language: Its language; found out where it is not given.
        weights: The trained weights; None labels by rules alone.

    Returns:
        The labels, all that some words speak for, surest first, and what contexts took away.
    """
    bio = text.clean(given) or ""
    bare = unparted(text.skeleton(bio))
    language = language or text.language(bio)[0]
    voice = Voice(bio=bio, language=language)
    [found] = label_all([Said([voice])], taxonomy, weights)
    labels = label_columns(found)
    cases = gather([voice], taxonomy)
    weighed = considered(voice, cases, taxonomy, weights) if weights else {}
    contenders = [*_learned(found, cases, weighed), *_heard(found, cases, weighed, taxonomy)]
    if lent := _lent(found, cases, weighed, taxonomy):
        own = [each for each in contenders if (each.kind, each.label) != (lent.kind, lent.label)]
        contenders = [lent, *own]
    order = ("said", "beaten", "abstained", "weak")
    contenders.sort(key=lambda c: (order.index(c.outcome), -c.confidence, c.kind, c.label))
    return Trial(language, labels, contenders, list(_taken_away(bare, bio, language, taxonomy)))


_Weighed = Mapping[tuple[Kind, str], tuple[float, float]]
"""What the weights consider: confidence and limit; empty where rules alone decide."""


def _heard(
    found: Labels, cases: Cases, weighed: _Weighed, taxonomy: Taxonomy
) -> Iterator[Contender]:
    """Every label that a phrase of the taxonomy speaks for."""
    said: Mapping[Kind, Set[str | None]] = {
        "account_type": {found.account_type} - {"unknown"},
        "persona": {found.persona or found.persona_family} - {None},
        "tribe": {*found.tribes},
    }
    for (kind, name), case in cases.items():
        by_rule = case.confidence(taxonomy), taxonomy.thresholds[kind]
        confidence, threshold = weighed.get((kind, name), by_rule)
        outcome: Outcome = "weak"
        if name in said[kind]:
            outcome = "said"
            if kind == "account_type" and found.account_type_confidence is not None:
                confidence = found.account_type_confidence  # a role says it, not the word alone
        elif confidence >= threshold:
            outcome = "beaten" if said[kind] else "abstained"
        elif weighed and by_rule[0] >= by_rule[1]:
            outcome = "abstained"
        evidence = case.top(len(case.items))
        yield Contender(kind, name, outcome, confidence, threshold, evidence)


def _learned(found: Labels, cases: Cases, weighed: _Weighed) -> Iterator[Contender]:
    """What was said without a phrase of the taxonomy: words that the weights know."""
    names: tuple[tuple[Kind, str | None], ...] = (
        ("persona", found.persona or found.persona_family),
        *(("tribe", tribe) for tribe in found.tribes),
    )
    for kind, name in names:
        words = [each for each in found.evidence if each.label == name]
        if name and words and (kind, name) in weighed and (kind, name) not in cases:
            yield Contender(kind, name, "said", *weighed[kind, name], words)


def _lent(found: Labels, cases: Cases, weighed: _Weighed, taxonomy: Taxonomy) -> Contender | None:
    """The topic that the role lent, said as soon as the role is; none that stands by itself."""
    topic, confidence = found.tribe, found.tribe_confidence
    if topic is None or confidence is None or taxonomy.topic_of(found.persona) != topic:
        return None
    case = cases.get(("tribe", topic))
    by_rule = case.confidence(taxonomy) if case else 0.0, taxonomy.thresholds["tribe"]
    own, threshold = weighed.get(("tribe", topic), by_rule)
    if own >= threshold and own == confidence:
        return None
    words = [each for each in found.evidence if each.label == topic]
    return Contender("tribe", topic, "said", confidence, min(threshold, confidence), words)


def _taken_away(
    bare: str, bio: str, language: str | None, taxonomy: Taxonomy
) -> Iterator[TakenAway]:
    """The same words with the same label once, however often they stand there."""
    heard = find(bare, taxonomy, language)
    known = {(hit.mark.label, bio[hit.start : hit.end]) for hit in heard}
    for hit in find(bare, _without_contexts(taxonomy), language):
        said = (hit.mark.label, bio[hit.start : hit.end])
        if said not in known and not any(_is_longer(other, hit) for other in heard):
            known.add(said)
            yield TakenAway(*said, _contexts_around(bare, hit, taxonomy))


def _without_contexts(taxonomy: Taxonomy) -> Taxonomy:
    plain = tuple(replace(p, contexts=()) if p.contexts else p for p in taxonomy.patterns)
    return replace(taxonomy, patterns=plain)


def _is_longer(other: Hit, hit: Hit) -> bool:
    """Whether a phrase of the same kind took these words, and no context did."""
    return other.mark.kind == hit.mark.kind and other.start <= hit.start < other.end


def _contexts_around(bare: str, hit: Hit, taxonomy: Taxonomy) -> list[str]:
    """The contexts without which the words would be heard; all beside them where none does it."""
    start = bare.rfind(BREAK, 0, hit.start) + 1  # no context reaches across a break
    end = bare.find(BREAK, hit.end)
    part = bare[start:] if end < 0 else bare[start:end]
    hit = Hit(hit.mark, hit.start - start, hit.end - start)
    found = {
        index: part[left:right]
        for index, left, right in taxonomy.automaton.find_matches_as_indexes(part, overlapping=True)
        if taxonomy.patterns[index].contexts
        and not f"{part[:left][-1:]}{part[right : right + 1]}".strip(" ")
    }
    alone = [
        words for index, words in found.items() if hit in find(part, _without(taxonomy, index))
    ]
    return alone or sorted(found.values())


def _without(taxonomy: Taxonomy, index: int) -> Taxonomy:
    patterns = list(taxonomy.patterns)
    patterns[index] = replace(patterns[index], contexts=())
    return replace(taxonomy, patterns=patterns)
