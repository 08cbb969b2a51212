"""The taxonomy as a value: labels, phrases, contexts and decision tables of one folder.

Here: what labeling needs, made of `contracts/taxonomy/`. Not here: what the files say (`files`),
what is refused in them (`lint`), how a text is labeled (`label`).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import ahocorasick_rs

from sxe_pipeline.cards import files, lint
from sxe_pipeline.cards.files import Row
from sxe_pipeline.cards.inflect import feminine
from sxe_pipeline.cards.places import Gazetteer, read_gazetteer
from sxe_pipeline.cards.rules import Rule, read_rules
from sxe_pipeline.cards.text import is_unspaced, phrase_skeleton
from sxe_pipeline.errors import BadConfig

MARKET_CONDITIONS = ("collection", "platform", "language", "country", "persona", "tribe")
ROUTE_CONDITIONS = ("account_type", "persona", "tribe", "follower_band", "market")
FALLBACK_MARKET = "unassigned"

Kind = lint.Kind
_MIN_JOINED_LENGTH = 8


class Mark(NamedTuple):
    """What one phrase says: a label of one kind, and how strongly."""

    kind: Kind
    label: str
    weight: float


class Context(NamedTuple):
    """A phrase that takes the meaning of a label beside it away."""

    side: str
    scope: str
    reach: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """One string of the automaton and all it may mean.

    `is_anywhere`: it needs no blanks around it: an emoji, a word of a script without spaces.
    `is_foreign`: no English phrase, so it means nothing in a text that is English (French `the`).
    """

    marks: tuple[Mark, ...]
    contexts: tuple[Context, ...]
    is_anywhere: bool
    is_foreign: bool


@dataclass(frozen=True, slots=True)
class Persona:
    """A role: its family, its own field of topics, and whether it only counts as a last resort.

    `was`: what a reader who did not know the role would have said; see `Taxonomy.accepts`.
    `names_topic`: who says the role and no topic gathers around its field.
    """

    family: str
    name: str
    field: str | None
    is_organisation: bool
    is_last_resort: bool
    was: tuple[str, ...] = ()
    names_topic: bool = False


@dataclass(frozen=True, slots=True)
class Tribe:
    """A topic: its theme, and whether it only leads where no other topic is named.

    `was`: what a reader who did not know the topic would have said; see `Taxonomy.accepts`.
    """

    theme: str
    name: str
    is_last_resort: bool
    was: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Everything that labeling needs; made by `load` alone."""

    version: str
    sha256: str
    personas: Mapping[str, Persona]
    families: frozenset[str]
    tribes: Mapping[str, Tribe]
    thresholds: Mapping[str, float]
    single_evidence_cap: float
    audience_confidence: float
    creator_confidence: float
    echoes: Mapping[str, frozenset[str]]
    patterns: Sequence[Pattern]
    automaton: ahocorasick_rs.AhoCorasick
    joined: Mapping[str, Pattern]
    domains: Mapping[str, tuple[Mark, ...]]
    categories: Mapping[str, tuple[Mark, ...]]
    stop_words: Mapping[str, frozenset[str]]
    every_stop_word: frozenset[str]
    denied_words: frozenset[str]
    gazetteer: Gazetteer
    markets: Sequence[Rule]
    routes: Sequence[Rule]

    @property
    def names(self) -> dict[str, str]:
        """Persona or tribe -> its name for people."""
        personas = {slug: persona.name for slug, persona in self.personas.items()}
        return personas | {slug: tribe.name for slug, tribe in self.tribes.items()}

    def topic_of(self, persona: str | None) -> str | None:
        """The topic that a role names by itself; null where it leaves that open."""
        known = self.personas.get(persona or "")
        return known.field if known and known.names_topic else None

    def accepts(self, said: str, read: Set[str]) -> bool:
        """Whether a label is right for a reader who may have known fewer labels.

        Args:
            said: A persona, family or tribe.
            read: All that the reader accepts; the family too where it is all that was read.

        Returns:
            Whether the label stands there, or one that it `was`.
        """
        known = self.personas.get(said) or self.tribes.get(said)
        return said in read or (known is not None and not read.isdisjoint(known.was))


def _read_phrases(
    rows: Sequence[Row], kinds: Mapping[str, Kind]
) -> dict[str, dict[str, dict[Kind, Mark]]]:
    """Match -> skeleton of the phrase -> kind -> mark; one label of a kind per phrase."""
    found: dict[str, dict[str, dict[Kind, Mark]]] = {
        match: defaultdict(dict) for match in lint.MATCHES
    }
    for _, row in rows:
        label = row["label"]
        mark = Mark(kinds[label], label, float(row["weight"]))
        found[row["match"]][lint.spelt(row)][mark.kind] = mark
    return found


def _add_feminine(
    words: dict[str, dict[Kind, Mark]], rows: Sequence[Row], content: Mapping[str, Any]
) -> None:
    """Roles of people by their feminine forms too; a phrase that the file has stands as it is."""
    of_people = {
        name
        for name, persona in content["personas"].items()
        if not content["families"][persona["family"]]["is_organisation"]
    }
    for _, row in rows:
        if row["match"] == "word" and row["label"] in of_people:
            phrase = lint.spelt(row)
            form = feminine(phrase, row["language"])
            if form and form not in words:
                words[form] = words[phrase]


def _read_contexts(rows: Sequence[Row]) -> dict[str, list[Context]]:
    contexts: dict[str, list[Context]] = defaultdict(list)
    for _, row in rows:
        context = Context(row["side"], row["scope"], int(row["reach"]))
        contexts[phrase_skeleton(row["phrase"])].append(context)
    return contexts


