"""The demo's second half: people ask, other people approve, the engine spends what was approved.

Here: the people of the sandbox and what they do, through the gate that everybody uses. The
providers are the emulated ones, the contact half runs in a process of its own, and what the
providers counted is held against the ledger.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import yaml

from sxe_pipeline import sandbox
from sxe_pipeline import settings as environment
from sxe_pipeline.demo import paid_calls
from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import people, reads, requests
from sxe_pipeline.local import attach, contact
from sxe_pipeline.sandbox import providers
from sxe_pipeline.settings import Settings
from sxe_pipeline.store import sql

ITEMS = 120
CAP_MICROS = 60_000_000
FIELDS = ("email", "phone")
CREDENTIALS = {
    "apollo": {"api_key": "sandbox"},
    "enformion": {"name": "sandbox", "password": "sandbox"},
}
PATIENCE = {"poll_wait": "0 seconds", "reconcile_wait": "0 seconds"}
"""The emulated providers answer at once, so nobody waits for them."""


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What the second half measured. Money in millionths of the currency."""

    market: str
    request: reads.Request
    plan: requests.Plan
    budgets: Sequence[reads.Budget]
    providers: Sequence[reads.Provider]
    runs: Sequence[Mapping[str, Any]]
    provider_micros: int
    paid_calls: int
    values: Mapping[str, int]
    proof: Mapping[str, Any]
    handed_out: set[str] = field(repr=False)

    @property
    def spent_micros(self) -> int:
        """What the ledger says was spent."""
        return self.request.spent_micros + self.request.overrun_micros

    @property
    def is_good(self) -> bool:
        """Whether ledger, budgets and providers agree to the last millionth, and all is audited."""
        booked = sum(each.booked_micros for each in self.providers)
        return (
            bool(self.runs)
            and all(run["ok"] for run in self.runs)
            and self.request.state == "DONE"
            and self.spent_micros == booked == self.provider_micros
            and all(b.is_balanced for b in self.budgets)
            and not self.proof.get("faults")
            and sum(self.values.values()) > 0
        )

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "market": self.market,
            "request_id": self.request.request_id,
            "state": self.request.state,
            "items": self.request.item_count,
            "forecast": self.plan.forecast,
            "cap_micros": CAP_MICROS,
            "spent_micros": self.spent_micros,
            "provider_micros": self.provider_micros,
            "paid_calls": self.paid_calls,
            "outcomes": self.request.outcomes,
            "values": dict(self.values),
            "claims": dict(self.proof),
            "ok": self.is_good,
        }


def run(settings: Settings, markets: Sequence[str]) -> Enrichment:
    """Ask for contact data of one market, have it approved, and let the contact process work.

    Args:
        settings: Of the demo's home, before this process took any login of them.
        markets: Markets to choose from; the one with the most cards that can be asked for is taken.

    Raises:
        Refused: No card of any market can be asked for.
    """
    with (
        providers.serve(retry_after_s=0) as emulator,
        attach.attached(settings, "api") as held,
        sql.connect(held.settings.need("api_dsn")) as conn,
    ):
        tokens = _hire(settings, conn)
        _keep(settings.home / "keys", tokens)
        _open(conn, tokens)
        market, spec = _choose(conn, tokens["ana"], markets)
        for scope in _scopes(market):
            _agree(conn, tokens, "cap", scope | {"cap_micros": CAP_MICROS})
        made = requests.submit(conn, tokens["ana"], spec)
        requests.approve(
            conn,
            tokens["ben"],
            made.request_id,
            made.version,
            made.content_sha256,
            "the sandbox shows how it is done",
        )
        runs = contact.run_once(
            replace(
                settings,
                provider_urls=dict.fromkeys(CREDENTIALS, emulator.url),
                credentials=CREDENTIALS,
                apollo_sink_url=f"{emulator.url}/sink",
            )
        )
        return _measured(conn, market, made, runs, emulator)


