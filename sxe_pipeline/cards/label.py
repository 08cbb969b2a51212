"""From what an account says to account type, persona and tribes, each with its evidence.

Here: gathering evidence, weighing it, choosing, abstaining. No label without evidence comes out of
this file. Not here: reading texts (`text`, `match`), tables of cards (`build`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sxe_pipeline.cards.match import Hit, find
from sxe_pipeline.cards.taxonomy import Kind, Mark, Taxonomy
from sxe_pipeline.cards.text import BREAK, hashtags, phrase_skeleton, skeleton, split_tag

MAX_EVIDENCE = 3
MODEL_VERSION = "none"
_MAX_CONFIDENCE = 0.98
_NAME_FACTOR = 0.8
_TAG_FACTOR = 0.9
_BUSINESS_FLAG_WEIGHT = 0.4
_PARODY_FLAG_WEIGHT = 0.95
_SOME_DOUBT = 0.45


class Voice(NamedTuple):
    """What one account says of itself; every text is redacted and clean."""

    bio: str | None = None
    language: str | None = None
    display_name: str | None = None
    link_domains: Sequence[str] = ()
    interests: Sequence[str] = ()
    category: str | None = None
    category_kind: str | None = None
    follower_count: int | None = None
    is_business: bool | None = None
    is_parody: bool | None = None


class Evidence(NamedTuple):
    """One reason for a label: the words, where they stand, and how much they weigh."""

    label: str
    source: str
    text: str
    weight: float
    span: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a card. Null: nothing above the threshold. `evidence` is sorted by label."""

    account_type: str
    persona_family: str | None = None
    persona: str | None = None
    persona_confidence: float | None = None
    tribe: str | None = None
    tribe_confidence: float | None = None
    tribes: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    has_signal: bool = False
    has_weak_signal: bool = False
    is_own_words: bool = False
    says_two_things: bool = False

    @property
    def is_tagged(self) -> bool:
        """Persona and primary tribe, from any source."""
        return self.persona_family is not None and self.tribe is not None


class _Case:
    """The evidence for one label."""

    __slots__ = ("_seen", "items")

    def __init__(self) -> None:
        self.items: list[Evidence] = []
        self._seen: set[str] = set()

    def add(self, item: Evidence) -> None:
        """The same words count once, however often they stand there."""
        key = phrase_skeleton(item.text)
        if key not in self._seen:
            self._seen.add(key)
            self.items.append(item)

    def confidence(self, taxonomy: Taxonomy, *, with_audience: bool = True) -> float:
        """One piece is capped; several combine; an audience alone is capped by its own rule."""
        own = [item for item in self.items if item.source != "audience"]
        doubt = 1.0
        for item in own:
            doubt *= 1.0 - item.weight
        cap = _MAX_CONFIDENCE
        if len(own) == 1 and own[0].source == "text":
            cap = taxonomy.single_evidence_cap
        sure = min(1.0 - doubt, cap) if own else 0.0
        if with_audience and len(own) < len(self.items):
            sure = max(sure, taxonomy.audience_confidence)
        return round(sure, 3)

    @property
    def span(self) -> tuple[int, int, int]:
        """Where its first piece stands."""
        return min(item.span for item in self.items)

    def top(self, count: int) -> list[Evidence]:
        """The strongest pieces, earlier words first among equals."""
        return sorted(self.items, key=lambda item: (-item.weight, item.span))[:count]


_Cases = dict[tuple[Kind, str], _Case]


def label(voices: Sequence[Voice], taxonomy: Taxonomy, *, audience: Sequence[str] = ()) -> Labels:
    """Label one card from all its accounts.

    Args:
        voices: The accounts of the card, primary account first.
        taxonomy: The labels.
        audience: Tribes that the card's collections declare; they support a tribe, never a persona.

    Returns:
        The labels; `unknown` and null where no evidence reaches the threshold.
    """
    return _decide(voices, gather(voices, taxonomy, audience), taxonomy)


def gather(voices: Sequence[Voice], taxonomy: Taxonomy, audience: Sequence[str] = ()) -> _Cases:
    """Everything that speaks for a label, by kind and label; arguments as of `label`."""
    cases: _Cases = {}
    for number, voice in enumerate(voices):
        _listen(voice, number, cases, taxonomy)
    for order, tribe in enumerate(audience):
        if tribe in taxonomy.tribes:
            span = (len(voices), order, order)
            mark = Mark("tribe", tribe, taxonomy.audience_confidence)
            _add(cases, mark, "audience", tribe, span)
    return cases


def _add(
    cases: _Cases, mark: Mark, source: str, text: str, span: tuple[int, int, int], by: float = 1.0
) -> None:
    case = cases.get((mark.kind, mark.label))
    if case is None:
        case = cases[mark.kind, mark.label] = _Case()
    case.add(Evidence(mark.label, source, text, round(mark.weight * by, 3), span))


