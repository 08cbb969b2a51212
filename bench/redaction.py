"""Redaction: recall per kind and bios a second, in one run.

Usage: SXE_TEST_DATA=DIR python bench/redaction.py [ROWS]
       SXE_TEST_DATA=DIR python bench/redaction.py --save    (the figures that the demo prints)

Reads DIR/truth/pii_adversarial.jsonl (recall, false alarms) and the bios in DIR/tables (speed: the
real mix, made distinct by a trailing word, so that no dictionary helps). Prints numbers only.

Bios and links go through us and through the peers in turns, so that another load on the machine
meets all alike: read the ratios. Two plain regexes are the floor (they leak); commonregex,
scrubadub and Presidio are timed where they are installed (`pip install '.[bench]'`), on fewer
texts, and find what their own rules say: recall is not compared here.
"""

import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
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


_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_NUMBER = re.compile(r"\+?\d[\d ().-]{7,}\d")
_ROUNDS = 3
_FEW = 2_000
"""Texts that the slow peers are given."""


def _in_polars(texts: list[str]) -> None:
    column = pl.Series(texts).str.replace_all(_MAIL.pattern, "")
    column.str.replace_all(_NUMBER.pattern, "")


def _in_python(texts: list[str]) -> None:
    for text in texts:
        _NUMBER.sub("", _MAIL.sub("", text))


def _commonregex() -> Callable[[list[str]], None]:
    from commonregex import email, link, phone

    def act(texts: list[str]) -> None:
        for text in texts:
            for pattern in (email, phone, link):
                pattern.sub("", text)

    return act


def _scrubadub() -> Callable[[list[str]], None]:
    import scrubadub

    scrubber = scrubadub.Scrubber(
        detector_list=[scrubadub.detectors.EmailDetector(), scrubadub.detectors.PhoneDetector()]
    )

    def act(texts: list[str]) -> None:
        for text in texts:
            scrubber.clean(text)

    return act


def _presidio() -> Callable[[list[str]], None]:
    import tldextract
    from presidio_analyzer.predefined_recognizers import EmailRecognizer, PhoneRecognizer

    # Its own copy of the list of suffixes: a benchmark asks no network.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    searches = [
        (EmailRecognizer(), ["EMAIL_ADDRESS"]),
        (PhoneRecognizer(), ["PHONE_NUMBER"]),
    ]

    def act(texts: list[str]) -> None:
        for text in texts:
            for recognizer, kinds in searches:
                recognizer.analyze(text, kinds, None)

    return act


def _peers() -> dict[str, tuple[Callable[[list[str]], None], int]]:
    """Name -> what a peer does with some texts, and the share of them that it is given."""
    found = {"two regexes in Polars": (_in_polars, 1), "two regexes in Python": (_in_python, 1)}
    peers = {"commonregex": _commonregex, "scrubadub": _scrubadub, "Presidio": _presidio}
    for name, build in peers.items():
        try:
            found[name] = build(), 0
        except ImportError:
            print(f"{name}: not installed (pip install '.[bench]')")
    return found


def _in_turns(what: str, texts: list[str], ours: Callable[[list[str]], None]) -> None:
    """Print a text's CPU time with us and with each peer, over rounds in which all have a turn."""
    acts = {"ours": (ours, 1), **_peers()}
    spent: dict[str, list[float]] = defaultdict(list)
    for _ in range(_ROUNDS):
        for name, (act, is_whole) in acts.items():
            some = texts if is_whole else texts[:_FEW]
            began = time.process_time()
            act(some)
            spent[name].append((time.process_time() - began) / len(some))
    for name, seconds in spent.items():
        ratio = sorted(a / b for a, b in zip(spent["ours"], seconds, strict=True))[_ROUNDS // 2]
        print(f"{1 / min(seconds):12,.0f} {what}/s of CPU  {ratio:8.2f}x the time: ours / {name}")


def speed(data: Path, rows: int) -> None:
    """Print bios a second on one core, and the worst cases."""
    bios = real_texts(data)
    texts = [f"{bios[i % len(bios)]} {_word(i // len(bios))}" for i in range(rows)]
    redact_text("")
    print(f"bios: {rows:,} distinct texts")
    _in_turns("bios", texts, lambda some: redact_array(pa.array(some)))
    hosts = (
        "example.com/p",
        "bread.example/blog",
        "linktr.ee/x",
        "youtube.com/@x",
        "wa.me/4477009",
    )
    links = [f"https://{hosts[i % 5]}{_word(i)}" for i in range(rows)]
    print(f"links: {rows:,} distinct ones, two in five contact links or hubs")
    _in_turns("links", links, lambda some: redact_links(pa.array([[link] for link in some])))
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
    speed(data, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
