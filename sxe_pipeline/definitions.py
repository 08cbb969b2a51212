"""The one assembly point: the stages in the order of the flow, and what they need of each other.

`social_tier` and `contact_tier` are code locations of their own (see workspace.yaml), each with its
own logins; `defs` is what `dg` loads. Stages import nothing of each other: what one needs of
another is handed over here, as a resource.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import dagster as dg
import psycopg
import pyarrow as pa

from sxe_pipeline import face
from sxe_pipeline.ops import assets as kept
from sxe_pipeline.ops import continuity, retention, runs, work
from sxe_pipeline.ops import sensors as ops
from sxe_pipeline.schema import Contract
from sxe_pipeline.schema.landed import Landed, LandingFile
from sxe_pipeline.settings import Settings, interpreter, load
from sxe_pipeline.store import key_files

if TYPE_CHECKING:
    from sxe_pipeline.cards.gone import GoneCards
    from sxe_pipeline.cards.ready import ReadyCards
    from sxe_pipeline.cards.ready_pools import ReadyPools
    from sxe_pipeline.contacts.keys import Keys

INTAKE = "tier1_intake"
DAY = ops.DAY
APPROVED = "approved_requests"
HEADS, CONTACT_HEADS = "renewed_heads", "renewed_contact_heads"


@dg.schedule(
    job_name=DAY,
    cron_schedule=f"0 {work.NIGHT_HOUR} * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Publishes yesterday, every night at two (UTC).",
)
def every_day(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> list[dg.RunRequest]:
    """Publish yesterday, once: Dagster's built schedule would take today, the newest partition."""
    day = (context.scheduled_execution_time.date() - timedelta(days=1)).isoformat()
    asks = ops.ask_nights(settings, ops.queued(context.instance), day)
    return [ops.run_request(ask) for ask in asks]


def social_tier() -> dg.Definitions:
    """The code location of everything that holds no contact data; reads the environment."""
    interpreter.quick_start()
    return assemble(load(process="social"))


def contact_tier() -> dg.Definitions:
    """The code location of everything that may hold contact data; reads the environment."""
    interpreter.quick_start()
    return assemble_contacts(load(process="contact"))


def require_contact_keys(settings: Settings) -> None:
    """Open the keyset of the contact tier and look at its credentials, for whoever examines it.

    Raises:
        BadConfig: The keyset cannot be used, or half a credential is set.
    """
    from sxe_pipeline.contacts import tier

    held = tier.ContactTier(settings)
    held.vault()
    for provider in held.providers().values():
        provider.adapter.headers(provider.credentials)


def new_keyset() -> str:
    """A new keyset of the contact tier: secret."""
    from sxe_pipeline.contacts import keys

    return keys.new()


def contact_keys(keyset: str) -> "Keys":
    """What an operator does with a keyset of the contact tier.

    Args:
        keyset: In the form of `SXE_KEYSET`.
    """
    from sxe_pipeline.contacts import keys

    return keys.Keys(keyset)


@dg.resource(required_resource_keys={"settings"})
def run_lease(context: dg.InitResourceContext) -> Iterator[runs.RunLease]:
    """The lease of a run, from its first asset to its last, by the tier login of its process."""
    given: Settings = context.resources.settings
    if context.run is None:
        raise dg.DagsterInvariantViolationError("a lease is of a run")
    dsn = given.contacts_dsn or given.need("social_dsn")
    lease_s = given.pace.run_lease
    with runs.held(
        dsn, context.run.run_id, context.run.tags, lease_s=lease_s, guard=_counting(given)
    ) as lease:
        yield lease


def _counting(settings: Settings) -> runs.Guard:
    """Each store of the process's tier is compared with the database, and brought up to it."""
    from sxe_pipeline.privacy import suppression
    from sxe_pipeline.store.objects import Objects

    if settings.contacts_dsn:
        stores = {continuity.CONTACT_HANDOFF: settings.contact_handoff_url}
    else:
        stores = {continuity.TIER1: settings.tier1_url, continuity.HANDOFF: settings.handoff_url}

    def guard(conn: psycopg.Connection) -> None:
        def about(store: str, since: datetime | None) -> Mapping[str, Any]:
            if store != continuity.TIER1:
                return {}
            return {"suppressed": suppression.suppressed_since(conn, since)}

        opened = {name: Objects(url) for name, url in stores.items()}
        continuity.keep_up(conn, opened, about)

    return guard


