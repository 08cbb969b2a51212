"""The demo's second half: people ask, other people approve, the engine spends what was approved.

Here: the people of the sandbox and what they do, through the gate that everybody uses. The
providers are the emulated ones, the contact half runs in a process of its own, and what the
providers counted is held against the ledger.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import yaml

from sxe_pipeline import sandbox
from sxe_pipeline import settings as environment
from sxe_pipeline.demo import paid_calls
from sxe_pipeline.errors import Refused
from sxe_pipeline.gate import people, requests
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


@dataclass
class Enrichment:
    """What the second half measured. Money in millionths of the currency."""

    market: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    budgets: Sequence[Mapping[str, Any]] = ()
    providers: Sequence[Mapping[str, Any]] = ()
    runs: Sequence[Mapping[str, Any]] = ()
    provider_micros: int = 0
    paid_calls: int = 0
    values: Mapping[str, int] = field(default_factory=dict)
    proof: Mapping[str, Any] = field(default_factory=dict)
    handed_out: set[str] = field(default_factory=set, repr=False)

    @property
    def spent_micros(self) -> int:
        """What the ledger says was spent."""
        return int(self.request.get("spent_micros", 0)) + int(self.request.get("overrun_micros", 0))

    @property
    def is_good(self) -> bool:
        """Whether ledger, budgets and providers agree to the last millionth, and all is audited."""
        booked = sum(each["booked_micros"] for each in self.providers)
        return (
            bool(self.runs)
            and all(run["ok"] for run in self.runs)
            and self.request.get("state") == "DONE"
            and self.spent_micros == booked == self.provider_micros
            and all(b["is_balanced"] for b in self.budgets)
            and not self.proof.get("faults")
            and sum(self.values.values()) > 0
        )

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {
            "market": self.market,
            "request_id": self.request.get("request_id"),
            "state": self.request.get("state"),
            "items": self.request.get("item_count"),
            "forecast": self.plan.get("forecast"),
            "cap_micros": CAP_MICROS,
            "spent_micros": self.spent_micros,
            "provider_micros": self.provider_micros,
            "paid_calls": self.paid_calls,
            "outcomes": self.request.get("outcomes"),
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
    done = Enrichment()
    with (
        providers.serve(retry_after_s=0) as emulator,
        attach.attached(settings, "api") as held,
        sql.connect(held.settings.need("api_dsn")) as conn,
    ):
        tokens = _hire(settings, conn)
        _keep(settings.home / "keys", tokens)
        _open(conn, tokens)
        done.market, spec = _choose(conn, tokens["ana"], markets)
        for scope in _scopes(done.market):
            _agree(conn, tokens, "cap", scope | {"cap_micros": CAP_MICROS})
        made = requests.submit(conn, tokens["ana"], spec)
        done.plan = made
        requests.approve(
            conn,
            tokens["ben"],
            UUID(made["request_id"]),
            made["version"],
            made["content_sha256"],
            "the sandbox shows how it is done",
        )
        done.runs = contact.run_once(
            replace(
                settings,
                provider_urls=dict.fromkeys(CREDENTIALS, emulator.url),
                credentials=CREDENTIALS,
                apollo_sink_url=f"{emulator.url}/sink",
            )
        )
        _measure(conn, done, UUID(made["request_id"]), emulator)
    return done


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

    plans = {m: requests.plan(conn, token, spec(m))["counts"] for m in markets}
    best = max(sorted(plans), key=lambda m: plans[m]["looked_at"] - plans[m]["not_matchable"])
    return best, spec(best)


def _scopes(market: str) -> Iterator[dict[str, Any]]:
    yield {"market": market}
    for provider in CREDENTIALS:
        yield {"provider": provider}
        yield {"market": market, "provider": provider}


def _measure(
    conn: psycopg.Connection, done: Enrichment, request_id: UUID, emulator: providers.Emulator
) -> None:
    """Both sides' account of it: the emulator's log, and what the gate shows."""
    done.request = requests.find(conn, request_id)
    done.budgets, done.providers = requests.budgets(conn), requests.providers(conn)
    prices = {price["provider"]: price["micros_per_unit"] for price in _yaml(sandbox.PRICES)}
    log = emulator.stats()["calls"]
    done.provider_micros = sum(
        -(-units * prices[entry["provider"]] // 1_000_000)
        for entry in log
        for units in (entry["units_micro"] - entry["later_micro"], entry["later_micro"])
    )
    done.paid_calls = sum(entry["kind"] == "paid" for entry in log)
    counted: dict[str, int] = {}
    receipt = requests.receipt(conn, request_id=request_id)
    for call_id, card_id in {(r["call_id"], r["card_id"]) for r in receipt}:
        groups = [r for r in receipt if (r["call_id"], r["card_id"]) == (call_id, card_id)]
        for value in (v for r in groups for v in r["values"]):
            counted[value["kind"]] = counted.get(value["kind"], 0) + 1
    done.values = dict(sorted(counted.items()))
    done.proof = paid_calls.examine(conn, log)
    done.handed_out = emulator.handed_out()


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
