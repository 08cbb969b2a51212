"""A PostgreSQL as a managed service runs it: TLS, a pooler in front, an admin who is no superuser.

Here: starting and stopping it, the five URLs that its panel would print, a verb typed with them,
and what its own people see. It needs packages of the system (PostgreSQL 15, PgBouncer); where they
are missing the tests skip and say which.
"""

import contextlib
import dataclasses
import datetime as dt
import ipaddress
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from psycopg import sql as compose

from sxe_pipeline.local import attach
from sxe_pipeline.settings import DATABASES
from sxe_pipeline.store import catalogue, roles
from sxe_pipeline_tests.ports import free_port

POSTGRES = Path("/usr/lib/postgresql/15/bin")
PGBOUNCER = Path("/usr/sbin/pgbouncer")
ADMIN = "doadmin"
# Two addresses of one server, as admins and poolers see them on a service.
DIRECT, BEHIND = "127.0.0.1", "127.0.0.2"
POOL, POOLED = "a_pool", "its_database"
"""Some services name each pool; it stands in the URL where a database would."""


def require(*programs):
    """Skip where a package of the system is missing."""
    missing = [str(program) for program in programs if not program.exists()]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: postgresql-15, pgbouncer)")


@dataclasses.dataclass
class Service:
    """A running server and its pooler."""

    folder: Path
    port: int
    pooler_port: int
    passwords: dict

    def superuser(self, database="postgres"):
        """What the customer of a service never gets."""
        return self._url("postgres", DIRECT, self.port, database)

    def admin(self, database, role=ADMIN):
        """The URL that the panel prints for the admin: the server itself."""
        return self._url(role, DIRECT, self.port, database)

    def pooled(self, role, database):
        """The URL that the panel prints for a user of the connection pool."""
        return self._url(role, DIRECT, self.pooler_port, database)

    def variables(self, database, admin=ADMIN):
        """A URL for each login, under the names of the environment."""
        logins = {
            DATABASES[f"{name}_dsn"]: self.pooled(role, database)
            for name, role in attach.ROLES.items()
            if role in roles.TIERS
        }
        return logins | {DATABASES["admin_dsn"]: self.admin(database, admin)}

    def run(self, *statements, database="postgres"):
        """What the service's own people do: as its superuser, outside of a transaction."""
        with psycopg.connect(self.superuser(database), autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement)

    def new_database(self, name=None, owner=ADMIN):
        """An empty database, as the panel makes it."""
        name = name or f"d_{secrets.token_hex(6)}"
        made = compose.SQL("create database {} owner {}")
        self.run(made.format(compose.Identifier(name), compose.Identifier(owner)))
        return name

    def _url(self, role, host, port, database):
        password = self.passwords[role]
        return f"postgresql://{role}:{password}@{host}:{port}/{database}?sslmode=require"


