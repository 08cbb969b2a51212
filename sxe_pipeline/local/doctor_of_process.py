"""What one process of a deployment needs, looked at with its environment alone.

Here: `sxe doctor --as`. No process of a deployment holds every login, so each is looked at where it
runs: who it logs in as, over which line, to which database; its stores; its keys. What is right for
all of them on one machine is `doctor`'s.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import psycopg

from sxe_pipeline import settings as environment
from sxe_pipeline.errors import SxeError
from sxe_pipeline.handoff import record
from sxe_pipeline.handoff.queue import brokers
from sxe_pipeline.local import attach, doctor
from sxe_pipeline.local.doctor import Check
from sxe_pipeline.ops import periods
from sxe_pipeline.privacy import policy
from sxe_pipeline.settings import DATABASES, Settings
from sxe_pipeline.settings.variables import BROKER, PROCESSES
from sxe_pipeline.store import key_files, roles, sql

_TIERS = {"social": "social_dsn", "contact": "contacts_dsn"}
"""Process that signs batches -> its login."""


def examine(name: str) -> list[Check]:
    """Run every check of a process.

    Args:
        name: A key of `PROCESSES`.
    """
    given, faults = environment.examined(name)
    found = [Check("environment", "fail", fault, "see docs/configuration.md") for fault in faults]
    if not faults:
        found = [Check("environment", "ok", f"what {name} needs, and no secret of another process")]
    if given.broker_url:
        found.append(_broker(given.broker_url))
    return [
        *found,
        *doctor.machine(given),
        *_stores(given, name),
        *_files(given),
        *_logins(given, name),
    ]


def _broker(url: str) -> Check:
    try:
        with brokers.opened(url):
            return Check("broker", "ok", "lets this process in")
    except SxeError as error:
        fix = f"correct {BROKER}, or its login and vhost in the broker"
        return Check("broker", "fail", str(error), fix)


def _stores(given: Settings, process: str) -> Iterator[Check]:
    # Who answers consumers reads what others wrote, by an identity that can do no more.
    look = doctor.readable if process == "api" else doctor.store
    for name, url in given.stores.items():
        seen = look(name, url)
        # On one machine the row of the database is enough; here two engines may write at once.
        yield seen if seen.state == "ok" else Check(seen.name, "fail", seen.seen, seen.fix)


def _files(given: Settings) -> Iterator[Check]:
    try:
        if given.policy_file:
            policy.load(given.policy_file)
        periods.load(given.retention_file)
    except SxeError as error:
        yield Check("policies", "fail", str(error), "correct the path, or the file")
    else:
        yield Check("policies", "ok", "platform policy and retention can be read")


def _logins(given: Settings, name: str) -> Iterator[Check]:
    process, databases, closed = PROCESSES[name], set(), []
    for login, variable in DATABASES.items():
        dsn = getattr(given, login)
        if variable not in process.holds or dsn is None:
            continue
        title = f"login {login.removesuffix('_dsn')}"
        try:
            with sql.open_unchecked(dsn) as conn:
                seen = doctor.who(conn)
                databases.add((seen.database, seen.server))
                yield _as_itself(title, login, seen)
                yield _line(title, dsn, conn)
                if login == "dagster_dsn":
                    yield _dagster(conn)
        except (psycopg.Error, SxeError) as error:
            yield Check(title, "fail", doctor.words(error), f"correct {variable}")
            closed.append(login)
    # A pooler lets who was refused wait before the next try.
    dropped: dict[str, Any] = dict.fromkeys(closed)
    given = dataclasses.replace(given, **dropped)
    yield doctor.one_database(len(databases))
    yield from doctor.catalogue_of(given)
    if name in _TIERS and getattr(given, _TIERS[name]):
        yield _signing(given, getattr(given, _TIERS[name]))
    if name == "social" and given.social_dsn:
        yield from doctor.walls(given)
    if name == "contact":
        yield _contact_keys(given)
    if name == "seal":
        yield _audit_key(given)
        if given.sealer_dsn:
            yield doctor.seals(given)


def _as_itself(title: str, login: str, seen: doctor.Who) -> Check:
    """Whether a login is its tier's; the admin has a name of the service's choice."""
    wanted = attach.ROLES[login.removesuffix("_dsn")]
    if seen.is_super:
        fix = "use a login without superuser rights"
        return Check(title, "fail", f"{seen.user} is a superuser", fix)
    is_wrong = seen.user in roles.TIERS if login == "admin_dsn" else seen.user != wanted
    if is_wrong:
        fix = f"correct {DATABASES[login]}"
        return Check(title, "fail", f"logs in as {seen.user}, and has to as {wanted}", fix)
    return Check(title, "ok", f"{seen.user}, PostgreSQL {seen.version}")


def _line(title: str, dsn: str, conn: psycopg.Connection) -> Check:
    title = title.replace("login", "line of")
    if not conn.pgconn.ssl_in_use:
        return Check(title, "fail", "not encrypted", "end its URL in ?sslmode=verify-full")
    if sql.sslmode(dsn) != "verify-full":
        fix = "sslmode=verify-full and sslrootcert=FILE"
        return Check(title, "warn", "encrypted; whose server it is, nothing proves", fix)
    return Check(title, "ok", "encrypted, and the server is proven")


def _dagster(conn: psycopg.Connection) -> Check:
    """Whether Dagster finds its tables by this login, wherever its search path leads."""
    row = conn.execute("select to_regclass('runs') is not null").fetchone()
    if row and row[0]:
        return Check("dagster's storage", "ok", "its tables are there")
    return Check("dagster's storage", "fail", "its tables are not there", "run `sxe migrate`")


def _signing(given: Settings, dsn: str) -> Check:
    title = "signing key"
    if given.signing_key is None:
        return Check(title, "fail", "not set", "set SXE_SIGNING_KEY")
    try:
        signer = key_files.of_settings(given)
        with sql.open_unchecked(dsn) as conn:
            unknown = [one for one in signer.all if not record.is_registered(conn, one)]
            for contract in key_files.CONTACT if given.contacts_dsn else key_files.SOCIAL:
                record.refuse_unfit(conn, signer, contract)
    except (psycopg.Error, SxeError) as error:
        return Check(title, "fail", doctor.words(error), "correct SXE_SIGNING_KEY")
    if unknown:
        fix = "`sxe keys register`, by the admin, with the file of `sxe keys public`"
        return Check(title, "fail", f"{unknown[0].key_id[:12]} is not registered", fix)
    named = ", ".join(one.key_id[:12] for one in signer.all)
    return Check(title, "ok", f"{named}, registered")


def _audit_key(given: Settings) -> Check:
    title = "audit signing key"
    if given.audit_signing_key is None:
        return Check(title, "fail", "not set", "set SXE_AUDIT_SIGNING_KEY")
    try:
        signer = key_files.audit_of_settings(given)
    except SxeError as error:
        return Check(title, "fail", str(error), "correct SXE_AUDIT_SIGNING_KEY")
    return Check(title, "ok", f"{signer.key_id[:12]}")


def _contact_keys(given: Settings) -> Check:
    from sxe_pipeline import definitions

    title = "contact keys"
    try:
        definitions.require_contact_keys(given)
    except SxeError as error:
        return Check(title, "fail", str(error), "correct what it names")
    held = [name for name, credentials in given.credentials.items() if credentials]
    if not held:
        fix = "set the credentials of a provider"
        return Check(title, "warn", "the keyset opens; no provider can be asked", fix)
    seen = f"the keyset opens; credentials of {', '.join(held)}"
    if "apollo" in held and not given.apollo_sink_url:
        seen += "; without a sink address Apollo is asked for no phone number"
        return Check(title, "warn", seen, "set SXE_APOLLO_SINK_URL, or ask it for e-mail alone")
    return Check(title, "ok", seen)
