"""Commands that are attached to an embedded server, and what can be asked of it."""

import subprocess
import sys
import time
from pathlib import Path

import psycopg

from sxe_pipeline.local import postgres

ROOT = Path(__file__).parents[2]
COMMAND = """
import sys
from pathlib import Path
from sxe_pipeline.local.postgres import Server
with Server(Path(sys.argv[1]), durable=False).attached() as state:
    print(state["port"], state["lock_fd"], flush=True)
    sys.stdin.read()
"""


class Command:
    """An attached process; it leaves when its stdin is closed."""

    def __init__(self, home):
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(home)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def port(self):
        line = self.process.stdout.readline()
        assert line, "the command ended before it was attached"
        return int(line.split()[0])

    def leave(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code

    def kill(self):
        self.process.kill()
        return self.leave()


def pid_of(home):
    file = postgres.Server(home, durable=False).data / "postmaster.pid"
    return int(file.read_text().split()[0]) if file.exists() else None


def is_alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def answers(home):
    with postgres.Server(home, durable=False).attached() as state:
        dsn = postgres.dsn(state, "sxe_admin")
        with psycopg.connect(dsn) as conn:
            return conn.execute("select 1").fetchone() == (1,), state["port"]


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.002)
    raise AssertionError("never happened")