def _patterns(
    phrases: Mapping[str, Mapping[str, Mapping[Kind, Mark]]],
    contexts: Mapping[str, Sequence[Context]],
    english: frozenset[str],
) -> dict[str, Pattern]:
    patterns = {}
    for text in sorted({*phrases["word"], *phrases["emoji"], *contexts}):
        marks = {**phrases["emoji"].get(text, {}), **phrases["word"].get(text, {})}
        is_emoji = text in phrases["emoji"] and not text.isalnum()
        is_foreign = bool(marks) and not is_emoji and text not in english
        patterns[text] = Pattern(
            tuple(marks.values()),
            tuple(contexts.get(text, ())),
            is_emoji or all(map(is_unspaced, text)),
            is_foreign,
        )
    return patterns


def _frozen(table: Mapping[str, Mapping[Kind, Mark]]) -> dict[str, tuple[Mark, ...]]:
    return {phrase: tuple(marks.values()) for phrase, marks in table.items()}


def _joined(patterns: Mapping[str, Pattern]) -> dict[str, Pattern]:
    """Phrases as a hashtag writes them: `software engineer` -> `softwareengineer`."""
    tags = {}
    for phrase, pattern in patterns.items():
        tag = phrase.replace(" ", "")
        if " " in phrase and pattern.marks and len(tag) >= _MIN_JOINED_LENGTH:
            tags[tag] = pattern
    return tags


def load(root: Path) -> Taxonomy:
    """Read and check a taxonomy folder.

    Args:
        root: The folder, such as `contracts/taxonomy`.

    Returns:
        The taxonomy; its `sha256` covers every file that decides a label.

    Raises:
        BadConfig: A file is missing or breaks a rule; the message names file and line of the first
            fault, `sxe taxonomy check` all of them.
    """
    return _compiled(root, files.digest(root))


@lru_cache(maxsize=2)
def _compiled(root: Path, sha256: str) -> Taxonomy:
    """The taxonomy of these bytes; several assets of a run need it, and it takes a second."""
    read = files.read(root)
    if faults := lint.refusals(read):
        more = f"; {len(faults) - 1} more faults" if len(faults) > 1 else ""
        raise BadConfig(f"{faults[0]}{more}; `sxe taxonomy check` lists them")
    return compiled(read, sha256)


def compiled(read: files.Files, sha256: str) -> Taxonomy:
    """The taxonomy that files stand for which `lint.refusals` has nothing against.

    Raises:
        BadConfig: A number that labeling needs is missing or is none.
    """
    content, tables = read.content, read.tables
    kinds = lint.kinds(content)
    families = content["families"]
    phrases = _read_phrases(tables["phrases.csv"], kinds)
    _add_feminine(phrases["word"], tables["phrases.csv"], content)
    english = frozenset(
        phrase_skeleton(row["phrase"])
        for _, row in tables["phrases.csv"]
        if row["language"] in ("en", lint.ANY_LANGUAGE)
    )
    patterns = _patterns(phrases, _read_contexts(tables["contexts.csv"]), english)
    stop_words: dict[str, set[str]] = defaultdict(set)
    for _, row in tables["stop_words.csv"]:
        stop_words[row["language"]].add(phrase_skeleton(row["word"]))
    personas = {
        name: Persona(
            family=p["family"],
            name=p["name"],
            field=p.get("field"),
            is_organisation=bool(families[p["family"]]["is_organisation"]),
            is_last_resort=bool(p.get("is_last_resort", False)),
            was=tuple(p.get("was", ())),
            names_topic=bool(p.get("names_topic", False)),
        )
        for name, p in content["personas"].items()
    }
    tribes = {
        name: Tribe(
            t["theme"], t["name"], bool(t.get("is_last_resort", False)), tuple(t.get("was", ()))
        )
        for name, t in content["tribes"].items()
    }
    return Taxonomy(
        version=str(content["version"]),
        sha256=sha256,
        personas=personas,
        families=frozenset(families),
        tribes=tribes,
        **_numbers(content),
        echoes={role: frozenset(topics) for role, topics in content["echoes"].items()},
        patterns=tuple(patterns.values()),
        automaton=ahocorasick_rs.AhoCorasick(list(patterns)),
        joined=_joined(patterns),
        domains=_frozen(phrases["domain"]),
        categories=_frozen(phrases["platform_category"]),
        stop_words={language: frozenset(words) for language, words in stop_words.items()},
        every_stop_word=frozenset().union(*stop_words.values()),
        denied_words=lint.denied_words(tables["denied_labels.csv"]),
        gazetteer=read_gazetteer(row for _, row in tables["places.csv"]),
        markets=read_rules(
            tables["markets.csv"], answers=("market",), conditions=MARKET_CONDITIONS
        ),
        routes=read_rules(
            tables["routes.csv"],
            answers=("audience_pool", "execution_label"),
            conditions=ROUTE_CONDITIONS,
        ),
    )


def _numbers(content: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {
            "thresholds": {kind: float(content["thresholds"][kind]) for kind in lint.KINDS},
            "single_evidence_cap": float(content["single_evidence_cap"]),
            "audience_confidence": float(content["audience_confidence"]),
            "creator_confidence": float(content["creator_confidence"]),
        }
    except (KeyError, TypeError, ValueError):
        raise BadConfig(f"{files.LABELS}: thresholds, caps and confidences are numbers") from None
