"""What an account says, and what its words and flags speak for.

Here: gathering evidence by the phrases of the taxonomy, each piece with its place. Not here:
weighing and choosing (`label`, `learned`); reading texts (`text`, `match`).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sxe_pipeline.cards.labeler.match import Hit, Language, find, hits, joined_hits, judged
from sxe_pipeline.cards.lint import PASSION
from sxe_pipeline.cards.taxonomy import Kind, Mark, Taxonomy
from sxe_pipeline.cards.text import BREAK, hashtags, phrase_skeleton, skeleton, split_tag

TEXT_FIELDS = ("bio", "display_name")
SEGMENTS = 4
_BIO, _NAME, _PLATFORM, _LINKS = range(SEGMENTS)
_MAX_CONFIDENCE = 0.98
_NAME_FACTOR = 0.8
_TAG_FACTOR = 0.9
_POST_TAG_FACTOR = 0.8
_POST_TERM_FACTOR = 0.4
"""A tag is chosen, a term stands in any sentence: one is no topic yet, three of one tribe are."""
_MOST_POST_WORDS = 30
"""So many of the hashtags, and of the terms, that an account uses most."""
_BUSINESS_FLAG_WEIGHT = 0.4
_PARODY_FLAG_WEIGHT = 0.95
_OF_THE_PLATFORM = ("platform", "signal")


class Voice(NamedTuple):
    """What one account says of itself; every text is redacted and clean.

    `language` of the bio: told, or a way to find out that is asked where it decides. Of the words
    of posts those come first that most posts use.
    """

    bio: str | None = None
    language: Language = None
    display_name: str | None = None
    link_domains: Sequence[str] = ()
    interests: Sequence[str] = ()
    category: str | None = None
    category_kind: str | None = None
    follower_count: int | None = None
    is_business: bool | None = None
    is_parody: bool | None = None
    is_verified: bool | None = None
    platform: str | None = None
    handle: str | None = None
    post_hashtags: Sequence[str] = ()
    post_terms: Sequence[str] = ()


class Evidence(NamedTuple):
    """One reason for a label: the words, the field they stand in, and how much they weigh.

    `span`: account and field as one number, then where the words begin and end.
    """

    label: str
    source: str
    field: str
    text: str
    weight: float
    span: tuple[int, int, int]

    @property
    def account(self) -> int:
        """The number of the account that says it, among those of the card."""
        return self.span[0] // SEGMENTS

    @property
    def bounds(self) -> tuple[int, int] | tuple[None, None]:
        """Where the words stand in their field; nulls where that is no text of the account."""
        if self.field in TEXT_FIELDS:
            return self.span[1], self.span[2]
        return None, None


class Case:
    """The evidence for one label."""

    __slots__ = ("_seen", "items")

    def __init__(self, first: Evidence) -> None:
        self.items = [first]
        self._seen: set[str] | None = None

    def add(self, item: Evidence) -> None:
        """The same words count once, however often they stand there."""
        if self._seen is None:
            self._seen = {phrase_skeleton(self.items[0].text)}
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
        if len(own) == 1 and own[0].source in ("text", "posts"):
            cap = taxonomy.single_evidence_cap
        sure = min(1.0 - doubt, cap) if own else 0.0
        if with_audience and len(own) < len(self.items):
            sure = max(sure, taxonomy.audience_confidence)
        return round(sure, 3)

    @property
    def span(self) -> tuple[int, int, int]:
        """Where its first piece stands."""
        items = self.items
        return items[0].span if len(items) == 1 else min(item.span for item in items)

    def summary(self, taxonomy: Taxonomy) -> tuple[int, int, int, int, bool]:
        """Thousandths of confidence, pieces, field and place of the first, any of the platform."""
        segment, start, _ = self.span
        is_platform = any(True for item in self.items if item.source in _OF_THE_PLATFORM)
        thousandths = round(self.confidence(taxonomy) * 1000)
        return thousandths, len(self.items), segment % SEGMENTS, start, is_platform

    def top(self, count: int) -> list[Evidence]:
        """The strongest pieces, earlier words first among equals."""
        items = self.items
        if len(items) == 1:
            return items[:count]
        return sorted(items, key=lambda item: (-item.weight, item.span))[:count]


class Cases(dict[tuple[Kind, str], Case]):
    """The evidence by kind and label.

    `taken`: labels of which a phrase stands there, but its context takes the meaning away, and the
    places of these phrases.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken: dict[tuple[Kind, str], list[tuple[int, int, int]]] = defaultdict(list)

    def refuses(self, kind: Kind, label: str) -> bool:
        """Whether a label is only spoken of as somebody else's, past, or no more than a wish."""
        return (kind, label) in self.taken and (kind, label) not in self

    def silent(self, kind: Kind) -> list[tuple[int, int, int]]:
        """Places whose words speak for no persona at all: "CEO" of a former one is no role."""
        if kind != "persona":
            return []
        return [span for (of, _), spans in self.taken.items() if of == kind for span in spans]