def _listen(voice: Voice, number: int, cases: _Cases, taxonomy: Taxonomy) -> None:
    """Gather the evidence of one account. Segments: bio 0, name 1, platform 2, links 3."""
    base = number * 4
    if voice.bio:
        for hit in find(skeleton(voice.bio), taxonomy, voice.language):
            words = voice.bio[hit.start : hit.end]
            _add(cases, hit.mark, "text", words, (base, hit.start, hit.end))
        for tag in hashtags(voice.bio):
            _listen_to_tag(tag, voice.bio, base, cases, taxonomy)
    if voice.display_name:
        _listen_to_name(voice.display_name, base + 1, cases, taxonomy)
    _listen_to_platform(voice, base + 2, cases, taxonomy)
    for host in voice.link_domains:
        for mark in taxonomy.domains.get(host, ()):
            _add(cases, mark, "text", host, (base + 3, 0, 1))


def _listen_to_name(name: str, segment: int, cases: _Cases, taxonomy: Taxonomy) -> None:
    bare = skeleton(name)
    for hit in find(bare, taxonomy):
        if _is_more_than_a_name(hit, bare):
            words = name[hit.start : hit.end]
            _add(cases, hit.mark, "text", words, (segment, hit.start, hit.end), _NAME_FACTOR)


def _listen_to_platform(voice: Voice, segment: int, cases: _Cases, taxonomy: Taxonomy) -> None:
    if voice.category:
        for mark in taxonomy.categories.get(voice.category.strip().casefold(), ()):
            _add(cases, mark, "platform", voice.category, (segment, 0, 1))
    for interest in voice.interests:
        for hit in find(skeleton(interest), taxonomy):
            if hit.mark.kind == "tribe":
                _add(cases, hit.mark, "platform", interest, (segment, 2, 3))


def _listen_to_tag(tag: str, bio: str, base: int, cases: _Cases, taxonomy: Taxonomy) -> None:
    start = bio.find(tag)
    span = (base, start, start + len(tag))
    words = split_tag(tag)
    marks: Iterable[Mark]
    if " " in words:
        marks = [hit.mark for hit in find(words, taxonomy)]
    else:
        marks = taxonomy.joined.get(words, ())
    for mark in marks:
        _add(cases, mark, "text", tag, span, _TAG_FACTOR)


def _is_more_than_a_name(hit: Hit, bare: str) -> bool:
    """Baker, Hunter and Page are surnames: one word counts only behind a separator."""
    return " " in bare[hit.start : hit.end] or BREAK in bare[: hit.start].strip()


def _decide(voices: Sequence[Voice], cases: _Cases, taxonomy: Taxonomy) -> Labels:
    _hear_flags(voices, cases)
    cues = {
        name: case.confidence(taxonomy)
        for (kind, name), case in cases.items()
        if kind == "account_type"
    }
    limit = taxonomy.thresholds["account_type"]
    is_copy = cues.get("fan_or_parody", 0.0) >= limit
    is_group = cues.get("organisation", 0.0) >= limit and (
        cues["organisation"] > cues.get("person", 0.0)
    )
    persona, is_weak = (None, False)
    if not is_copy:
        persona, is_weak = _choose_persona(cases, cues, taxonomy, is_group=is_group)
    account_type, creator = _account_type(voices, persona, cues, taxonomy, is_copy, is_group)
    family, confidence, role = _role(persona, account_type, creator, cases, taxonomy)
    refused = taxonomy.echoes.get(persona or "", frozenset()) | taxonomy.echoes.get(
        family or "", frozenset()
    )
    tribes, is_weak_tribe = _choose_tribes(cases, persona, refused, taxonomy)
    topic = cases["tribe", tribes[0]] if tribes else None
    evidence = role[:MAX_EVIDENCE]
    for order, tribe in enumerate(tribes):
        evidence += cases["tribe", tribe].top(1 if order else MAX_EVIDENCE)
    if type_case := cases.get(("account_type", account_type)):
        evidence += type_case.top(1)
    # One category chosen from a list says one thing, and is often a joke: no pair by itself.
    is_own_words = (
        persona is not None
        and topic is not None
        and _is_own(topic, taxonomy)
        and any(item.source == "text" for item in (*role, *topic.items))
    )
    return Labels(
        account_type=account_type,
        persona_family=family,
        persona=persona,
        persona_confidence=confidence,
        tribe=tribes[0] if tribes else None,
        tribe_confidence=topic.confidence(taxonomy) if topic else None,
        tribes=tribes,
        evidence=evidence,
        has_signal=persona is not None or any(_is_own(cases["tribe", t], taxonomy) for t in tribes),
        has_weak_signal=is_weak or is_weak_tribe,
        is_own_words=is_own_words,
        says_two_things=is_own_words and _is_apart(topic, role),
    )


def _hear_flags(voices: Sequence[Voice], cases: _Cases) -> None:
    for number, voice in enumerate(voices):
        span = (number * 4 + 2, 4, 5)
        if voice.is_parody:
            mark = Mark("account_type", "fan_or_parody", _PARODY_FLAG_WEIGHT)
            _add(cases, mark, "platform", "parody", span)
        if voice.is_business or voice.category_kind == "business":
            mark = Mark("account_type", "organisation", _BUSINESS_FLAG_WEIGHT)
            _add(cases, mark, "platform", "business", span)


