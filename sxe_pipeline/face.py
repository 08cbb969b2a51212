"""What every face shares: how an asset speaks to Dagster.

Here: partitions, the error border, metadata builders, what a table is to the catalog, the mirror's
view of the event log. Not here: anything a stage decides, anything that reads a profile, and how a
process runs an asset (`local`).
"""

import functools
import inspect
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import dagster as dg
from dagster_shared.utils.warnings import BetaWarning

from sxe_pipeline import logs
from sxe_pipeline.errors import SxeError, said_of
from sxe_pipeline.schema.columns import Column
from sxe_pipeline.schema.tables import FIRST_DAY
from sxe_pipeline.settings import Settings

if TYPE_CHECKING:
    from sxe_pipeline.engine import Engine

# Used on purpose although it is beta: without it a range run computes the middle once a day.
warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=BetaWarning)


def days_from(first_day: date) -> dg.DailyPartitionsDefinition:
    """The landing days that the UI knows, from the first one to today (UTC)."""
    return dg.DailyPartitionsDefinition(
        start_date=first_day.isoformat(), end_offset=1, timezone="UTC"
    )


daily = days_from(FIRST_DAY)
"""What a daily asset is written down with; `deployed` lets it begin where this deployment does."""

TIER1, TIER2 = "tier1", "tier2"
CARD_BATCHES, CONTACT_BATCHES = "tier3_lead_cards", "tier3_lead_contacts"
"""Groups: what 'Materialize all' may launch together. None spans two code locations."""

one_run = dg.BackfillPolicy.single_run()
"""On all daily assets, or a range run of the job fails; see docs/decisions.md."""

request_partitions = dg.DynamicPartitionsDefinition(name="enrichment_request")
"""One partition per request; the key is its id."""

WRITES = {"sxe/writes": "social"}
"""The tag that the run queue limits to one at a time."""

P = ParamSpec("P")
R = TypeVar("R")


class Reports(Protocol):
    """The lease of a run (`ops.runs`)."""

    def report(self, error: Exception) -> None:
        """Why the run fails."""
        ...


def speaking_dagster(body: Callable[P, R]) -> Callable[P, R]:
    """Turn an error of ours into a Dagster failure, and hide the text of any other.

    A foreign exception may quote a profile, and its text would be stored in the event log that
    every tier can read; the worker's own log keeps the (scrubbed) traceback instead.
    """

    @functools.wraps(body)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return body(*args, **kwargs)
        except dg.Failure:
            raise
        except Exception as error:  # noqa: BLE001 - the border: nothing foreign may pass
            said = _said(error, body.__name__)
        if (lease := kwargs.get("run_lease")) is not None:
            cast(Reports, lease).report(said)
        # Never retried here: what is due is asked for again by rows of ours (`ops.work`).
        raise dg.Failure(description=str(said), allow_retries=False) from None

    return wrapped


def _said(error: Exception, name: str) -> Exception:
    """An error in words of ours; a foreign one may quote a profile."""
    if isinstance(error, SxeError):
        return error
    logs.get("face").error("failed", exception=traceback.format_exc())
    if (known := said_of(error)) is not None:
        return known
    return RuntimeError(
        f"{type(error).__name__} in {name}; the worker's log has the traceback, with contact data "
        "removed"
    )


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The landing days of this run, oldest first; a range run has several."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


WHOLE = "sxe/whole"
"""The tag of a run that makes tables whole, whatever they hold: 'true'."""


def is_whole(context: dg.AssetExecutionContext) -> bool:
    """Whether this run believes no stored row, and does not go by what changed."""
    return context.run.tags.get(WHOLE) == "true"


ENGINE = "sxe/engine"
"""The tag of a run that maps its rows elsewhere than on this machine: one of `engine.chosen`."""


def engine_of(context: dg.AssetExecutionContext, settings: Settings) -> "Engine":
    """What this run maps its rows on.

    Raises:
        BadConfig: No such engine, or it is not installed here.
    """
    from sxe_pipeline.engine import chosen  # the contact tier maps nothing

    return chosen.chosen(context.run.tags.get(ENGINE, chosen.LOCAL), settings)


def counts(**values: float | str | None) -> dict[str, dg.MetadataValue[Any]]:
    """Numbers (which plot) and short texts under stable keys `sxe/<name>`; None is left out."""
    return {f"sxe/{name}": _value(value) for name, value in values.items() if value is not None}


def row_counts(rows: int, of_partition: int | None = None) -> dict[str, dg.MetadataValue[Any]]:
    """Row counts under the keys that Dagster's catalog reads.

    Args:
        rows: Of the whole table.
        of_partition: Of the day alone, where the table has days.
    """
    found: dict[str, dg.MetadataValue[Any]] = {"dagster/row_count": dg.MetadataValue.int(rows)}
    if of_partition is not None:
        found["dagster/partition_row_count"] = dg.MetadataValue.int(of_partition)
    return found


def money(micros: int) -> str:
    """An amount as people read it, as text: a plot would take millionths for a count.

    Example:
        >>> money(15_600_000), money(1), money(-50_000)
        ('$15.60', '$0.000001', '-$0.05')
    """
    whole, rest = divmod(abs(micros), 1_000_000)
    digits = f"{rest:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}${whole:,}.{digits}"


def _value(value: float | str) -> dg.MetadataValue[Any]:
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(value)


