"""What the demo prints at its end: the funnel, the owner's metrics, where things are, what to try.

Every figure says how it was measured and on what. A zero is only said of what was looked for.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sxe_pipeline.cards.funnel import Funnel, shares, totals
from sxe_pipeline.demo.enrichment import CAP_MICROS, Enrichment
from sxe_pipeline.demo.readers import ReadBack
from sxe_pipeline.local.program import program
from sxe_pipeline.redact import RULESET_VERSION

FAMILIES = {"e": "e-mail", "p": "phone, messenger", "l": "link", "a": "address"}
"""First letter of a way of hiding -> what is hidden."""

PLATFORMS = ("x", "tiktok", "threads")
STAGES = (
    ("accounts", "accounts in Tier 1"),
    ("identities", "identities (one person or brand)"),
    ("eligible", "eligible for labels"),
    ("no_signal", "no signal (they stay profiles)"),
    ("audience", "audience (a topic and no role)"),
    ("lead_cards", "lead cards (a persona)"),
    ("tagged", "tagged: persona and tribe"),
    ("own_words_tagged", "tagged by own words"),
    ("ready", "ready"),
)


@dataclass
class Report:
    """What the demo measured."""

    home: Path
    is_generated: bool
    seed: int
    stages: list[tuple[str, float]] = field(default_factory=list)
    failed_checks: set[str] = field(default_factory=set)
    funnel: Funnel = field(default_factory=dict)
    input_rows: int = 0
    observations: int = 0
    posts: int = 0
    quarantined: int = 0
    scan_open: int = 0
    leaks: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    markets: list[dict[str, Any]] = field(default_factory=list)
    read: ReadBack = field(default_factory=ReadBack)
    enrichment: Enrichment | None = None
    audit: Mapping[str, Any] = field(default_factory=dict)
    offences: list[str] = field(default_factory=list)
    planted: int = 0
    hits: list[Any] = field(default_factory=list)
    seconds: float = 0.0

    def count_day(self, row: Sequence[Any]) -> None:
        """Add one row of `social.day_count`."""
        inputs, observed, posts, quarantined, scan_open, leaks, reasons = row
        self.input_rows += inputs
        self.observations += observed
        self.posts += posts
        self.quarantined += quarantined
        self.scan_open += scan_open
        self.leaks += leaks
        for reason, count in reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count

    def total(self, stage: str) -> int:
        """One stage of the funnel over all platforms and markets."""
        return totals(self.funnel)[stage]

    @property
    def shares(self) -> dict[str, float]:
        """The shares of `cards.funnel` in 0..1."""
        return shares(totals(self.funnel))

    @property
    def _from_files(self) -> list[dict[str, Any]]:
        return [*self.read.cards, *self.read.pools, *self.read.contacts]

    @property
    def is_read_three_ways(self) -> bool:
        """Whether all consumers read the same rows of the batches that each of them was given."""
        rows = {b["batch_id"]: (b["rows"], b["rows"] + b["removes"]) for b in self.read.cards}
        told = all(rows[b["batch_id"]][0] == b["rows"] for b in self.read.by_queue)
        asked = all(
            rows[b["batch_id"]][1] == b["rows"] and b["is_proved"] == bool(b["rows"])
            for b in self.read.by_api
        )
        return told and asked and bool(self.read.by_queue) and bool(self.read.by_api)

    @property
    def schema_errors(self) -> int:
        """Rows that the consumer's own validator refused."""
        return sum(b["schema_errors"] for b in self._from_files)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong that the demo can see."""
        read_back = all(
            b["rows"] == b["duckdb_rows"] == b["pandas_rows"] == b["distinct_keys"]
            for b in self._from_files
        )
        is_paid_right = self.enrichment is None or (
            self.enrichment.is_good and len(self.read.contacts) > 0 and self.is_read_three_ways
        )
        whole = self.audit.get("status") == "whole"
        even = self.input_rows == self.observations + self.quarantined
        is_clean = not self.hits and not self.offences and not self.schema_errors
        return is_clean and read_back and whole and even and is_paid_right

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "ok": self.is_good,
            "data": "generated" if self.is_generated else "real",
            "seed": self.seed,
            "seconds": round(self.seconds, 1),
            "stages": [{"stage": n, "seconds": round(s, 2)} for n, s in self.stages],
            "input_rows": self.input_rows,
            "observations": self.observations,
            "post_sightings": self.posts,
            "quarantined": self.quarantined,
            "reasons": self.reasons,
            "shares": {name: round(share, 4) for name, share in self.shares.items()},
            "funnel": [
                {"stage": s, "platform": p, "market": m, "value": v}
                for (s, p, m), v in sorted(self.funnel.items())
            ],
            "planted": self.planted,
            "planted_found": len(self.hits),
            "scan_open": self.scan_open,
            "leaks": self.leaks,
            "batches": self.read.cards,
            "pool_batches": self.read.pools,
            "contact_batches": self.read.contacts,
            "by_api": self.read.by_api,
            "by_queue": self.read.by_queue,
            "enrichment": self.enrichment.as_dict() if self.enrichment else None,
            "schema_errors": self.schema_errors,
            "audit": dict(self.audit),
            "failed_checks": sorted(self.failed_checks),
            "home": str(self.home),
        }

    def lines(self) -> Iterator[str]:
        """What was measured, line by line."""
        kind = "generated profiles" if self.is_generated else "your files"
        yield f"\nSocial XPress Engine: the whole pipeline on {kind}, {self.seconds:.1f} s"
        yield from _columns([(name, f"{s:.1f} s") for name, s in self.stages])
        yield from self._funnel()
        yield from self._metrics()
        yield from self._batches()
        yield from self._enrichment()
        yield from self._locations()

    def _enrichment(self) -> Iterator[str]:
        done = self.enrichment
        if done is None:
            yield "\n  no contact data was asked for: nothing is invented for real people, and the"
            yield "  shipped policy is closed; docs/enrichment.md says how two people open it"
            return
        request, asks = done.request, done.request.asks
        yield "\n  contact data: asked, approved, paid, handed over"
        yield f"    policy       {asks.policy_sha256[:12]} of the sandbox: this machine only"
        for provider in done.providers:
            price = provider.price_card or {"sells": {}}
            worst = ", ".join(
                f"{group} {_money(price['micros_per_unit'] * s['worst_units_micro'] // 1_000_000)}"
                for group, s in price["sells"].items()
            )
            yield f"    price        {provider.provider:12} at most {worst} a person"
        yield (
            f"    request      {request.item_count} cards of {done.market}, "
            f"{' and '.join(asks.fields)}; at most {_money(asks.max_micros)}; asked by "
            f"{request.created_by}, approved by {request.approvals[0].principal}"
        )
        for line in done.plan.forecast:
            yield (
                f"    forecast     {line.provider:12}{line.group:8}"
                f"{line.matchable:>4} matchable, expected {_money(line.expected_micros)}, "
                f"worst {_money(line.worst_micros)}"
            )
        outcomes = ", ".join(f"{name} {n}" for name, n in sorted(request.outcomes.items()))
        yield f"    outcome      {done.paid_calls} paid calls: {outcomes}"
        kinds = ", ".join(f"{kind} {n}" for kind, n in done.values.items())
        batches = self.read.contacts
        yield (
            f"    values       {kinds}; encrypted at rest; {len(batches)} contact batches, "
            f"the newest of {max((b['rows'] for b in batches), default=0)} rows, read by a consumer"
        )
        yield _metric(
            "money: ledger = providers",
            f"{_money(done.spent_micros)} = {_money(done.provider_micros)} "
            f"({done.spent_micros:,} micros on both sides), of a cap of {_money(CAP_MICROS)}",
            "the ledger against the emulated providers' own log, to the micro",
        )
        yield _metric(
            "calls audited, none unapproved",
            f"{done.proof['audited']} of {done.proof['paid_calls']} audited, "
            f"{done.proof['approved_before']} approved before, "
            f"{done.proof['one_outcome']} with one outcome",
            "from the providers' own log and the database's clock",
        )

    def _funnel(self) -> Iterator[str]:
        yield f"\n  {'funnel':34}{'all':>9}" + "".join(f"{p:>9}" for p in PLATFORMS)
        yield f"  {'input rows':34}{self.input_rows:>9,}"
        yield f"  {'sightings of profiles':34}{self.observations - self.posts:>9,}"
        yield f"  {'sightings by posts':34}{self.posts:>9,}"
        yield f"  {'quarantined':34}{self.quarantined:>9,}"
        counts: Counter[tuple[str, str]] = Counter()
        for (stage, platform, _), value in self.funnel.items():
            counts[stage, platform] += value
        for stage, title in STAGES:
            by_platform = "".join(f"{counts[stage, p]:>9,}" for p in PLATFORMS)
            yield f"  {title:34}{self.total(stage):>9,}{by_platform}"
        reasons = sorted(self.reasons.items(), key=lambda r: -r[1])
        yield "  quarantine by reason: " + ", ".join(f"{r} {n:,}" for r, n in reasons)

    def _metrics(self) -> Iterator[str]:
        data = "generated" if self.is_generated else "real"
        yield "\n  what the owner asked for"
        if self.is_generated:
            found = len(self.hits)
            yield _metric(
                "profiles with zero contact data",
                f"{self.total('accounts'):,}; {found} of {self.planted} planted contacts found",
                f"{data}; every byte left but the landing tier, all of Postgres",
            )
            if self.enrichment:
                yield _metric(
                    "contact values where they belong",
                    f"0 of {len(self.enrichment.handed_out)} values of providers found elsewhere"
                    if not found
                    else "see the finds above",
                    "the same search, outside of the contact batches; encrypted in Postgres",
                )
            yield from (f"      found: {hit.kind} in {hit.where}" for hit in self.hits[:20])
        else:
            yield _metric("profiles", f"{self.total('accounts'):,}", f"{data}; nothing was planted")
        yield _metric(
            "second detector",
            f"{self.scan_open:,} open shapes, {self.leaks:,} rows kept out as leaks",
            "not zero contacts: what a second set of rules still sees",
        )
        yield from _recall()
        yield _metric(
            "tagged with persona and tribe",
            f"{self.shares['tagged_share']:.1%} of lead cards; lead cards are "
            f"{self.shares['lead_of_eligible_share']:.1%} of eligible, "
            f"{self.shares['lead_of_all_share']:.1%} of all",
            f"{data}; by own words {self.shares['own_words_tagged_share']:.1%} of cards. "
            "On real profiles: README",
        )
        yield _metric(
            "schema errors at the consumer",
            f"{self.schema_errors} in {sum(b['rows'] for b in self.read.cards):,} rows",
            "a process of its own, files and pinned key alone, DuckDB and pandas",
        )
        if self.read.by_api:
            asked, told = self.read.by_api, self.read.by_queue
            yield _metric(
                "handed off three ways",
                f"{len(self.read.cards)} batches as files; {len(asked)} newest by the API, each "
                f"answered with proof; {len(told)} newest told by the queue",
                "three processes with one pinned key, two of them with a key of their own",
            )
        yield _metric(
            "audited", _audited(self.audit), "sxe audit verify: hashes, seals, coverage, mirror"
        )
        yield _metric(
            "nothing that writes or sells",
            f"{len(self.offences)} denied terms on the public surface",
            "verbs, assets, checks, contract columns, settings; test_vocabulary.py reads more",
        )

    def _batches(self) -> Iterator[str]:
        days = sorted({b["day"] for b in self.read.cards})
        markets = {b["market"] for b in self.read.cards}
        size = f"{len(self.read.cards)} batches of {len(markets)} markets and {len(days)} days"
        yield f"\n  {size}, verified and read twice"
        for batch in self.read.cards[:12]:
            removed = f", {batch['removes']:,} taken out" if batch["kind"] == "delta" else ""
            yield f"    {batch['day']}  {batch['market']:24}{batch['rows']:>8,} cards{removed}"
        if self.failed_checks:
            yield "  checks that did not pass: " + ", ".join(sorted(self.failed_checks))

    def _locations(self) -> Iterator[str]:
        yield f"\n  tables   {self.home / 'tier1'}"
        yield f"  batches  {self.home / 'handoff'}"
        if self.read.contacts:
            yield f"  contacts {self.home / 'contact_handoff'}"
        yield "\n  try next"
        yield "    make ui                               the assets, their numbers and checks"
        if self.enrichment:
            request_id = self.enrichment.request.request_id
            yield f"    SXE_HOME={self.home} {program()} enrich receipt {request_id}"
        if self.read.cards:
            one = self.read.cards[0]["batch_id"]
            yield f"    {program()} batch verify {self.home}/handoff/lead_card/v0/{one} \\"
            yield f"        --key {self.home}/keys/signing.pub"
        yield '    make demo INPUT="DIR"                 the same on your own landing folder'


def _money(micros: int) -> str:
    return f"${micros / 1_000_000:,.2f}"


def _recall() -> Iterator[str]:
    """What redaction alone finds on an adversarial set, as it was last measured."""
    text = Path(__file__).with_name("recall.yaml").read_text(encoding="utf-8")
    measured = yaml.safe_load(text)
    flagged: dict[str, list[int]] = measured["flagged"]
    by_family: dict[str, list[int]] = {family: [0, 0] for family in FAMILIES.values()}
    for kind, (found, count) in flagged.items():
        total = by_family[FAMILIES[kind[0]]]
        total[0] += found
        total[1] += count
    shares = ", ".join(f"{name} {found}/{count}" for name, (found, count) in by_family.items())
    below = [f"{k} {found / n:.3f}" for k, (found, n) in flagged.items() if found < n]
    alarms, negatives = measured["false_alarms"]
    same = "" if measured["ruleset_version"] == RULESET_VERSION else " (of another ruleset)"
    yield _metric(
        f"recall of redaction alone{same}",
        shares,
        f"{len(flagged)} ways of hiding, the rules were tuned on them; false alarms {alarms} of "
        f"{negatives}",
    )
    yield f"      ways below 1.000: {', '.join(below)}; the others 1.000 each"


def _metric(name: str, value: str, how: str) -> str:
    return f"    {name:34}{value}\n      measured: {how}"


def _audited(audit: Mapping[str, Any]) -> str:
    return (
        f"{audit.get('attested', 0):,} of {audit.get('events', 0):,} events attested by a "
        f"materialization, {audit.get('sealed', 0):,} sealed; "
        f"verdict: {audit.get('status', 'unknown')}"
    )


def _columns(cells: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield from (f"  {name:34}{value:>9}" for name, value in cells)