def _choose_persona(
    cases: _Cases, cues: dict[str, float], taxonomy: Taxonomy, *, is_group: bool
) -> tuple[str | None, bool]:
    """The role named most clearly, first among equals; and whether a weak one was seen."""
    found = {}
    is_weak = False
    for (kind, name), case in cases.items():
        if kind != "persona":
            continue
        confidence = case.confidence(taxonomy)
        if confidence < taxonomy.thresholds["persona"]:
            is_weak = True
        else:
            found[name] = confidence
    personas = taxonomy.personas
    is_somebody = cues.get("person", 0.0) > cues.get("organisation", 0.0) or any(
        not personas[name].is_organisation for name in found
    )
    if is_group:
        found = {n: c for n, c in found.items() if personas[n].is_organisation}
    elif is_somebody:
        # "Correspondent, breaking news": words about an organisation lose to a person's own role;
        # the category that the owner chose does not.
        found = {n: c for n, c in found.items() if _can_be_a_persons(n, cases, taxonomy)}
    if not found:
        return None, is_weak
    best = min(
        found,
        key=lambda n: (
            personas[n].is_last_resort,
            -round(found[n], 1),
            cases["persona", n].span,
            n,
        ),
    )
    return best, is_weak


def _can_be_a_persons(name: str, cases: _Cases, taxonomy: Taxonomy) -> bool:
    is_chosen = any(item.source == "platform" for item in cases["persona", name].items)
    return is_chosen or not taxonomy.personas[name].is_organisation


def _account_type(
    voices: Sequence[Voice],
    persona: str | None,
    cues: dict[str, float],
    taxonomy: Taxonomy,
    is_copy: bool,
    is_group: bool,
) -> tuple[str, Evidence | None]:
    """The account type, and why it counts as a creator where no word says so."""
    if is_copy:
        return "fan_or_parody", None
    if is_group or (persona and taxonomy.personas[persona].is_organisation):
        return "organisation", None
    creator = _creator(voices, taxonomy, is_plain=cues.get("organisation", 0.0) < _SOME_DOUBT)
    if creator or (persona and taxonomy.personas[persona].family == "creator"):
        return "creator", creator
    if persona or cues.get("person", 0.0) >= taxonomy.thresholds["account_type"]:
        return "person", None
    return "unknown", None


def _creator(voices: Sequence[Voice], taxonomy: Taxonomy, *, is_plain: bool) -> Evidence | None:
    """The flag counts always; followers only where nothing sounds like an organisation."""
    for number, voice in enumerate(voices):
        span = (number * 4 + 2, 6, 7)
        if voice.category_kind == "creator":
            weight = taxonomy.creator_confidence["flag"]
            return Evidence("creator", "platform", "creator account", weight, span)
    for number, voice in enumerate(voices if is_plain else ()):
        span = (number * 4 + 2, 6, 7)
        if (voice.follower_count or 0) >= taxonomy.creator_follower_count:
            weight = taxonomy.creator_confidence["followers"]
            text = f"{taxonomy.creator_follower_count} followers and more"
            return Evidence("creator", "platform", text, weight, span)
    return None


def _role(
    persona: str | None,
    account_type: str,
    creator: Evidence | None,
    cases: _Cases,
    taxonomy: Taxonomy,
) -> tuple[str | None, float | None, list[Evidence]]:
    """Family, confidence and evidence of the persona."""
    if persona:
        case = cases["persona", persona]
        family = taxonomy.personas[persona].family
        return family, case.confidence(taxonomy), case.top(MAX_EVIDENCE)
    if account_type == "creator" and creator:
        return "creator", creator.weight, [creator]
    return None, None, []


def _choose_tribes(
    cases: _Cases, persona: str | None, refused: frozenset[str], taxonomy: Taxonomy
) -> tuple[list[str], bool]:
    """Tribes above the threshold, the primary one first; and whether a weak one was seen."""
    own_field = taxonomy.personas[persona].field if persona else None
    found = []
    is_weak = False
    for (kind, name), case in cases.items():
        if kind != "tribe" or name in refused:
            continue
        confidence = case.confidence(taxonomy)
        if confidence < taxonomy.thresholds["tribe"]:
            is_weak = True
            continue
        is_declared_only = not _is_own(case, taxonomy)
        is_last = taxonomy.tribes[name].is_last_resort
        rank = (is_declared_only, is_last, -round(confidence, 1), name != own_field, case.span)
        found.append((rank, name))
    return [name for _, name in sorted(found)], is_weak


def _is_own(case: _Case, taxonomy: Taxonomy) -> bool:
    """Whether the words or the platform alone carry the tribe over its threshold."""
    return case.confidence(taxonomy, with_audience=False) >= taxonomy.thresholds["tribe"]


def _is_apart(topic: _Case | None, role: Sequence[Evidence]) -> bool:
    """Whether some words speak of the topic that do not speak of the role too."""
    if topic is None:
        return False
    return any(
        not any(_overlap(item.span, other.span) for other in role)
        for item in topic.items
        if item.source != "audience"
    )


def _overlap(left: tuple[int, int, int], right: tuple[int, int, int]) -> bool:
    return left[0] == right[0] and left[1] < right[2] and right[1] < left[2]
