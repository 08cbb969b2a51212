"""What the loader refuses in a taxonomy, all of it at once.

Here: each entry against the rules of its file and against the labels. Not here: reading
(`files`), entries that are well formed and do nothing (`idle`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, Literal

from sxe_pipeline.cards.files import LABELS, Fault, Files, Keys, Row
from sxe_pipeline.cards.text import BREAK, phrase_skeleton

EXECUTION_LABELS = ("professional", "business", "creator", "community", "consumer", "hold")
FOLLOWER_BANDS = ("unknown", "under_1k", "1k_10k", "10k_100k", "100k_1m", "over_1m")
Kind = Literal["persona", "tribe", "account_type"]
KINDS: Mapping[Kind, str] = {
    "persona": "personas",
    "tribe": "tribes",
    "account_type": "account_types",
}
"""A kind of label -> the key of `taxonomy.yaml` that lists them."""
MATCHES = ("word", "emoji", "domain", "platform_category")
ANY_LANGUAGE = "any"
_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da
de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz
ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln
lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi
pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
LANGUAGES = frozenset(_CODES.split())
"""ISO 639-1."""
_COUNTRY_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
_COUNTRIES = frozenset(_COUNTRY_CODES.split())
"""ISO 3166-1, and XK as platforms say it."""
PLATFORMS = ("threads", "tiktok", "x")
"""Those whose accounts are taken in."""
_SIDES = ("before", "after", "cover")
PASSION = "enthusiast"
"""The family of those who say what they love; a context of this scope makes a topic a passion."""
_SCOPES = ("persona", "tribe", "any", PASSION)
_DENIED_KINDS = ("label", "word")
_GAZETTEER_KINDS = ("city", "country", "state", "state_code")
_MAX_REACH = 9
_SLUG = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_COUNTRY = re.compile(r"[A-Z]{2}")
_VERSION = re.compile(r"\d{1,6}\.\d{1,6}\.\d{1,6}")
_CAPS = ("single_evidence_cap", "audience_confidence", "creator_confidence")
_KEYS = ("version", "thresholds", *_CAPS, "echoes", "families")
_ENTRY = {
    "personas": (("family", "name"), ("field", "names_topic", "is_last_resort", "was")),
    "tribes": (("theme", "name"), ("is_last_resort", "was")),
    "families": (("is_organisation",), ()),
}
"""What an entry must say, and what it may say besides."""
_FLAGS = ("is_organisation", "is_last_resort", "names_topic")
_TEXTS = ("family", "field", "name", "theme")


def refusals(files: Files) -> list[Fault]:
    """Every reason not to load a taxonomy, in the order of files and lines."""
    if files.faults:
        return sorted(files.faults)
    lacking = [key for key in (*KINDS.values(), *_KEYS) if key not in files.content]
    if lacking:
        return [Fault(LABELS, 0, f"lacks {', '.join(lacking)}")]
    found = list(_label_faults(files))
    if found:
        return sorted(found)  # against labels that are not well formed nothing else can be held
    for faults in (
        _denied_labels(files),
        _phrase_faults(files),
        _context_faults(files),
        _word_faults(files),
        _rule_faults(files),
    ):
        found += faults
    return sorted(found)


def kinds(content: Mapping[str, Any]) -> dict[str, Kind]:
    """Label -> persona, tribe or account_type; a family without personas is one itself."""
    found = {str(name): kind for kind, key in KINDS.items() for name in content[key]}
    families = {persona["family"] for persona in content["personas"].values()}
    bare = (str(name) for name in content["families"] if name not in families)
    return {**dict.fromkeys(bare, "persona"), **found}


def _label_faults(files: Files) -> Iterator[Fault]:
    content = files.content
    if not _VERSION.fullmatch(str(content["version"])):
        yield _at(files, ("version",), "a version is written 1.2.3")
    if not isinstance(content["account_types"], list):
        yield _at(files, ("account_types",), "is no list of labels")
        return
    for group in ("personas", "tribes", "families", "echoes", "thresholds"):
        if not isinstance(content[group], dict):
            yield _at(files, (group,), "holds no keys with values")
            return
    yield from _name_faults(files)
    yield from _share_faults(files)
    for group in _ENTRY:
        for name, entry in content[group].items():
            yield from _entry_faults(files, group, str(name), entry)
    yield from _echo_faults(files)


def _name_faults(files: Files) -> Iterator[Fault]:
    seen: set[str] = set()
    for group in (*KINDS.values(), "families"):  # a family may be called like a topic
        for name in map(str, files.content[group]):
            if not _SLUG.fullmatch(name):
                yield _at(files, (group, name), f"{name} is no slug (a-z, 0-9, _)")
            if group != "families" and name in seen:
                yield _at(files, (group, name), f"{name} stands twice")
            seen.add(name)


def _share_faults(files: Files) -> Iterator[Fault]:
    """Thresholds and caps: a share between 0 and 1."""
    thresholds = files.content["thresholds"]
    shares: dict[Keys, object] = {("thresholds", kind): thresholds.get(kind) for kind in KINDS}
    shares |= {(name,): files.content[name] for name in _CAPS}
    for keys, value in shares.items():
        if not 0 < _number(str(value)) < 1:
            yield _at(files, keys, f"{keys[-1]} is a number between 0 and 1, both excluded")


def _entry_faults(files: Files, group: str, name: str, entry: object) -> Iterator[Fault]:
    must, may = _ENTRY[group]
    at = (group, name)
    if not isinstance(entry, dict):
        yield _at(files, at, f"{name} says nothing; it says {', '.join(must)}")
        return
    if lacking := [key for key in must if key not in entry]:
        yield _at(files, at, f"{name} lacks {', '.join(lacking)}")
    if unknown := [str(key) for key in entry if key not in (*must, *may)]:
        yield _at(files, at, f"{name} says {', '.join(unknown)}, which means nothing here")
    for key in entry.keys() & {*_FLAGS, *_TEXTS}:
        if not isinstance(entry[key], bool if key in _FLAGS else str) or entry[key] == "":
            means = "is true or false, unquoted" if key in _FLAGS else "is a text; quote a number"
            yield _at(files, at, f"{name}: {key} {means}")
    for key, known in (("family", files.content["families"]), ("field", files.content["tribes"])):
        if key in entry and str(entry[key]) not in known:
            yield _at(files, at, f"{name}: no {key} {entry[key]} in {LABELS}")
    if entry.get("names_topic") is True and "field" not in entry:
        yield _at(files, at, f"{name} names a topic and lacks its field")
    if group != "families":
        yield from _parent_faults(files, group, name, entry.get("was", []))


def _parent_faults(files: Files, group: str, name: str, was: object) -> Iterator[Fault]:
    """A parent is an older label of the same kind, or a family for a persona."""
    content, at = files.content, (group, name)
    if not isinstance(was, list):
        yield _at(files, at, f"{name}: `was` is a list, such as [other_label]")
        return
    families = content["families"] if group == "personas" else ()
    for parent in map(str, was):
        if parent == name:
            yield _at(files, at, f"{name}: `was` names the label itself")
        elif parent not in content[group] and parent not in families:
            yield _at(files, at, f"{name}: `was` names {parent}, which is none of the {group}")


def _echo_faults(files: Files) -> Iterator[Fault]:
    content = files.content
    for role, topics in content["echoes"].items():
        at = ("echoes", str(role))
        if role not in content["personas"] and role not in content["families"]:
            yield _at(files, at, f"no persona or family {role}")
        for topic in topics if isinstance(topics, list) else [topics]:
            if str(topic) not in content["tribes"]:
                yield _at(files, at, f"no tribe {topic}")


def _at(files: Files, keys: Keys, said: str) -> Fault:
    """A fault at the deepest of these keys whose line is known."""
    lines = (files.lines.get(keys[:n]) for n in range(len(keys), 0, -1))
    return Fault(LABELS, next((line for line in lines if line), 0), said)


def _denied_labels(files: Files) -> Iterator[Fault]:
    rows = files.tables["denied_labels.csv"]
    for line, row in rows:
        if row["kind"] not in _DENIED_KINDS or not row["trait"] or not row["term"].strip():
            yield Fault("denied_labels.csv", line, "a line is a trait, label or word, and a term")
    labels = {row["term"] for _, row in rows if row["kind"] == "label"}
    says = "encodes a denied trait (denied_labels.csv); remove it"
    for group in (*KINDS.values(), "families"):
        for name in map(str, files.content[group]):
            if _encodes(name, labels):
                yield _at(files, (group, name), f"label {name} {says}")
    for table, column in (("markets.csv", "market"), ("routes.csv", "audience_pool")):
        for line, row in files.tables[table]:
            if _encodes(row[column], labels):
                yield Fault(table, line, f"{column} {row[column]} {says}")


def _encodes(name: str, denied: Set[str]) -> bool:
    """Whether a slug is a denied label, or one of its words is."""
    return name in denied or not denied.isdisjoint(name.split("_"))


def denied_words(rows: Sequence[Row]) -> frozenset[str]:
    """Words of denied traits, as texts are searched for them."""
    return frozenset(phrase_skeleton(row["term"]) for _, row in rows if row["kind"] == "word")


def _holds(phrase: str, words: Set[str]) -> bool:
    tokens = phrase.split()
    ends = range(1, len(tokens) + 1)
    return any(" ".join(tokens[i:j]) in words for i in range(len(tokens)) for j in ends if i < j)


def spelt(row: Mapping[str, str]) -> str:
    """A phrase of `phrases.csv` as texts are searched for it."""
    if row["match"] in ("word", "emoji"):
        return phrase_skeleton(row["phrase"])
    return row["phrase"].strip().casefold()


def _phrase_faults(files: Files) -> Iterator[Fault]:
    known = kinds(files.content)
    denied = denied_words(files.tables["denied_labels.csv"])
    seen: dict[tuple[str, str, str], tuple[str, int, str]] = {}
    for line, row in files.tables["phrases.csv"]:
        label, words = row["label"], spelt(row)
        for said in _phrase_fault(row, words, known):
            yield Fault("phrases.csv", line, said)
        if _holds(phrase_skeleton(row["phrase"]), denied):
            said = f"({label}) holds a word of a denied trait (denied_labels.csv); remove the line"
            yield Fault("phrases.csv", line, said)
        if label not in known or not words:
            continue
        key = (row["match"], words, known[label])
        other, first, language = seen.setdefault(key, (label, line, row["language"]))
        if first != line:
            said = f"the phrase stands for {other} already (line {first}); keep one line"
            if language not in (row["language"], ANY_LANGUAGE):
                said += f", of the language {ANY_LANGUAGE} where several have it"
            yield Fault("phrases.csv", line, said)


def _phrase_fault(row: Mapping[str, str], words: str, known: Mapping[str, str]) -> Iterator[str]:
    if row["label"] not in known:
        yield f"no label {row['label']} in {LABELS}"
    if row["match"] not in MATCHES:
        yield f"match is one of {', '.join(MATCHES)}"
    elif not words or BREAK in words:
        yield "an empty phrase, or one with punctuation that no phrase reaches across"
    elif row["match"] == "word" and not {"+", "#"}.isdisjoint(row["phrase"]):
        yield f"texts are searched without + and #, so this is the phrase {words!r}"
    if not 0 < _number(row["weight"]) < 1:
        yield "a weight lies between 0 and 1, both excluded"
    if not _is_language(row["language"]):
        yield f"no language code: two letters of ISO 639-1, or {ANY_LANGUAGE}"


def _number(text: str) -> float:
    """The number that a cell holds; one that no limit admits where it holds none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _is_language(text: str) -> bool:
    return text == ANY_LANGUAGE or text in LANGUAGES