def keep_count(conn: psycopg.Connection, settings: Settings) -> None:
    """What a guard of runs does, for whoever publishes outside of one.

    Args:
        conn: The tier login of the process, in no transaction.
        settings: Its stores.
    """
    _counting(settings)(conn)


def stale_tables(conn: psycopg.Connection, settings: Settings) -> str | None:
    """A digest of what the tables behind all days would be made from; None where they are.

    Only the first of them that is not current counts: what follows from it changes with it.
    """
    from sxe_pipeline.cards import inputs
    from sxe_pipeline.ops import versions
    from sxe_pipeline.social import identities, observe, profiles

    seen, people = versions.named(conn, observe.TABLE), versions.named(conn, profiles.TABLE)
    if seen is None:
        return None
    newest_day = inputs.newest_day(conn)
    made_from = {
        profiles.TABLE: profiles.inputs_of(seen.rows_version),
        profiles.POSTS_TABLE: profiles.inputs_of(seen.rows_version),
        identities.TABLE: identities.inputs_of(people.rows_version) if people else "",
        **inputs.inputs_of(conn, settings),
    }
    for table, digest in made_from.items():
        if not versions.is_current(versions.named(conn, table), digest, newest_day):
            return versions.digest(table=table, inputs=digest, day=newest_day)
    return None


def sound_cards(conn: psycopg.Connection, settings: Settings) -> "ReadyCards":
    """The cards that may leave; refuses where a verdict on what they come from is not green.

    Args:
        conn: The social tier's login, outside of a transaction.
        settings: Where the tables are.
    """
    from sxe_pipeline.cards import ready
    from sxe_pipeline.social import checks

    checks.require_sound(conn, settings.tier1_url)
    return ready.ready_cards(conn, settings)


def sound_pools(conn: psycopg.Connection, settings: Settings) -> "ReadyPools":
    """The audience pools that may leave; as `sound_cards`.

    Args:
        conn: As of `sound_cards`.
        settings: As of `sound_cards`.
    """
    from sxe_pipeline.cards import ready_pools
    from sxe_pipeline.social import checks

    checks.require_sound(conn, settings.tier1_url)
    return ready_pools.ready_pools(conn, settings)


def gone_cards(conn: psycopg.Connection, settings: Settings) -> "GoneCards":
    """Why cards that were handed over may not leave any more.

    Args:
        conn: The social tier's login, outside of a transaction.
        settings: Where the tables are.
    """
    from sxe_pipeline.cards import gone

    return gone.gone_cards(conn, settings)


def describe_day(conn: psycopg.Connection, asset_key: str, day: date) -> Mapping[str, Any]:
    """What the materialization of a day shows, where its run could not say so any more.

    Args:
        conn: The social tier's login.
        asset_key: One of `audit.DAILY`.
        day: A landing day.
    """
    from sxe_pipeline.handoff import assets as handoff
    from sxe_pipeline.ingest import assets as ingest
    from sxe_pipeline.social import assets as social

    shown = {
        "ingest/raw_profiles": ingest.day_shown,
        "social/observations": social.day_shown,
        "handoff/lead_card_batches": handoff.day_shown,
    }
    return shown[asset_key](conn, day)


def _uris(settings: Settings) -> dict[str, str]:
    """Asset -> where its data is; rows of Postgres by their table."""
    from sxe_pipeline.schema import lead_card, tables

    def inside(store: str, name: str) -> str:
        # In production a process is told the stores of its own tier alone.
        url = settings.stores.get(store)
        return f"{face.without_secrets(url).rstrip('/')}/{name}" if url else ""

    stored = (tables.OBSERVATION, tables.PROFILE, tables.IDENTITY, tables.POOL, lead_card.LEAD_CARD)
    return {
        **{table.name: inside("tier1_url", table.name) for table in stored},
        "ingest/raw_profiles": inside("landing_url", "").rstrip("/"),
        "cards/enrichment_candidates": "postgresql:gate.candidate",
        "contacts/contact_points": "postgresql:contacts.contact_point",
        "handoff/lead_card_batches": inside("handoff_url", "lead_card"),
        "handoff/lead_contact_batches": inside("contact_handoff_url", "lead_contact"),
    }