def _hire(settings: Settings, conn: psycopg.Connection) -> dict[str, str]:
    """Two admins by the verb that makes them, then one who asks and one who approves."""
    admin = {environment.DATABASES["admin_dsn"]: dsn} if (dsn := settings.admin_dsn) else {}
    child = subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.cli", "people", "bootstrap", "cho", "dan", "--json"],
        env=environment.inherited() | admin | {"SXE_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        raise Refused("the first two principals could not be made; `sxe people bootstrap` says why")
    tokens = {t["principal"]: t["token"] for t in json.loads(child.stdout)["tokens"]}
    expires_at = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    for name, scope in (("ana", "request"), ("ben", "approve")):
        token = people.make_token()
        person = {"principal": name, "scopes": [scope], "token_sha256": token.sha256}
        _agree(conn, tokens, "principal", person | {"expires_at": expires_at})
        people.accept(conn, token.text, None)
        tokens[name] = token.text
    return tokens


def _keep(folder: Path, tokens: Mapping[str, str]) -> None:
    """Leave the tokens of these people who do not exist, so that a user can go on as them."""
    for name, token in tokens.items():
        file = folder / f"{name}.token"
        file.touch(mode=0o600)
        file.write_text(token)


def _open(conn: psycopg.Connection, tokens: Mapping[str, str]) -> None:
    """The sandbox's own policy, prices and clocks, each put in force by two."""
    _agree(conn, tokens, "policy", _yaml(sandbox.POLICY))
    for price in _yaml(sandbox.PRICES):
        _agree(conn, tokens, "price", price)
    _agree(conn, tokens, "setting", PATIENCE)


def _agree(
    conn: psycopg.Connection, tokens: Mapping[str, str], kind: str, content: dict[str, Any]
) -> None:
    proposal = people.propose(conn, tokens["cho"], kind, content, "sandbox")
    people.decide(conn, tokens["dan"], proposal, is_confirmed=True)


def _choose(
    conn: psycopg.Connection, token: str, markets: Sequence[str]
) -> tuple[str, requests.Spec]:
    def spec(market: str) -> requests.Spec:
        return requests.Spec(
            market=market,
            fields=FIELDS,
            limit=ITEMS,
            purpose="market_research",
            legal_basis="legitimate_interest",
            match_basis="public_data",
            permissible_purpose="none",
        )

    plans = {m: requests.plan(conn, token, spec(m)).counts for m in markets}
    if not plans:
        raise Refused("no market has a card that can be asked for; give the demo more profiles")
    best = max(sorted(plans), key=lambda m: plans[m].looked_at - plans[m].not_matchable)
    return best, spec(best)


def _scopes(market: str) -> Iterator[dict[str, Any]]:
    yield {"market": market}
    for provider in CREDENTIALS:
        yield {"provider": provider}
        yield {"market": market, "provider": provider}


def _measured(
    conn: psycopg.Connection,
    market: str,
    made: requests.Submitted,
    runs: Sequence[Mapping[str, Any]],
    emulator: providers.Emulator,
) -> Enrichment:
    """Both sides' account of it: the emulator's log, and what the gate shows."""
    prices = {price["provider"]: price["micros_per_unit"] for price in _yaml(sandbox.PRICES)}
    log = emulator.stats()["calls"]
    values = Counter(
        value.kind
        for line in reads.receipt(conn, request_id=made.request_id)
        for value in line.values
    )
    return Enrichment(
        market=market,
        request=reads.find(conn, made.request_id),
        plan=made,
        budgets=reads.budgets(conn),
        providers=reads.providers(conn),
        runs=runs,
        provider_micros=sum(
            -(-units * prices[entry["provider"]] // 1_000_000)
            for entry in log
            for units in (entry["units_micro"] - entry["later_micro"], entry["later_micro"])
        ),
        paid_calls=sum(entry["kind"] == "paid" for entry in log),
        values=dict(sorted(values.items())),
        proof=paid_calls.examine(conn, log),
        handed_out=emulator.handed_out(),
    )


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
