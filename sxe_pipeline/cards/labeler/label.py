"""From evidence to account type, persona and tribes by the rules of the taxonomy alone.

Here: weighing, choosing, abstaining. No label without evidence comes out of this file. Not here:
gathering evidence (`evidence`), choosing by trained weights (`learned`), tables (`build`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sxe_pipeline.cards.labeler.evidence import Case, Cases, Evidence, Voice, gather, overlap
from sxe_pipeline.cards.lint import PASSION
from sxe_pipeline.cards.taxonomy import Taxonomy

MAX_EVIDENCE = 3

Standing = Literal["lead", "audience", "no_signal"]
"""What an identity is: a lead card, one of an audience, or neither."""


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
    has_weak_signal: bool = False
    is_own_words: bool = False
    says_two_things: bool = False
    account_type_confidence: float | None = None

    @property
    def standing(self) -> Standing:
        """A persona makes a lead; of who has a topic alone nobody knows more than that."""
        if self.persona_family is not None:
            return "lead"
        return "no_signal" if self.tribe is None else "audience"

    @property
    def is_tagged(self) -> bool:
        """Persona and primary tribe, from any source."""
        return self.persona_family is not None and self.tribe is not None


def label(voices: Sequence[Voice], taxonomy: Taxonomy, *, audience: Sequence[str] = ()) -> Labels:
    """Label one card from all its accounts.

    Args:
        voices: The accounts of the card, primary account first.
        taxonomy: The labels.
        audience: Tribes that the card's collections declare; they support a tribe, never a persona.

    Returns:
        The labels; `unknown` and null where no evidence reaches the threshold.
    """
    cases = gather(voices, taxonomy, audience)
    return _decide(voices, cases, taxonomy)


def _decide(voices: Sequence[Voice], cases: Cases, taxonomy: Taxonomy) -> Labels:
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
    named = taxonomy.topic_of(persona)
    if not tribes and named and named not in refused:
        tribes = [named]
        words = [each._replace(label=named) for each in role]
        cases["tribe", named] = Case(words[0])
        for each in words[1:]:
            cases["tribe", named].add(each)
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
        and any(item.source in ("text", "posts") for item in (*role, *topic.items))
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
        has_weak_signal=is_weak or is_weak_tribe,
        is_own_words=is_own_words,
        says_two_things=is_own_words and topic is not None and is_apart(topic.items, role),
    )


def _choose_persona(
    cases: Cases, cues: dict[str, float], taxonomy: Taxonomy, *, is_group: bool
) -> tuple[str | None, bool]:
    """The role named most clearly, first among equals; and whether a weak one was seen."""
    found = {}
    is_weak = False
    for (kind, name), case in cases.items():
        if kind != "persona" or name not in taxonomy.personas:
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


def _can_be_a_persons(name: str, cases: Cases, taxonomy: Taxonomy) -> bool:
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
    creator = _creator(voices, taxonomy)
    if creator or (persona and taxonomy.personas[persona].family == "creator"):
        return "creator", creator
    if persona or cues.get("person", 0.0) >= taxonomy.thresholds["account_type"]:
        return "person", None
    return "unknown", None


def _creator(voices: Sequence[Voice], taxonomy: Taxonomy) -> Evidence | None:
    """The platform's flag says it; followers alone make nobody a creator."""
    for number, voice in enumerate(voices):
        if voice.category_kind == "creator":
            span = (number * 4 + 2, 6, 7)
            weight = taxonomy.creator_confidence
            return Evidence("creator", "signal", "category_kind", "creator account", weight, span)
    return None


def _role(
    persona: str | None,
    account_type: str,
    creator: Evidence | None,
    cases: Cases,
    taxonomy: Taxonomy,
) -> tuple[str | None, float | None, list[Evidence]]:
    """Family, confidence and evidence of the persona."""
    if persona:
        case = cases["persona", persona]
        family = taxonomy.personas[persona].family
        return family, case.confidence(taxonomy), case.top(MAX_EVIDENCE)
    if account_type == "creator" and creator:
        return "creator", creator.weight, [creator]
    passion = cases.get(("persona", PASSION))
    if passion and account_type in ("person", "unknown"):
        confidence = passion.confidence(taxonomy)
        if confidence >= taxonomy.thresholds["persona"]:
            return PASSION, confidence, passion.top(MAX_EVIDENCE)
    return None, None, []


def _choose_tribes(
    cases: Cases, persona: str | None, refused: frozenset[str], taxonomy: Taxonomy
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


def _is_own(case: Case, taxonomy: Taxonomy) -> bool:
    """Whether the words or the platform alone carry the tribe over its threshold."""
    return case.confidence(taxonomy, with_audience=False) >= taxonomy.thresholds["tribe"]


def is_apart(topic: Sequence[Evidence], role: Sequence[Evidence]) -> bool:
    """Whether some words speak of the topic that do not speak of the role too."""
    return any(
        not any(overlap(item.span, other.span) for other in role)
        for item in topic
        if item.source != "audience"
    )