def gather(voices: Sequence[Voice], taxonomy: Taxonomy, audience: Sequence[str] = ()) -> Cases:
    """Everything that speaks for a label, by kind and label.

    Args:
        voices: The accounts, the primary one first.
        taxonomy: The labels and their phrases.
        audience: Tribes that the collections of the accounts declare.
    """
    cases = Cases()
    for number, voice in enumerate(voices):
        listen(voice, number, cases, taxonomy)
    for order, tribe in enumerate(audience):
        if tribe in taxonomy.tribes:
            span = (len(voices) * SEGMENTS, order, order)
            mark = Mark("tribe", tribe, taxonomy.audience_confidence)
            _add(cases, mark, "audience", "collections", tribe, span)
    return cases


def listen(
    voice: Voice,
    number: int,
    cases: Cases,
    taxonomy: Taxonomy,
    bares: Sequence[str] | None = None,
) -> None:
    """Add to the cases what one account says.

    Args:
        voice: The account.
        number: Which of its card it is.
        cases: What was heard so far.
        taxonomy: The labels and their phrases.
        bares: Skeletons of bio and display name, where they are known.
    """
    bio, name = bares or (skeleton(voice.bio or ""), skeleton(voice.display_name or ""))
    base = number * SEGMENTS
    if voice.bio:
        for hit in hits(bio, taxonomy, voice.language):
            _hear(cases, hit, "bio", voice.bio[hit.start : hit.end], base + _BIO)
        for tag, start in hashtags(voice.bio).items():
            for hit in _tag_hits(tag, start, bio, taxonomy, voice.language):
                _hear(cases, hit, "bio", tag, base + _BIO, _TAG_FACTOR)
    if voice.display_name:
        _listen_to_name(voice, name, base + _NAME, cases, taxonomy)
    _listen_to_platform(voice, base + _PLATFORM, cases, taxonomy)
    for host in voice.link_domains:
        for mark in taxonomy.domains.get(host, ()):
            _add(cases, mark, "text", "link_domains", host, (base + _LINKS, 0, 1))
    _hear_flags(voice, base + _PLATFORM, cases)
    if voice.post_hashtags or voice.post_terms:
        _listen_to_posts(voice, base + _LINKS, cases, taxonomy)
    if ("persona", PASSION) in cases and _has_a_role(cases, taxonomy):
        del cases["persona", PASSION]


def _has_a_role(cases: Cases, taxonomy: Taxonomy) -> bool:
    """Whether phrases speak for a role: who has one is no mere enthusiast. "Mum" is none."""
    least = taxonomy.thresholds["persona"]
    return any(
        kind == "persona"
        and name in taxonomy.personas
        and not taxonomy.personas[name].is_last_resort
        and case.confidence(taxonomy) >= least
        for (kind, name), case in cases.items()
    )


def _add(
    cases: Cases,
    mark: Mark,
    source: str,
    field: str,
    text: str,
    span: tuple[int, int, int],
    by: float = 1.0,
) -> None:
    kind, label, weight = mark
    item = Evidence(label, source, field, text, round(weight * by, 3), span)
    case = cases.get((kind, label))
    if case is None:
        cases[kind, label] = Case(item)
    else:
        case.add(item)


