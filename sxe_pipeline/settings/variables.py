"""Every variable of the environment: what it is called, whose it is, and what it may not be.

Pure: a mapping in, sentences out. None of them repeats a value: most are secrets. Not here: reading
the environment and what becomes of a value (`settings`).
"""

import difflib
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

ENV = "SXE_ENV"
PRODUCTION = "production"
MODES = ("development", PRODUCTION)

DATABASES = {
    "social_dsn": "SXE_SOCIAL_DATABASE_URL",
    "contacts_dsn": "SXE_CONTACTS_DATABASE_URL",
    "api_dsn": "SXE_API_DATABASE_URL",
    "admin_dsn": "SXE_ADMIN_DATABASE_URL",
    "dagster_dsn": "DAGSTER_DATABASE_URL",
    "serve_dsn": "SXE_SERVE_DATABASE_URL",
    "sealer_dsn": "SXE_SEALER_DATABASE_URL",
}
"""Seven logins to one database: field of `Settings` -> environment variable."""

STORES: dict[str, tuple[str, str | None]] = {
    "landing_url": ("SXE_LANDING_STORE_URL", "landing"),
    "tier1_url": ("SXE_TIER1_STORE_URL", "tier1"),
    "handoff_url": ("SXE_HANDOFF_STORE_URL", "handoff"),
    "contact_handoff_url": ("SXE_CONTACT_HANDOFF_STORE_URL", "contact_handoff"),
    "audit_url": ("SXE_AUDIT_STORE_URL", "audit"),
    "run_log_url": ("SXE_RUN_LOG_STORE_URL", None),
}
"""Property of `Settings` -> (environment variable, folder of the embedded default, if any)."""

OF_A_STORE = {
    "ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
    "REGION": "AWS_REGION",
    "ENDPOINT_URL": "AWS_ENDPOINT_URL",
}
"""End of a variable of one store -> the variable of every store that it replaces there."""

PROVIDERS = {
    "apollo": ("SXE_APOLLO_URL", "https://api.apollo.io", {"api_key": "APOLLO_API_KEY"}),
    "enformion": (
        "SXE_ENFORMION_URL",
        "https://devapi.enformion.com",
        {"name": "ENFORMION_AP_NAME", "password": "ENFORMION_AP_PASSWORD"},
    ),
}
"""Provider -> (variable of its address, its address, credential -> variable)."""

PACE = {
    name: f"SXE_{name.upper()}_S"
    for name in (
        *("run_lease", "start_grace", "retry_pause"),
        *("settle", "settle_at_most", "version_grace"),
    )
}
"""Field of `settings.Pace` -> environment variable."""

LEAST_S = {"SXE_RUN_LEASE_S": 1}
"""Variable of `PACE` -> its least seconds; by a lease of 0 every run is lost as it begins."""

BROKER = "SXE_BROKER_URL"
"""The broker of one tier, with its vhost and login."""

ALERT_WEBHOOK = "SXE_ALERT_WEBHOOK_URL"
"""Where alerts are sent; whoever knows the address may write there, so it is a secret."""

CREDENTIALS = tuple(v for _, _, names in PROVIDERS.values() for v in names.values())


def of_store(store: str) -> dict[str, str]:
    """What may be set for one store alone: its variables -> those of every store.

    Args:
        store: The variable of its address.
    """
    stem = store.removesuffix("URL")
    return {f"{stem}{end}": common for end, common in OF_A_STORE.items()}


STORE_SECRETS = {
    name: store for store, _ in STORES.values() for name in of_store(store) if "ACCESS_KEY" in name
}
"""Variable of a store's identity -> the variable of that store's address."""

SECRETS = {
    ALERT_WEBHOOK,
    "SXE_SIGNING_KEY",
    "SXE_AUDIT_SIGNING_KEY",
    BROKER,
    "SXE_KEYSET",
    "SXE_TOKEN",
    "SXE_API_KEY",
    "SXE_PRESIGN_SECRET",
    *CREDENTIALS,
    *STORE_SECRETS,
}
"""What no child inherits unless it is named."""

OF_A_WORKER = frozenset(
    {
        *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
        *("JAVA_HOME", "POLARS_MAX_THREADS", "SXE_MEMORY_LIMIT_MB", "SXE_SPILL_DIR"),
    }
)
"""What a process that only computes is told; no other name, as nobody knows what the next holds."""

