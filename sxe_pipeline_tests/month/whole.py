"""What a home says of everything, made anew: on itself, and in a copy that lost its Tier 1.

Here: reading what is held against what. Not here: when (`__main__`).
"""

import shutil
import subprocess
from pathlib import Path

import psycopg
import pyarrow as pa

from sxe_pipeline import settings as environment
from sxe_pipeline.local import attach
from sxe_pipeline.schema.lead_card import LEAD_CARD
from sxe_pipeline.schema.tables import IDENTITY, OTHERS, POST_TERMS, PROFILE, TARGET
from sxe_pipeline.store import sql, tables
from sxe_pipeline_tests.month.engine import SXE

KEYS = {t.name: t.key for t in (PROFILE, POST_TERMS, IDENTITY, TARGET, LEAD_CARD, OTHERS)}
"""What is made of the difference -> its key."""
MOST_S = 900


def held(conn: psycopg.Connection) -> tuple[int, dict[str, object]]:
    """How often something was observed; and the versions of what is made of it, ids included."""
    [(observed,)] = conn.execute(
        "select count(*) from audit.event where kind = 'observations.written'"
    ).fetchall()
    found: dict[str, object] = dict(
        conn.execute(
            "select table_name, coalesce(rows_version, version) from ops.version "
            "where superseded_at is null and table_name = any(%s)",
            [list(KEYS)],
        ).fetchall()
    )
    for name in ("card", "alias"):
        [found[f"social.{name}"]] = conn.execute(f"select count(*) from social.{name}").fetchall()
    return observed, found


def sxe(env: dict[str, str], *verb: str) -> subprocess.CompletedProcess[str]:
    """A verb, as a user types it."""
    return subprocess.run(
        [*SXE, *verb], env=env, capture_output=True, text=True, check=False, timeout=MOST_S
    )


def differing(home: Path, env: dict[str, str]) -> tuple[str, list[str]]:
    """Build a copy of a home, at rest, from all that landed, and hold the tables of both together.

    Returns:
        What was compared, and the faults.
    """
    twin = home.parent / "twin"
    # Owners included: the database's files are not root's where root runs it.
    subprocess.run(["cp", "-a", str(home), str(twin)], check=True)
    shutil.rmtree(twin / "tier1")
    done = sxe(env | {"SXE_HOME": str(twin)}, "recover")
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-400:]
        return "nothing", [f"the twin was not built: exit {done.returncode}: {said}"]
    ours, theirs = _rows(home), _rows(twin)
    attach.stop(environment.load({"SXE_HOME": str(twin)}), delete=True)
    accounts = ours[IDENTITY.name]
    return (
        f"{sum(table.num_rows for table in ours.values())} rows of {len(ours)} tables, "
        f"{len(set(accounts['card_id'].to_pylist()))} cards of {accounts.num_rows} accounts",
        [f"{name}: the twin has other rows" for name in ours if ours[name] != theirs[name]],
    )


def _rows(home: Path) -> dict[str, pa.Table]:
    given = environment.load({"SXE_HOME": str(home)})
    with (
        attach.attached(given, "social") as logged_in,
        sql.connect(logged_in.settings.need("social_dsn")) as conn,
    ):
        found = {name: tables.snapshot(conn, given.tier1_url, name) for name in KEYS}
        return {
            name: each.to_table().sort_by([(column, "ascending") for column in KEYS[name]])
            for name, each in found.items()
            if each
        }