def expire_social(
    conn: psycopg.Connection, settings: Settings, terms: retention.Terms
) -> list[retention.Gone]:
    """Delete what the social tier holds for too long: landing files, days, batches, its history."""
    from sxe_pipeline.handoff import record
    from sxe_pipeline.handoff.retention import expire_batches
    from sxe_pipeline.ingest.retention import expire_landing
    from sxe_pipeline.social.retention import expire_days
    from sxe_pipeline.store.objects import Objects

    return retention.one_by_one(
        [
            lambda: expire_landing(conn, Objects(settings.landing_url), terms),
            lambda: expire_days(conn, settings.tier1_url, "quarantine", terms),
            lambda: expire_days(conn, settings.tier1_url, "observations", terms),
            lambda: expire_batches(
                conn,
                Objects(settings.handoff_url),
                line="batches",
                contracts=key_files.SOCIAL,
                signer=lambda: record.signer_of(conn, settings),
                terms=terms,
            ),
            lambda: retention.expire_runs(conn, terms),
        ]
    )


def expire_contacts(
    conn: psycopg.Connection, settings: Settings, terms: retention.Terms
) -> list[retention.Gone]:
    """Delete what the contact tier holds for too long: values, batches, its history."""
    from sxe_pipeline.contacts.retention import expire_points
    from sxe_pipeline.handoff import record
    from sxe_pipeline.handoff.retention import expire_batches
    from sxe_pipeline.store.objects import Objects

    return retention.one_by_one(
        [
            lambda: expire_points(conn, terms),
            lambda: expire_batches(
                conn,
                Objects(settings.contact_handoff_url),
                line="contact_batches",
                contracts=key_files.CONTACT,
                signer=lambda: record.signer_of(conn, settings),
                terms=terms,
            ),
            lambda: retention.expire_runs(conn, terms, kind="contact_run_history.expired"),
        ]
    )


def assemble(
    settings: Settings, *, on_read: Callable[[int], None] = lambda records: None
) -> dg.Definitions:
    """Ingest, social, cards and card batches on the given settings.

    Args:
        settings: With the social tier's login.
        on_read: Told how many records of a landing file were read, piece by piece; what it raises
            ends the run.
    """
    from sxe_pipeline.audit import sensors as audit
    from sxe_pipeline.cards import assets as cards
    from sxe_pipeline.handoff import assets as handoff
    from sxe_pipeline.handoff import sensors as handed_over
    from sxe_pipeline.ingest import assets as ingest
    from sxe_pipeline.ingest import landing, register, sensors
    from sxe_pipeline.ops.alerts import sensors as alerts
    from sxe_pipeline.social import assets as social

    intake = [
        ingest.raw_profiles,
        social.observations,
        social.current_profiles,
        social.card_identities,
        cards.lead_cards,
        cards.audience_pools,
        cards.enrichment_candidates,
    ]
    nightly = [kept.tables_kept, kept.expiring(retention.ASSET, "social", expire_social)]
    made = [*intake, handoff.lead_card_batches]
    return dg.Definitions(
        assets=[
            *face.deployed(made, _uris(settings), settings.first_day),
            *nightly,
            *audit.SPECS,
        ],
        asset_checks=[
            social.no_contact_data,
            social.counts_add_up,
            cards.no_contact_data_on_cards,
            cards.tagged_share,
            cards.label_drift,
        ],
        jobs=[
            dg.define_asset_job(
                INTAKE,
                selection=dg.AssetSelection.assets(*intake),
                tags=face.WRITES,
                description="Takes landed days in: from their files to cards and pools.",
            ),
            dg.define_asset_job(
                ops.TABLES,
                selection=dg.AssetSelection.assets(*intake[2:]),
                tags=face.WRITES,
                description="Makes the tables behind all days anew, where a run did not.",
            ),
            dg.define_asset_job(
                DAY,
                selection=dg.AssetSelection.assets(*made),
                tags=face.WRITES,
                description="A day from its files to its published batches.",
            ),
            dg.define_asset_job(
                kept.UPKEEP,
                selection=dg.AssetSelection.assets(*nightly),
                tags=face.WRITES,
                description="Each night: tables compacted and cleared, what is too old deleted.",
            ),
        ],
        sensors=[
            ops.lost_runs("social_tier", "social_dsn"),
            sensors.landed_files,
            ops.due_tables,
            ops.due_nights,
            handed_over.renewed_heads(HEADS, "social_dsn", lambda given: given.handoff_url),
            audit.mirrored_events,
            alerts.raised_alerts,
            handed_over.relayed_notices("social_tier", "social_dsn"),
        ],
        schedules=[every_day, kept.nightly(kept.UPKEEP)],
        resources={
            "settings": settings,
            "run_lease": run_lease,
            "keep_count": keep_count,
            "stale_tables": stale_tables,
            "landed_day": register.day_of,
            "read_landing_file": _told(landing.LandingTier(settings.landing_url).read, on_read),
            "ready_cards": sound_cards,
            "ready_pools": sound_pools,
            "gone_cards": gone_cards,
            "describe_day": describe_day,
        },
        executor=dg.in_process_executor,
    )


