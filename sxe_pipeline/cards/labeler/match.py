"""From a skeleton to the phrases that stand in it.

Here: longest match per kind, word boundaries, and the contexts (past, future, somebody else, joke)
that take a phrase's meaning away or make a topic a passion. Not here: what the phrases add up to
(`label`).
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sxe_pipeline.cards.lint import KINDS, PASSION
from sxe_pipeline.cards.taxonomy import Context, Kind, Mark, Pattern, Taxonomy
from sxe_pipeline.cards.text import BREAK

Language = str | Callable[[], str | None] | None
"""A language, or a way to find out."""


_FURTHEST = 400
"""Characters between a context and what it takes away: more than the nine words it reaches."""


_NO_LABEL = tuple(Mark(kind, "", 0.0) for kind in KINDS)
"""What the words of a cover say: no label, of any kind."""
_ENTHUSIAST = Mark("persona", PASSION, 0.7)
_NO_PERSONA = Mark("persona", "", 0.0)
_DENIES = 2
"""A context that reaches so far speaks of its owner: "ex", "not a"; one that reaches less speaks of
somebody else ("wife of", "for"), and what else stands there may well be the owner's."""
_DENIED = re.compile(r" *([^\W_]+(?: [^\W_]+)?)")
_ABBREVIATED = frozenset(
    [
        "ex",
        "prev",
        "fmr",
        "asst",
        "assoc",
        "prof",
        "dr",
        "dra",
        "sr",
        "jr",
        "ing",
        "lic",
        "lt",
        "col",
        "sgt",
    ]
)
_STOP = f"{BREAK} "
_LONGEST = max(map(len, _ABBREVIATED)) + 1


class Hit(NamedTuple):
    """A label that the words at `start:end` of the skeleton stand for.

    Not `is_meant` where a context takes the meaning away: "former", "my wife is a"; or where the
    words are part of a fixed phrase, a cover: "con artist".
    """

    mark: Mark
    start: int
    end: int
    is_meant: bool = True


class _Near(NamedTuple):
    context: Context
    start: int
    end: int


def find(bare: str, taxonomy: Taxonomy, language: Language = None) -> list[Hit]:
    """Every label the text supports, in order of appearance; arguments as of `hits`."""
    return [hit for hit in hits(bare, taxonomy, language) if hit.is_meant]


def hits(bare: str, taxonomy: Taxonomy, language: Language = None) -> list[Hit]:
    """Every label that words of the text stand for, in order of appearance.

    Args:
        bare: A skeleton.
        taxonomy: The labels.
        language: Language of the text; in English text only English phrases count, and
            contexts, which may look like phrases of others. It is asked
            for only where the text holds a phrase that is not English.

    Returns:
        The longest phrase of each kind at each position, and whether it is meant.
    """
    bare = unparted(bare)
    spans = _spans(bare, taxonomy)
    if not spans:
        return []
    patterns = taxonomy.patterns
    is_english = any(patterns[index].is_foreign for *_, index in spans) and _is_english(language)
    found: list[Hit] = []
    swallowed_until = 0
    taken: dict[Kind, int] = {"persona": 0, "tribe": 0, "account_type": 0}
    for start, end, index in spans:
        pattern = patterns[index]
        if any(each.side == "cover" for each in pattern.contexts):
            swallowed_until = max(swallowed_until, end)
            found += [Hit(mark, start, end, is_meant=False) for mark in _NO_LABEL]
        for mark in () if is_english and pattern.is_foreign else pattern.marks:
            if start >= taken[mark.kind]:
                found.append(Hit(mark, start, end))
                if start >= swallowed_until:
                    taken[mark.kind] = end
    return _judged(found, bare, spans, patterns)


def unparted(bare: str) -> str:
    """The skeleton without breaks behind abbreviations: "Ex. teacher" is an ex-teacher."""
    at = bare.find(_STOP)
    while at >= 0:
        end = bare[max(0, at - _LONGEST) : at]
        if end[max(end.rfind(" "), end.rfind(BREAK)) + 1 :] in _ABBREVIATED:
            bare = f"{bare[:at]} {bare[at + 1 :]}"
        at = bare.find(_STOP, at + 1)
    return bare


def joined_hits(word: str, taxonomy: Taxonomy, language: Language = None) -> list[Hit]:
    """Every label that a hashtag stands for as a whole: `softwareengineer`; as of `hits`."""
    pattern = taxonomy.joined.get(word)
    if pattern is None or (pattern.is_foreign and _is_english(language)):
        return []
    return [Hit(mark, 0, len(word)) for mark in pattern.marks]


