"""Redaction: recall per kind, and texts a second of each column, in one run.

Usage: [SXE_TEST_DATA=DIR] python bench/redaction.py [ROWS]
       SXE_TEST_DATA=DIR python bench/redaction.py --save    (the figures that the demo prints)

Reads DIR/truth/pii_adversarial.jsonl (recall, false alarms) and the bios in DIR/tables (speed: the
real mix, made distinct by a trailing word, so that no dictionary helps); without DIR the bios are
those of the invented world, and there is no recall. Prints numbers only.

Bios, names and links, and what the second detector says of redacted bios, go through us and through
the peers in turns, so that another load on the machine meets all alike: read the ratios. Two plain
regexes are the floor (they leak); commonregex, scrubadub and Presidio are timed where they are
installed (`pip install '.[bench]'`), on fewer texts, and find what their own rules say: recall is
not compared here.
"""

import functools
import os
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import measured
import polars as pl
import pyarrow as pa
import yaml

import sxe_pipeline.demo
from sxe_pipeline.redact import RULESET_VERSION, redact_array, redact_links, redact_text
from sxe_pipeline.redact.measure import real_texts
from sxe_pipeline.redact.scan import scan_array
from sxe_pipeline.redact.stream import redact_lines
from sxe_pipeline.sandbox import people


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
    every = list(kinds.values())
    measured.judge("redact_listed", sum(each[1] for each in every) / sum(each[0] for each in every))
    if saved is not None:
        flagged_of = {kind: [flagged, count] for kind, (count, flagged, _) in sorted(kinds.items())}
        figures = {
            "ruleset_version": RULESET_VERSION,
            "false_alarms": [alarms, negatives],
            "flagged": flagged_of,
        }
        head = "# Written by bench/redaction.py --save: kind -> [texts flagged, texts].\n"
        saved.write_text(head + yaml.safe_dump(figures, sort_keys=False, default_flow_style=None))


def _word(number: int) -> str:
    """A number in letters: a digit in every text would hide how few texts hold one."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))


_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_NUMBER = re.compile(r"\+?\d[\d ().-]{7,}\d")
_ROUNDS = 3
_INVENTED = 50_000
"""As many accounts are asked for their bios and names; more are these with another word."""
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


def _in_turns(
    what: str,
    texts: list[str],
    ours: Callable[[list[str]], object],
    peers: dict[str, tuple[Callable[[list[str]], None], int]],
) -> float:
    """Print a text's CPU time with us and with each peer, in turns; how many of ours a second."""
    acts = {"ours": (ours, 1), **peers}
    ours(texts[:_FEW])
    some = {name: texts if is_whole else texts[:_FEW] for name, (_, is_whole) in acts.items()}
    taken = measured.in_turns(
        {name: functools.partial(act, some[name]) for name, (act, _) in acts.items()}, _ROUNDS
    )
    spent = {name: [s / len(some[name]) for s in seconds] for name, seconds in taken.items()}
    for name, seconds in spent.items():
        print(
            f"{1 / min(seconds):12,.0f} {what}/s of CPU {measured.spread(seconds)}, "
            f"{measured.ratio(spent['ours'], seconds):8.2f}x the time: ours / {name}"
        )
    return 1 / min(spent["ours"])


def _invented(rows: int) -> list[str]:
    found = people.population(random.Random(7), min(rows, _INVENTED))
    return sorted({account.bio for account in found if account.bio})


def speed(data: Path | None, rows: int) -> None:
    """Print texts of each column a second on one core, and the worst cases."""
    bios = real_texts(data) if data else _invented(rows)
    texts = [f"{bios[i % len(bios)]} {_word(i // len(bios))}" for i in range(rows)]
    redact_text("")
    peers = _peers()
    print(f"bios: {rows:,} distinct texts")
    rate = _in_turns("bios", texts, lambda some: redact_array(pa.array(some)), peers)
    named = people.population(random.Random(8), min(rows, _INVENTED))
    names = [f"{named[i % len(named)].name} {_word(i)}" for i in range(rows)]
    print(f"names: {rows:,} distinct ones")
    _in_turns("names", names, lambda some: redact_array(pa.array(some)), peers)
    hosts = (
        "example.com/p",
        "bread.example/blog",
        "linktr.ee/x",
        "youtube.com/@x",
        "wa.me/4477009",
    )
    links = [f"https://{hosts[i % 5]}{_word(i)}" for i in range(rows)]
    print(f"links: {rows:,} distinct ones, two in five contact links or hubs")
    _in_turns("links", links, lambda some: redact_links(pa.array([[link] for link in some])), peers)
    clean = redact_array(pa.array(texts)).texts.to_pylist()
    print(f"second detector: {rows:,} redacted bios")
    regexes = {name: peer for name, peer in peers.items() if name.startswith("two")}
    _in_turns("scans", clean, lambda some: scan_array(pa.array(some, pa.string())), regexes)
    measured.judge("redact_bios", rate)
    worst: dict[int, float] = defaultdict(float)
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
            took = 1000 * (time.process_time() - began)
            worst[size] = max(worst[size], took)
            print(f"{unit!r:14} {size:>7} characters {took:8.1f} ms")
    measured.judge("redact_long", worst[2000])
    measured.judge("redact_longest", worst[100_000])


def main() -> None:
    """Recall where there is a truth, and speed."""
    folder = os.environ.get("SXE_TEST_DATA")
    data = Path(folder) if folder else None
    if "--save" in sys.argv:
        if data is None:
            sys.exit("SXE_TEST_DATA is not set: recall needs a folder of labelled texts")
        recall(data / "truth", Path(sxe_pipeline.demo.__file__).with_name("recall.yaml"))
        return
    if data is None:
        print("recall: left out, SXE_TEST_DATA names no folder of labelled texts")
    else:
        recall(data / "truth")
    speed(data, *measured.sizes(100_000))


if __name__ == "__main__":
    main()
