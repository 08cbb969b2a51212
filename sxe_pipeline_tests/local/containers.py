"""Containers of a platform: each `sxe worker` in a process group and a home of its own.

Here: what the documentation says a process is told, and nothing else of this machine; losing a
container, and another one in its place with an empty home.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from sxe_pipeline_tests.ports import free_port

QUICK = {
    "SXE_RUN_LEASE_S": "10",
    "SXE_START_GRACE_S": "30",
    "SXE_RETRY_PAUSE_S": "3",
    "SXE_SETTLE_S": "1",
    "SXE_SETTLE_AT_MOST_S": "20",
}
"""Waits that a test can wait for."""
READY_S = 180


class Container:
    """One container: started, lost, started again."""

    def __init__(self, name, kinds, folder, told, workspace=None):
        self.name, self.kinds, self.folder = name, kinds, folder
        self.told, self.workspace = told, workspace
        self.port, self.health = free_port(), free_port()
        self.peak_kib = {}
        self.starts = 0

    @property
    def home(self):
        return self.folder / f"{self.name}-{self.starts}"

    def start(self):
        """A new one, with nothing of the old one's disk."""
        self.starts += 1
        more = ["--workspace", str(self.workspace)] if self.workspace else []
        self.log = self.folder / f"{self.name}-{self.starts}.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "sxe_pipeline.cli", "worker", *self.kinds),
                    *("--port", str(self.port), "--health-port", str(self.health), *more),
                ],
                env={"PATH": os.environ["PATH"], "SXE_HOME": str(self.home), **self.told},
                cwd="/",
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def lose(self):
        """As a platform takes a container away: all of it at once, without a word."""
        self.measure()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def end(self):
        """As a platform ends one in good order; its exit code."""
        self.measure()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health}/readyz", timeout=5) as a:
                return a.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def until_ready(self):
        until(self.is_ready, READY_S, lambda: self.log.read_text()[-3000:])

    def measure(self):
        """The peak of each of its processes so far, in KiB, by what it runs."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                if os.getsid(int(folder.name)) != self.process.pid:
                    continue
                said = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                peaks = (
                    int(line.split()[1])
                    for line in (folder / "status").read_text().splitlines()
                    if line.startswith("VmHWM")
                )
                peak = next(peaks, 0)  # one that just ended has none
                kind = next((k for k, words in _KINDS.items() if words in said), "other")
                self.peak_kib[kind] = max(peak, self.peak_kib.get(kind, 0))


_KINDS = {
    "run": "multiprocessing",
    "code server": "api grpc",
    "daemon": "dagster._daemon",
    "worker": "sxe_pipeline.cli worker",
}


def until(condition, seconds, said):
    """Wait; `said` tells what was seen where it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, said()
        time.sleep(0.5)
