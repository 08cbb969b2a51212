"""How well contacts are found: labelled texts in, goals with met or missed out.

Belongs here: the goals, and scoring the sets that `DIR/truth` holds. A set that is not there is not
scored and says so. The sets hold made-up contacts; nothing of a text is printed.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sxe_pipeline.redact.array import redact_array
from sxe_pipeline.redact.fields import redact_links
from sxe_pipeline.redact.scan import scan_array
from sxe_pipeline.redact.stream import redact_lines

_FRESH = {"email": 0.90, "phone": 0.90, "messenger": 0.80, "url": 0.85, "street": 0.60}
_LOOKALIKES = 3 / 112
_TEXT_KEYS = ("description", "biography", "signature", "bio")


@dataclass(frozen=True)
class Goal:
    """One figure beside what it has to reach; `least` says from which side.

    `interval`: where 95 of 100 samples like this one have it.
    """

    name: str
    hits: int
    of: int
    goal: float
    least: bool = True
    interval: tuple[float, float] | None = None

    @property
    def share(self) -> float:
        """Hits of all; 0 of nothing."""
        return self.hits / self.of if self.of else 0.0

    @property
    def is_met(self) -> bool:
        """Whether the figure reaches its goal."""
        return self.share >= self.goal if self.least else self.share <= self.goal

    def __str__(self) -> str:
        sign = ">=" if self.least else "<="
        word = "met   " if self.is_met else "MISSED"
        figure = f"{self.hits} of {self.of} = {self.share:.4f}"
        if self.interval:
            figure += " ({:.3f} to {:.3f})".format(*self.interval)
        return f"{word} {self.name}: {figure} (goal {sign} {self.goal:.4g})"


def goals(folder: Path) -> Iterator[Goal]:
    """Every goal that the labelled sets of a folder can tell of.

    Args:
        folder: Holds `truth/pii_adversarial.jsonl` (the listed ways), `truth/pii_fresh.jsonl` (ways
            drawn anew, see `sxe_pipeline_tests.redact.ways`), `truth/pii_real_bios.jsonl` and
            profiles in `tables`; each optional.
    """
    for name, measure in _SETS.items():
        path = folder / "truth" / name
        if path.is_file():
            yield from measure([line for line in path.read_bytes().splitlines() if line.strip()])
    if texts := real_texts(folder):
        yield from _left_over(texts)


def _listed(lines: list[bytes]) -> Iterator[Goal]:
    rows = list(redact_lines(lines, "text"))
    flagged = [bool(row["spans"]) for row in rows if row["label"]]
    alarms = [bool(row["spans"]) for row in rows if not row["label"]]
    yield Goal("listed ways, flagged", sum(flagged), len(flagged), 0.999)
    yield Goal("listed look-alikes, false alarms", sum(alarms), len(alarms), 0.003, least=False)


def real_texts(folder: Path) -> list[str]:
    """The distinct profile texts in the JSON Lines of `folder/tables`, sorted."""
    found: set[str] = set()
    for path in sorted((folder / "tables").glob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            found.update(_profile_texts(json.loads(line)))
    return sorted(found)


def _profile_texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _TEXT_KEYS and isinstance(inner, str) and inner:
                yield inner
            else:
                yield from _profile_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _profile_texts(inner)


def _left_over(texts: list[str]) -> Iterator[Goal]:
    """What the second detector says of real texts once they are redacted."""
    verdicts = scan_array(redact_array(pa.array(texts, pa.string())).texts)
    for verdict, most in (("shape", 0.01), ("certain", 0.0002)):
        seen = pc.sum(pc.equal(verdicts, verdict)).as_py() or 0
        yield Goal(f"second detector, '{verdict}' on real texts", seen, len(texts), most, False)


def _fresh(lines: list[bytes]) -> Iterator[Goal]:
    rows = list(redact_lines(lines, "text"))
    found: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        is_contact = row["end"] > 0
        found[row["kind"]].append(_covered(row) >= 0.6 if is_contact else bool(row["spans"]))
    for kind, least in _FRESH.items():
        yield Goal(f"fresh ways, {kind}", sum(found[kind]), len(found[kind]), least)
    urls = [row["text"][row["start"] : row["end"]] for row in rows if row["kind"] == "url"]
    left = redact_links(pa.array([[url] for url in urls], pa.list_(pa.string())))
    gone = sum(count > 0 for count in left.counts.to_pylist())
    yield Goal("fresh ways, url in a link field", gone, len(urls), _FRESH["url"])
    plain, hard = found["harmless"], found["lookalike"]
    yield Goal("fresh texts without a contact, false alarms", sum(plain), len(plain), 0.005, False)
    yield Goal("fresh look-alikes, false alarms", sum(hard), len(hard), _LOOKALIKES, False)
    missed = [row["redacted"] for row in rows if row["end"] > 0 and _covered(row) < 0.6]
    seen = len(missed) - scan_array(pa.array(missed, pa.string())).null_count
    yield Goal("second detector, of what the first missed", seen, len(missed), 0.30)
    whole = redact_array(pa.array([row["text"] for row in rows])).texts.to_pylist()
    same = sum(one == row["redacted"] for one, row in zip(whole, rows, strict=True))
    yield Goal("fresh ways, a column gives what the stream gives", same, len(rows), 1.0)


def _real(lines: list[bytes]) -> Iterator[Goal]:
    found: dict[str, list[bool]] = {"email": [], "phone": []}
    kept: list[bool] = []
    for row, line in zip(redact_lines(lines, "text"), lines, strict=True):
        labelled = json.loads(line)
        for span in labelled["spans"]:
            if span["kind"] in found:
                found[span["kind"]].append(_covered(row | _offsets(span, row)) >= 0.9)
        kept += [_covered(row | _offsets(trap, row)) == 0 for trap in labelled["traps"]]
    yield Goal("real texts, e-mail", sum(found["email"]), len(found["email"]), 1.0)
    yield Goal("real texts, phone", sum(found["phone"]), len(found["phone"]), 0.985)
    yield Goal("real texts, look-alikes kept", sum(kept), len(kept), 0.95)


def _offsets(part: dict[str, Any], row: dict[str, Any]) -> dict[str, int]:
    value = str(part.get("value", ""))
    start = part.get("start", row["text"].find(value))
    return {"start": start, "end": part.get("end", start + len(value))}


def _covered(row: dict[str, Any]) -> float:
    """The share of a contact that spans cover.

    Letters and digits count; of a number its digits, of a web address what its last part holds.
    """
    told = [i for i in range(row["start"], row["end"]) if row["text"][i].isalnum()]
    digits = [i for i in told if row["text"][i].isdigit()]
    if row.get("kind") == "phone" and len(digits) > 5:
        told = digits
    if row.get("kind") == "url":
        edge = max(row["text"].rfind(sign, row["start"], row["end"]) for sign in "=#/")
        told = [i for i in told if i > edge] or told
    hit = sum(any(s["start"] <= i < s["end"] for s in row["spans"]) for i in told)
    return hit / len(told) if told else 0.0


_SETS: dict[str, Callable[[list[bytes]], Iterator[Goal]]] = {
    "pii_adversarial.jsonl": _listed,
    "pii_real_bios.jsonl": _real,
    "pii_fresh.jsonl": _fresh,
}