def _is_english(language: Language) -> bool:
    return (language() if callable(language) else language) == "en"


def judged(found: Sequence[Hit], bare: str, taxonomy: Taxonomy) -> list[Hit]:
    """Hits whose words stand in a text that writes them otherwise: whether they are meant there.

    Args:
        found: The hits, by their places in the text.
        bare: Its skeleton, with their words in it.
        taxonomy: The labels.
    """
    return _judged(found, bare, _spans(bare, taxonomy), taxonomy.patterns) if found else []


def _judged(
    found: Sequence[Hit],
    bare: str,
    spans: Sequence[tuple[int, int, int]],
    patterns: Sequence[Pattern],
) -> list[Hit]:
    nearby: list[_Near] = []
    loved: list[_Near] = []
    for start, end, index in spans:
        for context in patterns[index].contexts:
            (loved if context.scope == PASSION else nearby).append(_Near(context, start, end))
    if not nearby and not loved:
        return list(found)
    starts = [each.start for each in nearby]
    told: list[Hit] = []
    for hit in found:
        around = _around(hit, nearby, starts)
        if _is_taken_away(hit, around, bare):
            told.append(hit._replace(is_meant=False))
            continue
        told.append(hit)
        if loved and hit.mark.kind == "tribe" and (passion := _passion(hit, loved, bare)):
            is_meant = not _is_taken_away(passion, around, bare)
            told.append(passion._replace(is_meant=is_meant))
    return [*told, *_denied(nearby, bare)]


def _denied(nearby: Sequence[_Near], bare: str) -> Iterator[Hit]:
    """The words behind "ex" and "not a": no role, also where no phrase of the taxonomy knows it."""
    for context, _, end in nearby:
        if context.side == "before" and context.scope == "persona" and context.reach >= _DENIES:
            words = _DENIED.match(bare, end)
            if words:
                yield Hit(_NO_PERSONA, *words.span(1), is_meant=False)


def _around(hit: Hit, nearby: Sequence[_Near], starts: Sequence[int]) -> Sequence[_Near]:
    """Those contexts that are near enough to be asked: of a long text a few."""
    first = bisect_left(starts, hit.start - 2 * _FURTHEST)
    return nearby[first : bisect_left(starts, hit.end + _FURTHEST)]


def _spans(bare: str, taxonomy: Taxonomy) -> list[tuple[int, int, int]]:
    """Matches on word boundaries, leftmost and longest first."""
    wide = f" {bare} "
    patterns = taxonomy.patterns
    spans = [
        (start, end, index)
        for index, start, end in taxonomy.automaton.find_matches_as_indexes(bare, overlapping=True)
        if not (wide[end + 1].isalnum() or wide[start].isalnum()) or patterns[index].is_anywhere
    ]
    if len(spans) > 1:
        spans.sort(key=lambda span: (span[0], -span[1]))
    return spans


def _is_taken_away(hit: Hit, nearby: Sequence[_Near], bare: str) -> bool:
    for context, start, end in nearby:
        if context.side == "cover":
            if start < hit.start < end or (start == hit.start and hit.end <= end):
                return True
            continue
        if context.scope in (hit.mark.kind, "any") and _reaches(context, start, end, hit, bare):
            return True
    return False


def _passion(hit: Hit, loved: Sequence[_Near], bare: str) -> Hit | None:
    """That somebody is an enthusiast, where a topic is said to be loved: "tea" in "tea addict"."""
    for context, start, end in loved:
        if _reaches(context, start, end, hit, bare):
            return Hit(_ENTHUSIAST, min(start, hit.start), max(end, hit.end))
    return None


def _reaches(context: Context, start: int, end: int, hit: Hit, bare: str) -> bool:
    """Whether a hit stands on the side of a context that it is about, and near enough."""
    # "teacher at" and "at heart" share a word.
    if context.side == "before" and start < hit.start and end < hit.end:
        between = bare[end : hit.start]
    elif context.side == "after" and start > hit.start and end > hit.end:
        between = bare[hit.end : start]
    else:
        return False
    return BREAK not in between and _word_count(between) <= context.reach


def _word_count(between: str) -> int:
    """How many words, of which a lone `&`, `+` or dash is one: it leaves three blanks."""
    return len(between.split()) + between.count("   ")
