"""The contact tier over a gate of its own and emulated providers: what its tests start from."""

from sxe_pipeline.contacts import enrich
from sxe_pipeline.contacts.apollo import Apollo
from sxe_pipeline.contacts.enformion import Enformion
from sxe_pipeline.contacts.vault import Vault
from sxe_pipeline.gate import permits

CREDENTIALS = {
    "apollo": {"api_key": "test-key"},
    "enformion": {"name": "test", "password": "test"},
}


class Desk:
    """A world, an emulator, a vault; `work()` does what one tick of the sensor would start."""

    def __init__(self, world, emulator, read_timeout_s=60.0):
        self.world, self.emulator = world, emulator
        self.vault = Vault.of(Vault.generate_text())
        self.providers = {
            adapter.name: enrich.Provider(
                adapter, emulator.url, CREDENTIALS[adapter.name], read_timeout_s
            )
            for adapter in (Apollo(f"{emulator.url}/sink"), Enformion())
        }
        self.pauses = []

    def enrich(self, launch, *, conn=None, reached=lambda point: None, run_id=None):
        """Run one launch, as the asset does."""
        return enrich.enrich(
            conn or self.world.contacts,
            self.vault,
            self.providers,
            request_id=launch.request_id,
            attempt=launch.attempt,
            run_id=run_id or f"run-{launch.attempt}",
            reached=reached,
            pause=self.pauses.append,
        )

    def work(self, **more):
        """Sweep, claim and run, once; the reports."""
        permits.sweep(self.world.contacts)
        return [
            self.enrich(launch, **more) for launch in permits.claim_launches(self.world.contacts)
        ]

    def approved(self, limit=250, **changes):
        """A request that somebody else approved; nothing has run."""
        made = self.world.submit(limit, **changes)
        self.world.approve(made)
        return made

    # the outside's own account of it

    def charged(self, provider):
        """Millionths of a unit that the provider took."""
        return self.emulator.stats()["totals"][provider]

    def charged_micros(self, provider):
        """The same as money, each charge rounded up, from the provider's own log."""
        per_unit = {"apollo": 50_000, "enformion": 150_000}[provider]
        return sum(
            -(-units * per_unit // 1_000_000)
            for entry in self.emulator.stats()["calls"]
            if entry["provider"] == provider
            for units in (entry["units_micro"] - entry["later_micro"], entry["later_micro"])
        )

    def paid_calls(self):
        """Log entries of requests that may cost money."""
        return [c for c in self.emulator.stats()["calls"] if c["kind"] == "paid"]
