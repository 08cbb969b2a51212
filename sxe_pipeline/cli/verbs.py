"""Which verbs there are, under who types them, and where each is found.

Here: names and the module of each, which is imported when a verb of its section is typed. Not here:
what a verb does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Section:
    """The verbs of one reader of `sxe --help`."""

    title: str
    names: tuple[str, ...]
    load: Callable[[], tuple[click.Command, ...]]


def _trying() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import local

    return local.demo, local.ui


def _building() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import build, evaluate, landing, market, taxonomy, tier1

    return (
        tier1.ingest,
        landing.landing,
        build.build,
        market.market,
        tier1.redact,
        tier1.resolve,
        tier1.label,
        taxonomy.taxonomy,
        evaluate.evaluate,
    )


def _asking() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import enrich, gate

    return gate.request, enrich.enrich


def _approving() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import gate, privacy

    return gate.approve, gate.reject, gate.revoke, privacy.privacy


def _budgeting() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import budget, policy

    return budget.budget, policy.policy


def _auditing() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import audit

    return (audit.audit,)


def _consuming() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import handoff

    return handoff.batch, handoff.contracts


def _operating() -> tuple[click.Command, ...]:
    from sxe_pipeline.cli import consumers, keys, local, people, recover, serve, status, worker

    return (
        status.status,
        local.migrate,
        local.doctor,
        recover.recover,
        people.people,
        keys.keys,
        consumers.consumers,
        worker.worker,
        serve.serve,
        local.env,
        local.down,
    )


SECTIONS = (
    Section("Try it out", ("demo", "ui"), _trying),
    Section(
        "Build lead cards",
        ("ingest", "landing", "build", "market", "redact", "resolve", "label", "taxonomy", "eval"),
        _building,
    ),
    Section("Ask for contact data", ("request", "enrich"), _asking),
    Section("Approve", ("approve", "reject", "revoke", "privacy"), _approving),
    Section("Hold the budget", ("budget", "policy"), _budgeting),
    Section("Audit", ("audit",), _auditing),
    Section("Read batches", ("batch", "contracts"), _consuming),
    Section(
        "Operate",
        (
            "status",
            "migrate",
            "doctor",
            "recover",
            "people",
            "keys",
            "consumers",
            "worker",
            "serve",
            "env",
            "down",
        ),
        _operating,
    ),
)

NAMES = tuple(name for section in SECTIONS for name in section.names)


def verb(name: str) -> click.Command | None:
    """The verb of that name; None where there is none."""
    for section in SECTIONS:
        if name in section.names:
            return dict(zip(section.names, section.load(), strict=True))[name]
    return None