KNOWN = frozenset(
    {
        *(ENV, "SXE_HOME", "SXE_POLICY_FILE", "SXE_RETENTION_FILE", "SXE_FIRST_DAY"),
        *("SXE_PRESIGN_URL", "SXE_PG_BIN", "SXE_PG_USER", "SXE_APOLLO_SINK_URL"),
        *("SXE_MEMORY_LIMIT_MB", "SXE_SPILL_DIR", "SXE_PROCESSES", "SXE_SPARK_MASTER"),
        *(name for name in (*DATABASES.values(), *SECRETS) if name.startswith("SXE_")),
        *itertools.chain(*((store, *of_store(store)) for store, _ in STORES.values())),
        *(address for address, _, _ in PROVIDERS.values()),
        *PACE.values(),
    }
)
"""Every name of ours; what begins like them and is none of them is misspelt."""

_UNOPENABLE = re.compile(r"%[0-9A-Fa-f]{2}|[][\\^|]")
"""In a path: Delta Lake looks elsewhere for what it wrote there, Dagster takes [ for a pattern."""

_OF_THE_TESTS = ("SXE_TEST_", "SXE_MUTATION_", "SXE_REQUIRE_")


@dataclass(frozen=True)
class Process:
    """A process of a deployment, by what its environment holds.

    Attributes:
        role: Whom it logs in as.
        needs: Without these it does not start.
        may: What it may hold besides; every other login and secret is another process's.
    """

    role: str
    needs: tuple[str, ...]
    may: tuple[str, ...] = ()

    @property
    def holds(self) -> frozenset[str]:
        """Logins and secrets of its own, and the identities of its stores."""
        own = {*self.needs, *self.may}
        of_stores = {name for name, store in STORE_SECRETS.items() if store in own}
        return frozenset(own | of_stores)

    @property
    def foreign(self) -> frozenset[str]:
        """Logins and secrets that this process may not be told."""
        return frozenset({*DATABASES.values(), *SECRETS} - self.holds)


PROCESSES = {
    "migrate": Process(
        "sxe_admin",
        (DATABASES["admin_dsn"],),
        tuple(variable for name, variable in DATABASES.items() if name != "admin_dsn"),
    ),
    "social": Process(
        "sxe_social",
        (
            *(DATABASES["social_dsn"], DATABASES["dagster_dsn"]),
            *(STORES[name][0] for name in ("landing_url", "tier1_url", "handoff_url")),
            "SXE_SIGNING_KEY",
        ),
        (ALERT_WEBHOOK, STORES["run_log_url"][0], BROKER),
    ),
    "contact": Process(
        "sxe_contacts",
        (
            *(DATABASES["contacts_dsn"], DATABASES["dagster_dsn"]),
            STORES["contact_handoff_url"][0],
            *("SXE_KEYSET", "SXE_SIGNING_KEY"),
        ),
        (*CREDENTIALS, BROKER, "SXE_PRESIGN_SECRET"),
    ),
    "seal": Process(
        "sxe_sealer",
        (DATABASES["sealer_dsn"], STORES["audit_url"][0], "SXE_AUDIT_SIGNING_KEY"),
    ),
    "api": Process(
        "sxe_serve",
        (DATABASES["serve_dsn"], STORES["handoff_url"][0]),
        ("SXE_PRESIGN_SECRET",),
    ),
    "relay": Process("sxe_social", (DATABASES["social_dsn"], BROKER)),
    "contact_relay": Process("sxe_contacts", (DATABASES["contacts_dsn"], BROKER)),
    "web": Process("sxe_dagster", (DATABASES["dagster_dsn"],)),
}
"""The processes of a deployment. `web` is Dagster's webserver and its daemon."""


def misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each name that begins like ours and is none of ours."""
    for name in sorted(environment):
        if name.startswith("SXE_") and name not in KNOWN and not name.startswith(_OF_THE_TESTS):
            near = difflib.get_close_matches(name, sorted(KNOWN), 1)
            meant = f"; {near[0]} is meant, rename it" if near else "; remove it"
            yield f"{name} is no variable of SXE{meant}"


def unfit(environment: Mapping[str, str], process: Process | None = None) -> Iterator[str]:
    """One sentence for each reason why this is no environment of production.

    Args:
        environment: The variables; an empty value counts as none.
        process: Whose environment it is; None: a verb, which asks for its logins when it runs.
    """
    given = {name: value for name, value in environment.items() if value}
    yield from misspelt(environment)
    yield from _unencrypted(given)
    yield from _overheard_broker(given.get(BROKER, ""))
    yield from _local(given)
    yield from _shared(given)
    if process:
        yield from (f"{n} is not set, and this process needs it" for n in missing(given, process))
        for name in sorted(process.foreign & given.keys()):
            yield f"{name} is set, and belongs to another process; take it out of this one"


def unopenable(variable: str, path: str) -> Iterator[str]:
    """One sentence where a path holds what its readers take for something else."""
    if found := _UNOPENABLE.search(path):
        yield (
            f"the path of {variable} holds {found[0]!r}, which Delta Lake or Dagster takes for "
            f"something else; rename that folder, or point {variable} at another"
        )


def is_whole(url: str) -> bool:
    """Whether an address names one folder or file of this machine, or a bucket, to all its readers.

    They would leave out without a word what is a host (`file://folder/more`) or stands behind a `?`
    or `#`, and begin at the working directory where no `/` leads.

    Example:
        >>> is_whole("file:///srv/landing"), is_whole("file://srv/landing"), is_whole("s3://")
        (True, False, False)
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not url.startswith(f"{parts.scheme}:") or "?" in url or "#" in url:
        return False
    if parts.scheme == "file":
        return parts.netloc in ("", "localhost") and parts.path.startswith("/")
    return parts.scheme == "s3" and bool(parts.hostname)