def top(rows: Sequence[Mapping[str, Any]], limit: int = 10) -> dg.TableMetadataValue:
    """A table of the first rows. They hold counts and closed vocabularies only."""
    records = [dg.TableRecord(dict(row)) for row in rows[:limit]]
    kinds = {str: "string", float: "float", int: "int"}
    columns = [
        dg.TableColumn(name, kinds.get(type(value), "string"))
        for name, value in (rows[0] if rows else {}).items()
    ]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def summary(title: str, lines: Mapping[str, object]) -> dict[str, dg.MetadataValue[Any]]:
    """A Markdown summary under the key `sxe/summary`."""
    body = "\n".join(f"| {name} | {_shown(value)} |" for name, value in lines.items())
    return {"sxe/summary": dg.MetadataValue.md(f"**{title}**\n\n| | |\n|---|---|\n{body}")}


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(name: str, columns: Sequence[Column]) -> dict[str, Any]:
    """What a table is, for the definition of its asset: its name, and each column by its class.

    Args:
        name: As SQL or the table store knows it.
        columns: From the schema or the contract.
    """
    schema = dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=_type_of(column),
                description=column.description or None,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
                tags={"sxe/class": column.handling} if column.handling else None,
            )
            for column in columns
        ]
    )
    return {"dagster/table_name": name, "dagster/column_schema": schema}


def _type_of(column: Column) -> str:
    if not column.children:
        return column.kind
    inner = ", ".join(
        _type_of(child) if column.kind == "list" else f"{child.name} {_type_of(child)}"
        for child in column.children
    )
    return f"{column.kind}<{inner}>"


def deployed(
    assets: Sequence[dg.AssetsDefinition], uris: Mapping[str, str], first_day: date | None
) -> list[dg.AssetsDefinition]:
    """The assets of a tier as this deployment has them: where they are, from which day, made where.

    Settings are known when a code location is put together, not when a face is imported, so the
    days of the partitions are given here and not to each asset.

    Args:
        assets: As they are written down.
        uris: Asset -> where its data is, `without_secrets`; one without data has none.
        first_day: The first landing day that is shown and built; None is the first there can be.
    """
    days = days_from(max(first_day or FIRST_DAY, FIRST_DAY))
    return [asset.map_asset_specs(_deployment_of(asset, uris, days)) for asset in assets]


def _deployment_of(
    asset: dg.AssetsDefinition, uris: Mapping[str, str], days: dg.PartitionsDefinition
) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    def deploy(spec: dg.AssetSpec) -> dg.AssetSpec:
        metadata = _code_of(asset)
        if uri := uris.get(spec.key.to_user_string()):
            metadata["dagster/uri"] = uri
        spec = spec.merge_attributes(metadata=metadata)
        if spec.partitions_def == daily:
            spec = spec.replace_attributes(partitions_def=days)
        return spec

    return deploy


def without_secrets(url: str) -> str:
    """An address without whatever stands beside the address itself.

    Example:
        >>> without_secrets("s3://key:secret@bucket/tier1?token=x#y")
        's3://bucket/tier1'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _code_of(asset: dg.AssetsDefinition) -> dict[str, Any]:
    """Where the asset's function is written, in a checkout as in an installed package."""
    compute: Any = asset.op.compute_fn
    body = inspect.unwrap(getattr(compute, "decorated_fn", compute))
    file, (_, line) = inspect.getsourcefile(body), inspect.getsourcelines(body)
    if file is None:
        return {}
    with warnings.catch_warnings():
        # Beta, and the only form in which the UI links to code.
        warnings.simplefilter("ignore", BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=file, line_number=line)
        return {
            "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])
        }


def materializations(instance: dg.DagsterInstance, asset_keys: Sequence[str]) -> dict[str, int]:
    """Digest -> storage id of every materialization of these assets that carries one."""
    found: dict[str, int] = {}
    for name in asset_keys:
        for record in _records(instance, dg.AssetKey.from_user_string(name)):
            event = record.asset_materialization
            value = event.metadata.get("sxe/audit_digest") if event else None
            if value is not None and value.value:
                found[str(value.value)] = record.storage_id
    return found


def _records(instance: dg.DagsterInstance, key: dg.AssetKey) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(key, limit=1_000, cursor=cursor, ascending=True)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor


def newest_metadata(instance: dg.DagsterInstance, asset_key: str) -> dict[str, Any]:
    """What the newest materialization of an asset says; nothing where there is none."""
    found = instance.get_latest_materialization_event(dg.AssetKey.from_user_string(asset_key))
    said = found.asset_materialization if found else None
    return {key: value.value for key, value in said.metadata.items()} if said else {}


def log_attested(
    context: dg.AssetExecutionContext, days: Mapping[date, Iterable[Mapping[str, Any]]]
) -> None:
    """Log a materialization more of the asset that runs for each thing that it made on a day.

    Args:
        context: The run.
        days: Day -> what is said of each.
    """
    for day, each in days.items():
        for metadata in each:
            context.log_event(
                dg.AssetMaterialization(
                    context.asset_key, metadata=dict(metadata), partition=day.isoformat()
                )
            )


def report_runless(
    instance: dg.DagsterInstance,
    asset_key: str,
    metadata: Mapping[str, Any],
    partition: str | None = None,
) -> None:
    """Report a materialization outside any run: about 20 ms each, so never one per card.

    Args:
        instance: Whose event log.
        asset_key: Such as 'social/observations'.
        metadata: What it says.
        partition: Of a daily asset, its day.
    """
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            dg.AssetKey.from_user_string(asset_key), metadata=dict(metadata), partition=partition
        )
    )