def _context_faults(files: Files) -> Iterator[Fault]:
    for line, row in files.tables["contexts.csv"]:
        said = []
        if row["side"] not in _SIDES or row["scope"] not in _SCOPES:
            said.append(f"side is one of {', '.join(_SIDES)}, scope one of {', '.join(_SCOPES)}")
        phrase = phrase_skeleton(row["phrase"])
        if not phrase or BREAK in phrase:
            said.append("an empty phrase, or one with punctuation")
        if not row["reach"].isascii() or not row["reach"].isdigit():
            said.append("reach is a number of words")
        elif int(row["reach"]) > _MAX_REACH:
            said.append(f"reach is {_MAX_REACH} words at most")
        if not _is_language(row["language"]):
            said.append(f"no language code: two letters of ISO 639-1, or {ANY_LANGUAGE}")
        yield from (Fault("contexts.csv", line, each) for each in said)


def _word_faults(files: Files) -> Iterator[Fault]:
    for line, row in files.tables["stop_words.csv"]:
        if row["language"] not in LANGUAGES or not phrase_skeleton(row["word"]):
            yield Fault("stop_words.csv", line, "no language code of ISO 639-1, or no word")
    for line, row in files.tables["places.csv"]:
        if not _COUNTRY.fullmatch(row["country"]) or row["kind"] not in _GAZETTEER_KINDS:
            said = f"country has two capitals, kind is one of {', '.join(_GAZETTEER_KINDS)}"
            yield Fault("places.csv", line, said)