def no_databases(environment: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each login that is no address of PostgreSQL; none repeats what it holds."""
    for name in sorted(environment.keys() & DATABASES.values()):
        url = environment[name]
        scheme, _ = parts_of(url) or ("", None)
        if url and scheme.split("+")[0] not in ("postgres", "postgresql"):
            yield f"{name} is postgresql://USER:PASSWORD@HOST/DATABASE; correct it"


def misplaced_keys(environment: Mapping[str, str]) -> Iterator[str]:
    """One sentence for each signing key that is a file nowhere."""
    for name in ("SXE_SIGNING_KEY", "SXE_AUDIT_SIGNING_KEY"):
        url = environment.get(name, "").strip()
        if url.startswith("file:") and not is_whole(url):
            yield f"{name} is a key, or file:///PATH from the root on; correct it"


def overheard(webhook: str) -> Iterator[str]:
    """One sentence where somebody on the way can read what is sent to an address."""
    try:
        parts = urlsplit(webhook)
        is_whole, _ = bool(parts.hostname), parts.port
    except ValueError:
        parts, is_whole = urlsplit(""), False
    is_private = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    if webhook and not (is_whole and is_private):
        yield f"{ALERT_WEBHOOK} starts with https://, or with http:// on this machine; correct it"


def missing(environment: Mapping[str, str], process: Process) -> list[str]:
    """What a process needs and does not have."""
    return [name for name in process.needs if not environment.get(name)]


def is_loopback(host: str | None) -> bool:
    """Whether what is sent there stays on this machine."""
    return host in ("localhost", "127.0.0.1", "::1")


def parts_of(url: str) -> tuple[str, str | None] | None:
    """Scheme and host of an address; None where it cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.scheme, parts.hostname


def _unencrypted(given: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(given.keys() & DATABASES.values()):
        if _tls(given[name]) not in ("require", "verify-ca", "verify-full"):
            yield (
                f"{name} does without TLS; end it in ?sslmode=verify-full&sslrootcert=FILE, or in "
                "?sslmode=require"
            )
    ends = {"AWS_ENDPOINT_URL", *(n for s, _ in STORES.values() for n in of_store(s))}
    for name in sorted(n for n in given.keys() & ends if n.endswith("ENDPOINT_URL")):
        url = parts_of(given[name])
        if url is None or (url[0] != "https" and not is_loopback(url[1])):
            yield f"{name} does without TLS; begin it with https://"


def _overheard_broker(url: str) -> Iterator[str]:
    scheme, host = parts_of(url) or ("", None)
    if url and scheme not in ("amqps", "rediss") and not is_loopback(host):
        yield f"{BROKER} does without TLS; begin it with amqps:// or rediss://"


def _local(given: Mapping[str, str]) -> Iterator[str]:
    """What would be gone with the disk of a container."""
    for store, _ in STORES.values():
        if store in given and not given[store].startswith("s3:"):
            yield f"{store} is a folder of this machine; name a bucket, s3://NAME"
    for secret in ("SXE_SIGNING_KEY", "SXE_AUDIT_SIGNING_KEY", "SXE_KEYSET"):
        if given.get(secret, "").strip().startswith("file:"):
            yield (
                f"{secret} is a file of this machine, which would be made anew where it is "
                "missing; set the key itself"
            )


def _shared(given: Mapping[str, str]) -> Iterator[str]:
    buckets = defaultdict(list)
    for store, _ in STORES.values():
        if given.get(store, "").startswith("s3:") and (parts := parts_of(given[store])):
            buckets[parts[1]].append(store)
    for stores in buckets.values():
        if len(stores) > 1:
            yield f"{' and '.join(stores)} are one bucket; give each tier a bucket of its own"


def _tls(url: str) -> str | None:
    try:
        return parse_qs(urlsplit(url).query).get("sslmode", [None])[-1]
    except ValueError:
        return None
