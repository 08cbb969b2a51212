"""What every face shares: how an asset speaks to Dagster.

Here: partitions, the error border, metadata builders, the mirror's view of the event log. Not here:
anything a stage decides, anything that reads a profile, and how a process runs an asset (`local`).
"""

import functools
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import dagster as dg
from dagster_shared.utils.warnings import BetaWarning

from sxe_pipeline import logs
from sxe_pipeline.errors import SxeError
from sxe_pipeline.schema.tables import FIRST_DAY
from sxe_pipeline.store import faults

# Used on purpose although it is beta: without it a range run computes the middle once a day.
warnings.filterwarnings("ignore", message=".*backfill_policy.*", category=BetaWarning)

daily = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), end_offset=1, timezone="UTC")
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
    if (known := faults.said_of(error)) is not None:
        return known
    return RuntimeError(
        f"{type(error).__name__} in {name}; the worker's log has the traceback, with contact data "
        "removed"
    )


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """The landing days of this run, oldest first; a range run has several."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def counts(**values: float | str | None) -> dict[str, dg.MetadataValue[Any]]:
    """Numbers (which plot) and short texts under stable keys `sxe/<name>`; None is left out."""
    return {f"sxe/{name}": _value(value) for name, value in values.items() if value is not None}


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


def materializations(
    instance: dg.DagsterInstance, asset_keys: Sequence[str], key: str = "sxe/audit_digest"
) -> dict[str, int]:
    """Digest -> storage id of every materialization of these assets that carries one."""
    found: dict[str, int] = {}
    for name in asset_keys:
        for record in _records(instance, dg.AssetKey.from_user_string(name)):
            event = record.asset_materialization
            value = event.metadata.get(key) if event else None
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


def report_runless(
    instance: dg.DagsterInstance, asset_key: str, metadata: Mapping[str, int | str]
) -> None:
    """Report a materialization outside any run: about 20 ms each, so never one per card."""
    instance.report_runless_asset_event(
        dg.AssetMaterialization(dg.AssetKey.from_user_string(asset_key), metadata=dict(metadata))
    )