def _rule_faults(files: Files) -> Iterator[Fault]:
    markets, routes = files.tables["markets.csv"], files.tables["routes.csv"]
    known = _known_values(files.content)
    for name, rows in (("markets.csv", markets), ("routes.csv", routes)):
        for line, row in rows:
            yield from (Fault(name, line, said) for said in _unknown(row, known))
    for line, row in markets:
        if not _SLUG.fullmatch(row["market"]):
            yield Fault("markets.csv", line, f"the market is no slug: {row['market']!r}")
    for line, row in routes:
        if not _SLUG.fullmatch(row["audience_pool"]):
            yield Fault("routes.csv", line, f"the pool is no slug: {row['audience_pool']!r}")
        if row["execution_label"] not in EXECUTION_LABELS:
            said = f"an execution label is one of {', '.join(EXECUTION_LABELS)}"
            yield Fault("routes.csv", line, said)
    if not routes or any(list(routes[-1].cells.values())[2:]):
        line = routes[-1].line if routes else 0
        yield Fault("routes.csv", line, "the last line is the default, without conditions")


def _unknown(row: Mapping[str, str], known: Mapping[str, Set[str]]) -> Iterator[str]:
    for column in row.keys() & known.keys():
        if row[column] and (unknown := sorted(set(row[column].split("|")) - known[column])):
            yield f"unknown {column} {', '.join(map(repr, unknown))}"
    names = row.get("collection", "").split("|")
    if row.get("collection") and any(name != name.strip() or not name for name in names):
        yield "a collection that is empty, or begins or ends with a blank"


def _known_values(content: Mapping[str, Any]) -> dict[str, set[str]]:
    """Condition column of a rule -> what may stand there, `*` included."""
    return {
        "account_type": {*map(str, content["account_types"]), "*"},
        "persona": {*content["personas"], *content["families"], "*"},
        "tribe": {*content["tribes"], "*"},
        "platform": {*PLATFORMS, "*"},
        "language": {*LANGUAGES, "*"},
        "country": {*_COUNTRIES, "*"},
        "follower_band": {*FOLLOWER_BANDS, "*"},
    }