@contextlib.contextmanager
def serving(binaries=POSTGRES, admin="createrole createdb"):
    """Run a service for as long as this lasts.

    Args:
        binaries: The `bin` folder of the server.
        admin: The rights of its admin.
    """
    # Not pytest's folder: as root the server runs as somebody who may not walk to it.
    folder = Path(tempfile.mkdtemp(prefix="sxe-managed-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        names = (*roles.TIERS, "postgres", ADMIN)
        passwords = {name: secrets.token_urlsafe(12) for name in names}
        port, pooler_port = free_port(), free_port()
        service = Service(folder, port, pooler_port, passwords)
        _certificates(folder)
        _start_server(stack, service, binaries)
        service.run(f"create role {ADMIN} login {admin} password '{passwords[ADMIN]}'")
        _start_pooler(stack, service)
        yield service


def _start_server(stack, service, binaries):
    folder, data = service.folder, service.folder / "data"
    (folder / "pw").write_text(service.passwords["postgres"])
    data.mkdir(mode=0o700)
    _give(data, folder / "pw", folder / "key.pem")
    _run(
        *(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--no-sync"),
        *("--pwfile", folder / "pw", "-E", "UTF8", "--locale=C"),
    )
    (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.0/8 scram-sha-256\n")
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(
            f"port = {service.port}\nlisten_addresses = '{DIRECT},{BEHIND}'\n"
            f"unix_socket_directories = ''\nssl = on\nssl_cert_file = '{folder}/cert.pem'\n"
            f"ssl_key_file = '{folder}/key.pem'\nfsync = off\nlog_statement = none\n"
            "max_connections = 60\ntimezone = 'America/New_York'\n"
        )
    stack.callback(_stop_server, binaries, data)
    _run(binaries / "pg_ctl", "-D", data, "-l", data / "log", "-w", "-t", "60", "start")


def _stop_server(binaries, data):
    with contextlib.suppress(AssertionError):  # it never started, or crashed
        _run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _start_pooler(stack, service):
    """Transactions of one client go to another session each time, so that none keeps a state."""
    folder = service.folder
    users = "".join(f'"{role}" "{service.passwords[role]}"\n' for role in service.passwords)
    (folder / "users.txt").write_text(users)
    _give(folder / "users.txt")
    user = "" if os.geteuid() else f"user = {_NOBODY}\n"
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={BEHIND} port={service.port}\n"
        f"{POOL} = host={BEHIND} port={service.port} dbname={POOLED}\n"
        f"[pgbouncer]\n{user}listen_addr = {DIRECT}\nlisten_port = {service.pooler_port}\n"
        f"unix_socket_dir =\npool_mode = transaction\nserver_round_robin = 1\n"
        f"default_pool_size = 4\nauth_type = scram-sha-256\nauth_file = {folder}/users.txt\n"
        f"client_tls_sslmode = require\nclient_tls_key_file = {folder}/key.pem\n"
        f"client_tls_cert_file = {folder}/cert.pem\n"
        f"server_tls_sslmode = verify-ca\nserver_tls_ca_file = {folder}/ca.pem\n"
    )
    with (folder / "pgbouncer.log").open("w") as log:
        pooler = subprocess.Popen(
            [PGBOUNCER, folder / "pgbouncer.ini"], stdout=log, stderr=log, start_new_session=True
        )
    stack.callback(pooler.wait, 30)
    stack.callback(pooler.kill)
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection((DIRECT, service.pooler_port)):
            return
        time.sleep(0.1)
    raise AssertionError((folder / "pgbouncer.log").read_text())


def _certificates(folder):
    """An authority of our own, and the server's certificate by it."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "managed")])
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    hosts = [x509.IPAddress(ipaddress.ip_address(host)) for host in (DIRECT, BEHIND)]
    made = {
        "ca.pem": _certificate(issuer, issuer, authority, authority).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        ),
        "cert.pem": _certificate(name, issuer, key, authority).add_extension(
            x509.SubjectAlternativeName(hosts), critical=False
        ),
    }
    for file, builder in made.items():
        signed = builder.sign(authority, hashes.SHA256())
        (folder / file).write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _certificate(subject, issuer, key, authority):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
    )


_NOBODY = "nobody"


def _give(*paths):
    """As root, neither server nor pooler runs as root."""
    if os.geteuid() == 0:
        entry = pwd.getpwnam(_NOBODY)
        for path in paths:
            os.chown(path, entry.pw_uid, entry.pw_gid)


def _run(tool, *arguments):
    entry = pwd.getpwnam(_NOBODY)
    as_nobody = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    with tempfile.TemporaryFile("w+") as out:  # a started server inherits a pipe and keeps it
        done = subprocess.run(
            [tool, *map(str, arguments)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            check=False,
            **(as_nobody if os.geteuid() == 0 else {}),
        )
        out.seek(0)
        assert done.returncode == 0, out.read()


def sxe(service, database, home, *arguments):
    """Type a verb in a process of its own, with the five URLs."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
    return subprocess.run(
        [sys.executable, "-m", "sxe_pipeline.cli", *arguments],
        env=env | service.variables(database) | {"SXE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def state(service, database):
    """Roles with their settings, and the catalogue."""
    with psycopg.connect(service.superuser(database)) as conn:
        settings = conn.execute(
            "select rolname, setconfig from pg_roles left join pg_db_role_setting "
            "on setrole = pg_roles.oid order by 1, 2"
        ).fetchall()
        return settings, catalogue.dump(conn)


def rows(service, database, statement):
    with psycopg.connect(service.superuser(database)) as conn:
        return conn.execute(statement).fetchall()


def make_roles(service, *names):
    """What the panel does when its customer adds users; they are no roles of the admin's."""
    made = [f"create role {name} login password '{service.passwords[name]}'" for name in names]
    owner = ["create role sxe_owner", f"grant sxe_owner to {ADMIN}"]
    service.run(*owner, *made)
