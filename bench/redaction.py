"""Redaction: recall per kind and bios a second, in one run.

Usage: SXE_TEST_DATA=DIR python bench/redaction.py [ROWS]
       SXE_TEST_DATA=DIR python bench/redaction.py --save    (the figures that the demo prints)

Reads DIR/truth/pii_adversarial.jsonl (recall, false alarms) and the bios in DIR/tables (speed: the
real mix, made distinct by a trailing word, so that no dictionary helps). Prints numbers only.
"""

import os
import re
import sys
import time
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import polars as pl
import pyarrow as pa
import yaml

import sxe_pipeline.demo
from sxe_pipeline.redact import RULESET_VERSION, redact_array, redact_links, redact_text
from sxe_pipeline.redact.measure import real_texts
from sxe_pipeline.redact.stream import redact_lines


def recall(truth: Path, saved: Path | None = None) -> None:
    """Print flagged and span recall per kind, then the false alarms; save them where asked."""
    lines = (truth / "pii_adversarial.jsonl").read_bytes().splitlines()
    kinds: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    alarms = negatives = 0
    for row in redact_lines(lines, "text"):
        if not row["label"]:
            negatives += 1
            alarms += bool(row["spans"])
            continue
        core = [i for i in range(row["start"], row["end"]) if row["text"][i].isalnum()]
        hit = sum(any(s["start"] <= i < s["end"] for s in row["spans"]) for i in core)
        tally = kinds[row["kind"]]
        tally[0] += 1
        tally[1] += bool(row["spans"])
        tally[2] += hit >= 0.9 * len(core)
    for kind, (count, flagged, covered) in sorted(kinds.items()):
        print(f"{kind:32} {flagged / count:.3f} flagged  {covered / count:.3f} covered  of {count}")
    print(f"false alarms {alarms} of {negatives}")
    if saved is not None:
        flagged_of = {kind: [flagged, count] for kind, (count, flagged, _) in sorted(kinds.items())}
        measured = {
            "ruleset_version": RULESET_VERSION,
            "false_alarms": [alarms, negatives],
            "flagged": flagged_of,
        }
        head = "# Written by bench/redaction.py --save: kind -> [texts flagged, texts].\n"
        saved.write_text(head + yaml.safe_dump(measured, sort_keys=False, default_flow_style=None))


def _word(number: int) -> str:
    """A number in letters: a digit in every text would hide how few texts hold one."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))


def _peers(texts: pa.Array) -> None:
    """The same texts through two regexes, which leak: in the same run, so that ratios compare."""
    mail = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
    number = re.compile(r"\+?\d[\d ().-]{7,}\d")
    column = pl.Series(texts)
    began = time.process_time()
    column.str.replace_all(mail.pattern, "").str.replace_all(number.pattern, "")
    print(f"{len(texts) / (time.process_time() - began):,.0f} bios/s, two regexes in Polars")
    listed = texts.to_pylist()
    began = time.process_time()
    for text in listed:
        number.sub("", mail.sub("", text))
    print(f"{len(texts) / (time.process_time() - began):,.0f} bios/s, two regexes in Python")


def speed(data: Path, rows: int) -> None:
    """Print bios a second on one core, and the worst cases."""
    bios = real_texts(data)
    texts = pa.array([f"{bios[i % len(bios)]} {_word(i // len(bios))}" for i in range(rows)])
    began = time.process_time()
    redact_array(texts)
    print(f"{rows / (time.process_time() - began):,.0f} bios/s of CPU, {rows:,} distinct texts")
    _peers(texts)
    hosts = (
        "example.com/p",
        "bread.example/blog",
        "linktr.ee/x",
        "youtube.com/@x",
        "wa.me/4477009",
    )
    links = pa.array([[f"https://{hosts[i % 5]}{_word(i)}"] for i in range(rows)])
    began = time.process_time()
    redact_links(links)
    print(f"{rows / (time.process_time() - began):,.0f} links/s of CPU, {rows:,} distinct links")
    for unit in (
        "1-1-1-",
        "1111",
        "+1 +1",
        "at at ",
        "a dot com ",
        "one one ",
        "%41",
        "st 1 st 1 ",
    ):
        for size in (2000, 100_000):
            began = time.process_time()
            redact_text((unit * size)[:size])
            print(
                f"{unit!r:14} {size:>7} characters {1000 * (time.process_time() - began):8.1f} ms"
            )


if __name__ == "__main__":
    if "SXE_TEST_DATA" not in os.environ:
        sys.exit("SXE_TEST_DATA is not set: this benchmark needs a folder of real profiles")
    data = Path(os.environ["SXE_TEST_DATA"])
    if "--save" in sys.argv:
        recall(data / "truth", Path(sxe_pipeline.demo.__file__).with_name("recall.yaml"))
        sys.exit()
    recall(data / "truth")
    speed(data, int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
