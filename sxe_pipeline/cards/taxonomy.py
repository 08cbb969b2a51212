"""The taxonomy as a value: labels, phrases, contexts and decision tables of one folder.

Here: reading and checking `contracts/taxonomy/`. What a market ops person edits is CSV; every
mistake is refused with the line that holds it. Not here: how a text is labeled (`label`).
"""

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import ahocorasick_rs
import yaml

from sxe_pipeline.cards.places import Gazetteer, read_gazetteer
from sxe_pipeline.cards.rules import Rule, read_rules
from sxe_pipeline.cards.text import phrase_skeleton
from sxe_pipeline.errors import BadConfig

FILES = (
    "contexts.csv",
    "denied_labels.csv",
    "markets.csv",
    "phrases.csv",
    "places.csv",
    "routes.csv",
    "stop_words.csv",
    "taxonomy.yaml",
)
MARKET_CONDITIONS = ("collection", "platform", "language", "country", "persona", "tribe")
ROUTE_CONDITIONS = ("account_type", "persona", "tribe", "follower_band", "market")
EXECUTION_LABELS = ("professional", "business", "creator", "community", "consumer", "hold")
FALLBACK_MARKET = "unassigned"

Kind = Literal["persona", "tribe", "account_type"]
Match = Literal["word", "emoji", "domain", "platform_category"]
_MATCHES = ("word", "emoji", "domain", "platform_category")
_SIDES = ("before", "after", "cover")
_SLUG = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
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

    `is_foreign`: no English phrase, so it means nothing in a text that is English (French `the`).
    """

    marks: tuple[Mark, ...]
    contexts: tuple[Context, ...]
    is_emoji: bool
    is_foreign: bool


@dataclass(frozen=True, slots=True)
class Persona:
    """A role: its family, its own field of topics, and whether it only counts as a last resort."""

    family: str
    name: str
    field: str | None
    is_organisation: bool
    is_last_resort: bool


@dataclass(frozen=True, slots=True)
class Tribe:
    """A topic: its theme, and whether it only leads where no other topic is named."""

    theme: str
    name: str
    is_last_resort: bool


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
    creator_follower_count: int
    creator_confidence: Mapping[str, float]
    echoes: Mapping[str, frozenset[str]]
    patterns: Sequence[Pattern]
    automaton: ahocorasick_rs.AhoCorasick
    joined: Mapping[str, tuple[Mark, ...]]
    domains: Mapping[str, tuple[Mark, ...]]
    categories: Mapping[str, tuple[Mark, ...]]
    stop_words: Mapping[str, frozenset[str]]
    denied_words: frozenset[str]
    gazetteer: Gazetteer
    markets: Sequence[Rule]
    routes: Sequence[Rule]


def _rows(root: Path, name: str) -> list[dict[str, str]]:
    with (root / name).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, strict=True))
    if any(None in row or None in row.values() for row in rows):
        raise BadConfig(f"{name}: a line has more or fewer cells than the header")
    return rows


def _denials(rows: Sequence[Mapping[str, str]]) -> tuple[frozenset[str], frozenset[str]]:
    labels = frozenset(row["term"] for row in rows if row["kind"] == "label")
    return labels, frozenset(phrase_skeleton(row["term"]) for row in rows if row["kind"] == "word")


def _refuse_denied(
    names: Sequence[str], phrases: Sequence[Mapping[str, str]], rows: Sequence[Mapping[str, str]]
) -> None:
    labels, words = _denials(rows)
    for name in names:
        if name in labels or not labels.isdisjoint(name.split("_")):
            raise BadConfig(f"label {name} encodes a denied trait (denied_labels.csv); remove it")
    for line, row in enumerate(phrases, start=2):
        tokens = phrase_skeleton(row["phrase"]).split()
        ends = range(1, len(tokens) + 1)
        if any(" ".join(tokens[i:j]) in words for i in range(len(tokens)) for j in ends if i < j):
            raise BadConfig(
                f"phrases.csv line {line} ({row['label']}) holds a word of a denied trait "
                "(denied_labels.csv); remove the line"
            )


def _read_phrases(
    rows: Sequence[Mapping[str, str]], kinds: Mapping[str, Kind]
) -> dict[str, dict[str, dict[Kind, Mark]]]:
    """Match -> skeleton of the phrase -> kind -> mark; one label of a kind per phrase."""
    found: dict[str, dict[str, dict[Kind, Mark]]] = {match: defaultdict(dict) for match in _MATCHES}
    for line, row in enumerate(rows, start=2):
        label, match = row["label"], row["match"]
        if label not in kinds:
            raise BadConfig(f"phrases.csv line {line}: no label {label} in taxonomy.yaml")
        if match not in found:
            raise BadConfig(f"phrases.csv line {line}: match is one of {', '.join(_MATCHES)}")
        is_text = match in ("word", "emoji")
        phrase = phrase_skeleton(row["phrase"]) if is_text else row["phrase"].strip().casefold()
        weight = float(row["weight"])
        if not phrase or "\n" in phrase or not 0 < weight < 1:
            raise BadConfig(f"phrases.csv line {line}: an empty phrase or a weight outside 0..1")
        marks = found[match][phrase]
        if kinds[label] in marks:
            other = marks[kinds[label]].label
            raise BadConfig(
                f"phrases.csv line {line}: the phrase stands for {other} already, not for {label} "
                "too; keep one line"
            )
        marks[kinds[label]] = Mark(kinds[label], label, weight)
    return found


def _read_contexts(rows: Sequence[Mapping[str, str]]) -> dict[str, list[Context]]:
    contexts: dict[str, list[Context]] = defaultdict(list)
    for line, row in enumerate(rows, start=2):
        if row["side"] not in _SIDES or row["scope"] not in ("persona", "tribe", "any"):
            raise BadConfig(f"contexts.csv line {line}: unknown side or scope")
        phrase = phrase_skeleton(row["phrase"])
        if not phrase or "\n" in phrase:
            raise BadConfig(f"contexts.csv line {line}: an empty phrase or one with punctuation")
        contexts[phrase].append(Context(row["side"], row["scope"], int(row["reach"])))
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
            tuple(marks.values()), tuple(contexts.get(text, ())), is_emoji, is_foreign
        )
    return patterns


def _frozen(table: Mapping[str, Mapping[Kind, Mark]]) -> dict[str, tuple[Mark, ...]]:
    return {phrase: tuple(marks.values()) for phrase, marks in table.items()}


def _joined(words: Mapping[str, Mapping[Kind, Mark]]) -> dict[str, tuple[Mark, ...]]:
    """Phrases as a hashtag writes them: `software engineer` -> `softwareengineer`."""
    tags = {}
    for phrase in sorted(words):
        tag = phrase.replace(" ", "")
        if " " in phrase and len(tag) >= _MIN_JOINED_LENGTH:
            tags[tag] = tuple(words[phrase].values())
    return tags


def _kinds(content: Mapping[str, Any]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    groups: tuple[tuple[Kind, str], ...] = (
        ("persona", "personas"),
        ("tribe", "tribes"),
        ("account_type", "account_types"),
    )
    for kind, group in groups:
        for name in content[group]:
            if not _SLUG.fullmatch(str(name)):
                raise BadConfig(f"taxonomy.yaml: {name} is no slug (a-z, 0-9, _)")
            if name in kinds:
                raise BadConfig(f"taxonomy.yaml: {name} stands twice")
            kinds[name] = kind
    return kinds


def _check_rules(
    kinds: Mapping[str, Kind], families: Mapping[str, Any], rules: Sequence[Rule]
) -> None:
    known = {
        "persona": {k for k, v in kinds.items() if v == "persona"} | set(families) | {"*"},
        "tribe": {k for k, v in kinds.items() if v == "tribe"} | {"*"},
        "account_type": {k for k, v in kinds.items() if v == "account_type"} | {"*"},
    }
    for rule in rules:
        for column, wanted in rule.conditions:
            if column in known and (unknown := sorted(wanted - known[column])):
                raise BadConfig(f"rule for {rule.answer[0]}: unknown {column} {unknown}")


def _read_routes(root: Path) -> tuple[Rule, ...]:
    routes = read_rules(
        _rows(root, "routes.csv"),
        answers=("audience_pool", "execution_label"),
        conditions=ROUTE_CONDITIONS,
    )
    if not routes or routes[-1].conditions:
        raise BadConfig("routes.csv: the last line is the default, without conditions")
    for rule in routes:
        if not _SLUG.fullmatch(rule.answer[0]) or rule.answer[1] not in EXECUTION_LABELS:
            raise BadConfig(f"routes.csv: {rule.answer} is no pool slug and execution label")
    return routes


def _read_markets(root: Path) -> tuple[Rule, ...]:
    markets = read_rules(
        _rows(root, "markets.csv"), answers=("market",), conditions=MARKET_CONDITIONS
    )
    for rule in markets:
        if not _SLUG.fullmatch(rule.answer[0]):
            raise BadConfig(f"markets.csv: {rule.answer[0]} is no slug")
    return markets


def _sha256(root: Path) -> str:
    digest = hashlib.sha256()
    for name in FILES:
        data = (root / name).read_bytes()
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def load(root: Path) -> Taxonomy:
    """Read and check a taxonomy folder.

    Args:
        root: The folder, such as `contracts/taxonomy`.

    Returns:
        The taxonomy; its `sha256` covers every file that decides a label.

    Raises:
        BadConfig: A file is missing or breaks a rule; the message names file and line.
    """
    if missing := [name for name in FILES if not (root / name).is_file()]:
        raise BadConfig(f"taxonomy folder lacks {', '.join(missing)}")
    return _compiled(root, _sha256(root))


@lru_cache(maxsize=2)
def _compiled(root: Path, sha256: str) -> Taxonomy:
    """The taxonomy of these bytes; several assets of a run need it, and it takes a second."""
    content = yaml.safe_load((root / "taxonomy.yaml").read_bytes())
    kinds = _kinds(content)
    families = content["families"]
    phrase_rows = _rows(root, "phrases.csv")
    denied = _rows(root, "denied_labels.csv")
    _refuse_denied([*kinds, *families], phrase_rows, denied)
    phrases = _read_phrases(phrase_rows, kinds)
    english = frozenset(
        phrase_skeleton(row["phrase"]) for row in phrase_rows if row["language"] in ("en", "any")
    )
    patterns = _patterns(phrases, _read_contexts(_rows(root, "contexts.csv")), english)
    markets, routes = _read_markets(root), _read_routes(root)
    _check_rules(kinds, families, [*markets, *routes])
    stop_words: dict[str, set[str]] = defaultdict(set)
    for row in _rows(root, "stop_words.csv"):
        stop_words[row["language"]].add(phrase_skeleton(row["word"]))
    try:
        personas = {
            name: Persona(
                family=p["family"],
                name=p["name"],
                field=p.get("field"),
                is_organisation=bool(families[p["family"]]["is_organisation"]),
                is_last_resort=bool(p.get("is_last_resort", False)),
            )
            for name, p in content["personas"].items()
        }
    except KeyError as error:
        raise BadConfig(f"taxonomy.yaml: a persona lacks {error}") from error
    tribes = {
        name: Tribe(t["theme"], t["name"], bool(t.get("is_last_resort", False)))
        for name, t in content["tribes"].items()
    }
    return Taxonomy(
        version=str(content["version"]),
        sha256=sha256,
        personas=personas,
        families=frozenset(families),
        tribes=tribes,
        thresholds={kind: float(value) for kind, value in content["thresholds"].items()},
        single_evidence_cap=float(content["single_evidence_cap"]),
        audience_confidence=float(content["audience_confidence"]),
        creator_follower_count=int(content["creator_follower_count"]),
        creator_confidence={k: float(v) for k, v in content["creator_confidence"].items()},
        echoes={role: frozenset(topics) for role, topics in content["echoes"].items()},
        patterns=tuple(patterns.values()),
        automaton=ahocorasick_rs.AhoCorasick(list(patterns)),
        joined=_joined(phrases["word"]),
        domains=_frozen(phrases["domain"]),
        categories=_frozen(phrases["platform_category"]),
        stop_words={language: frozenset(words) for language, words in stop_words.items()},
        denied_words=_denials(denied)[1],
        gazetteer=read_gazetteer(_rows(root, "places.csv")),
        markets=markets,
        routes=routes,
    )