def _hear(cases: Cases, hit: Hit, field: str, text: str, segment: int, by: float = 1.0) -> None:
    """A phrase that stands in a text; where it is not meant, that is what is remembered."""
    span = (segment, hit.start, hit.end)
    if hit.is_meant:
        _add(cases, hit.mark, "text", field, text, span, by)
    else:
        cases.taken[hit.mark.kind, hit.mark.label].append(span)


def _listen_to_name(
    voice: Voice, bare: str, segment: int, cases: Cases, taxonomy: Taxonomy
) -> None:
    name = voice.display_name or ""
    for hit in hits(bare, taxonomy, voice.language):
        if not hit.is_meant or _is_more_than_a_name(hit, bare):
            words = name[hit.start : hit.end]
            _hear(cases, hit, "display_name", words, segment, _NAME_FACTOR)
    for tag, start in hashtags(name).items():  # of a tag in a name only that it is not meant
        for hit in _tag_hits(tag, start, bare, taxonomy, voice.language):
            if not hit.is_meant:
                _hear(cases, hit, "display_name", tag, segment)


def _listen_to_platform(voice: Voice, segment: int, cases: Cases, taxonomy: Taxonomy) -> None:
    if voice.category:
        for mark in taxonomy.categories.get(voice.category.strip().casefold(), ()):
            _add(cases, mark, "platform", "category", voice.category, (segment, 0, 1))
    for interest in voice.interests:
        for hit in find(skeleton(interest), taxonomy, voice.language):
            if hit.mark.kind == "tribe":
                _add(cases, hit.mark, "platform", "interests", interest, (segment, 2, 3))


def _tag_hits(tag: str, start: int, bare: str, taxonomy: Taxonomy, language: Language) -> list[Hit]:
    """A tag says its words, and stands among the words around it: `ex-#SoftwareEngineer`."""
    words = split_tag(tag)
    heard = hits if " " in words else joined_hits
    found = heard(words, taxonomy, language)
    if not found:
        return []
    end = start + len(tag)
    before = bare[bare.rfind(BREAK, 0, start) + 1 : start]
    after = bare[end:].split(BREAK, 1)[0]
    at = len(before)
    placed = [hit._replace(start=hit.start + at, end=hit.end + at) for hit in found]
    told = judged(placed, f"{before}{words}{after}", taxonomy)
    return [hit._replace(start=start, end=end) for hit in told]


def _listen_to_posts(voice: Voice, segment: int, cases: Cases, taxonomy: Taxonomy) -> None:
    """Posts tell what an account gathers around, never who it is."""
    tags = voice.post_hashtags[:_MOST_POST_WORDS]
    terms = voice.post_terms[:_MOST_POST_WORDS]
    for order, word in enumerate((*tags, *terms)):
        bare = split_tag(word)
        by = _POST_TAG_FACTOR if order < len(tags) else _POST_TERM_FACTOR
        found = find(bare, taxonomy, voice.language)
        for hit in found or joined_hits(bare, taxonomy, voice.language):
            if hit.mark.kind == "tribe":
                _add(cases, hit.mark, "posts", "posts", word, (segment, 2 + order, 3 + order), by)


def _is_more_than_a_name(hit: Hit, bare: str) -> bool:
    """Baker, Hunter and Page are surnames: one word counts only behind a separator."""
    return " " in bare[hit.start : hit.end] or BREAK in bare[: hit.start].strip()


def _hear_flags(voice: Voice, segment: int, cases: Cases) -> None:
    span = (segment, 4, 5)
    if voice.is_parody:
        mark = Mark("account_type", "fan_or_parody", _PARODY_FLAG_WEIGHT)
        _add(cases, mark, "platform", "is_parody", "parody", span)
    if voice.is_business or voice.category_kind == "business":
        mark = Mark("account_type", "organisation", _BUSINESS_FLAG_WEIGHT)
        field = "is_business" if voice.is_business else "category_kind"
        _add(cases, mark, "signal", field, "business", span)


def overlap(left: tuple[int, int, int], right: tuple[int, int, int]) -> bool:
    """Whether two places share a character."""
    return left[0] == right[0] and left[1] < right[2] and right[1] < left[2]
