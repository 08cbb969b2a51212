"""What a taxonomy says in vain: phrases that no text holds, contexts that change nothing.

Here: entries that the loader takes and that do nothing, and the version that an edit needs. Not
here: what it refuses (`lint`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sxe_pipeline.cards import lint, text
from sxe_pipeline.cards.files import LABELS, Fault, Files, Row, digest, read
from sxe_pipeline.cards.labeler.match import find
from sxe_pipeline.cards.rules import Rule
from sxe_pipeline.cards.taxonomy import FALLBACK_MARKET, Taxonomy, compiled, load

_CAUSES = ("major", "minor", "patch")


def checked(root: Path, shipped: Path) -> tuple[list[Fault], dict[str, int | str]]:
    """Lint a taxonomy folder.

    Args:
        root: The folder.
        shipped: The one whose version it must rise over, where they differ.

    Returns:
        Every fault, by file and line, and what the folder holds: its version and how many personas,
        tribes, phrases and contexts. Nothing is counted where the loader would refuse the folder.

    Raises:
        BadConfig: The folder to compare with is refused itself.
    """
    files = read(root)
    if refused := lint.refusals(files):
        return refused, {}
    taxonomy = compiled(files, digest(root))
    faults = [*idle(files, taxonomy)]
    if digest(shipped) != taxonomy.sha256:  # the same bytes need no second reading
        load(shipped)
        if late := version_fault(read(shipped), files):
            faults.append(late)
    return sorted(faults), {
        "version": taxonomy.version,
        "personas": len(taxonomy.personas),
        "tribes": len(taxonomy.tribes),
        "phrases": len(files.tables["phrases.csv"]),
        "contexts": len(files.tables["contexts.csv"]),
    }


def idle(files: Files, taxonomy: Taxonomy) -> list[Fault]:
    """Entries that can never do anything.

    Args:
        files: The files.
        taxonomy: What they stand for.

    Returns:
        A fault for each phrase that no text can hold, for each context that takes nothing away or
        that another line covers, and for each rule that no card reaches.
    """
    phrases, contexts = files.tables["phrases.csv"], files.tables["contexts.csv"]
    unheard, without_effect = _unheard(phrases, taxonomy), _without_effect(contexts, phrases)
    return sorted([*unheard, *without_effect, *_unreached(files, taxonomy)])


def _unreached(files: Files, taxonomy: Taxonomy) -> Iterator[Fault]:
    """Rules behind one that takes all that they would, and routes of markets that nobody is in."""
    for name, rules in (("markets.csv", taxonomy.markets), ("routes.csv", taxonomy.routes)):
        lines = [line for line, _ in files.tables[name]]
        for at, rule in enumerate(rules):
            before = (n for n in range(at) if _takes_all(rules[n], rule, taxonomy))
            if (first := next(before, None)) is not None:
                said = f"can never match: line {lines[first]} takes all that this line would"
                yield Fault(name, lines[at], said)
    known = {row["market"] for _, row in files.tables["markets.csv"]} | {FALLBACK_MARKET, "*", ""}
    for line, row in files.tables["routes.csv"]:
        if unknown := sorted(set(row["market"].split("|")) - known):
            said = f"no rule of markets.csv gives the market {', '.join(map(repr, unknown))}"
            yield Fault("routes.csv", line, f"{said}; only a collection that declares it would")


def _takes_all(earlier: Rule, later: Rule, taxonomy: Taxonomy) -> bool:
    """Whether each condition of a rule holds wherever those of a later one do."""
    asked = dict(later.conditions)
    for column, wanted in earlier.conditions:
        if column not in asked:
            return False
        # Who has a persona has its family.
        within = (
            set()
            if column != "persona"
            else {p for p, persona in taxonomy.personas.items() if persona.family in wanted}
        )
        if "*" not in wanted and not asked[column] <= wanted | within:
            return False
    return True


def _unheard(rows: Sequence[Row], taxonomy: Taxonomy) -> Iterator[Fault]:
    for line, row in rows:
        if not _is_heard(row, taxonomy):
            yield Fault(
                "phrases.csv",
                line,
                f"can never match: even a text that is {row['phrase']!r} and nothing else does not "
                f"get {row['label']} (masked as a link or a handle, or a cover takes it away)",
            )


def _is_heard(row: Mapping[str, str], taxonomy: Taxonomy) -> bool:
    """Whether the phrase finds itself: a text that holds it holds at least this."""
    phrase = row["phrase"]
    if row["match"] == "domain":
        return text.domain(phrase) == lint.spelt(row)
    if row["match"] == "platform_category":
        return True
    whole = text.skeleton(text.clean(phrase) or "")
    length = len(lint.spelt(row))
    hits = find(whole, taxonomy)
    return any(h.mark.label == row["label"] and h.end - h.start == length for h in hits)


def _without_effect(contexts: Sequence[Row], phrases: Sequence[Row]) -> Iterator[Fault]:
    starts: dict[str, set[str]] = defaultdict(set)
    for _, row in phrases:
        if row["match"] in ("word", "emoji"):
            starts[lint.spelt(row).split()[0]].add(lint.spelt(row))
    widest: dict[tuple[str, str], list[tuple[str, int, int]]] = defaultdict(list)
    for line, row in contexts:
        if text.skeleton(text.clean(row["phrase"]) or "") != text.phrase_skeleton(row["phrase"]):
            yield Fault("contexts.csv", line, "can never match: masked as a link or a handle")
        scope, reach = row["scope"], int(row["reach"])
        known = widest[text.phrase_skeleton(row["phrase"]), row["side"]]
        if covering := [at for s, r, at in known if s in (scope, "any") and r >= reach]:
            said = f"without effect: line {covering[0]} takes away all that this line does"
            yield Fault("contexts.csv", line, said)
        known.append((scope, reach, line))
        if row["side"] != "cover":
            continue
        if (scope, reach) != ("any", 0):
            yield Fault("contexts.csv", line, "a cover takes every label away: write any and 0")
        if not _swallows(text.phrase_skeleton(row["phrase"]), starts):
            said = "without effect: no phrase of phrases.csv begins in these words"
            yield Fault("contexts.csv", line, said)


def _swallows(words: str, starts: Mapping[str, set[str]]) -> bool:
    tokens = words.split()
    for at, word in enumerate(tokens):
        rest = " ".join(tokens[at:]) + " "
        if any(rest.startswith(f"{p} ") or f"{p} ".startswith(rest) for p in starts.get(word, ())):
            return True
    return False


def version_fault(old: Files, new: Files) -> Fault | None:
    """The version that an edit lacks.

    Args:
        old: The taxonomy that is in use.
        new: The edited one.

    Returns:
        A fault where the files differ and the version did not rise as the head of `taxonomy.yaml`
        says: major where a label went, minor where one is new, patch otherwise.
    """
    if (old.tables, old.content) == (new.tables, new.content):
        return None
    was, now = lint.kinds(old.content), lint.kinds(new.content)
    cause = 0 if was.items() - now.items() else 1 if now.items() - was.items() else 2
    least = _raised(_numbers(old), cause)
    if _numbers(new) >= least:
        return None
    said = f"the files differ from {old.content['version']}: a {_CAUSES[cause]} version is due, "
    said += f"{'.'.join(map(str, least))} or later"
    return Fault(LABELS, new.lines["version",], said)


def _numbers(files: Files) -> list[int]:
    return [int(part) for part in str(files.content["version"]).split(".")]


def _raised(version: list[int], at: int) -> list[int]:
    return [*version[:at], version[at] + 1, *(0 for _ in version[at + 1 :])]