def _told(
    read: Callable[[LandingFile], Iterable[Landed]], on_read: Callable[[int], None]
) -> Callable[[LandingFile], Iterator[Landed]]:
    def reading(file: LandingFile) -> Iterator[Landed]:
        for piece in read(file):
            on_read(piece.rows.num_rows + len(piece.rejects))
            yield piece

    return reading


def assemble_contacts(settings: Settings) -> dg.Definitions:
    """Contact points and contact batches on the given settings; loads no room of the social tier.

    No job crosses the border: what the contact side knows of a card is in the request.
    """
    from sxe_pipeline.contacts import assets as contacts
    from sxe_pipeline.contacts import points, sensors, tier
    from sxe_pipeline.handoff import assets as handoff
    from sxe_pipeline.handoff import sensors as handed_over

    expired = kept.expiring(retention.CONTACT_ASSET, "contact", expire_contacts)
    held = tier.ContactTier(settings)

    def contact_rows(
        conn: psycopg.Connection, _: Settings, request_id: UUID, contract: Contract
    ) -> tuple[pa.Table, str, date] | None:
        return points.of_request(conn, held.vault(), request_id, contract)

    made = [contacts.contact_points, handoff.lead_contact_batches]
    return dg.Definitions(
        assets=[*face.deployed(made, _uris(settings), settings.first_day), expired],
        jobs=[
            dg.define_asset_job(
                kept.CONTACT_UPKEEP,
                selection=dg.AssetSelection.assets(expired),
                tags={"sxe/writes": "contacts"},
                description="Each night: contact data that was kept for long enough, deleted.",
            ),
            dg.define_asset_job(
                sensors.JOB,
                selection=dg.AssetSelection.assets(*made),
                description="One approved request: contact points under permits, then its batch.",
            ),
        ],
        sensors=[
            ops.lost_runs("contact_tier", "contacts_dsn"),
            sensors.approved_requests,
            handed_over.renewed_heads(
                CONTACT_HEADS, "contacts_dsn", lambda given: given.contact_handoff_url
            ),
            handed_over.relayed_notices("contact_tier", "contacts_dsn"),
        ],
        schedules=[kept.nightly(kept.CONTACT_UPKEEP)],
        resources={
            "settings": settings,
            "run_lease": run_lease,
            "keep_count": keep_count,
            "contact_tier": held,
            "contact_rows": contact_rows,
        },
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """All code locations merged: what `dg check defs` loads."""
    given = load()
    return dg.Definitions.merge(assemble(given), assemble_contacts(given))
