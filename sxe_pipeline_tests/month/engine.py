"""The engine as a user runs it, and what can be done to it: look, launch, kill, start again."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SXE = [sys.executable, "-m", "sxe_pipeline.cli"]
START_S = 180

KINDS = {
    "worker": "multiprocessing.spawn",
    "code server": "api grpc",
    "daemon": "dagster._daemon",
    "web": "local.webserver",
}
"""What is killed -> what its command line says; a code server spawns a process for each run."""

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } }
}
"""
NUMBERS = """
query Numbers($path: [String!]!, $partitions: [String!]) {
  assetOrError(assetKey: {path: $path}) { ... on Asset {
    assetMaterializations(partitions: $partitions, limit: 1) {
      metadataEntries { label ... on IntMetadataEntry { intValue } }
    }
  } }
}
"""


class Engine:
    """`sxe ui` in a home of its own; nobody touches it but the kills."""

    def __init__(self, home: Path, port: int, pace: dict[str, str]) -> None:
        self.home, self.port = home, port
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SXE_", "DAGSTER_"))}
        self.env = inherited | {"SXE_HOME": str(home)} | pace
        self._family: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until the UI answers."""
        self._family = subprocess.Popen(
            [*SXE, "ui", "--port", str(self.port)],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.home.parent / "ui.log").open("ab"),
        )
        end = time.monotonic() + START_S
        while not self._answers():
            if time.monotonic() > end or self._family.poll() is not None:
                raise SystemExit(f"the engine does not start; see {self.home.parent}/ui.log")
            time.sleep(1)

    def _answers(self) -> bool:
        try:
            self.ask("{ version }")
        except (urllib.error.URLError, OSError):
            return False
        return True

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self._family is not None:
            self._family.send_signal(signal.SIGINT)
            self._family.wait(60)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask the UI's own API, with the token that `sxe ui` left for its owner."""
        token = (self.home / "dagster" / f"ui.{self.port}.token").read_text()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)["data"]
        return found

    def launch(self, job: str, partition: str | None, tags: dict[str, str]) -> bool:
        """Launch a run as the scheduler would; False where nobody answers."""
        shown = tags | ({"dagster/partition": partition} if partition else {})
        params = {
            "selector": {
                "repositoryLocationName": "social_tier",
                "repositoryName": "__repository__",
                "jobName": job,
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in shown.items()]},
        }
        try:
            answer = self.ask(LAUNCH, params=params)
        except (urllib.error.URLError, OSError, TypeError, KeyError):
            return False
        return bool(answer["launchRun"]["__typename"] == "LaunchRunSuccess")

    def number(self, asset: str, partition: str, label: str) -> int | None:
        """A number that the UI shows of one partition of an asset."""
        found = self.ask(NUMBERS, path=asset.split("/"), partitions=[partition])
        for shown in found["assetOrError"]["assetMaterializations"]:
            for entry in shown["metadataEntries"]:
                if entry["label"] == label:
                    return int(entry["intValue"])
        return None

    def kill(self, target: str, rng: random.Random, postmaster: Path) -> bool:
        """Kill -9 what is named; False where nothing of it runs."""
        if target == "postgres":
            return _kill_postmaster(postmaster)
        found = self._processes()
        if target == "all":
            if self._family is not None:
                self._family.kill()
            _kill_postmaster(postmaster)
            for pid in (pid for pids in found.values() for pid in pids):
                _kill(pid)
            if self._family is not None:
                self._family.wait()
            self.start()
            return True
        pids = found[target]
        return bool(pids) and _kill(rng.choice(pids))

    def pids(self, kind: str) -> list[int]:
        """The processes of a kind that run now."""
        return self._processes()[kind]

    def _processes(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {kind: [] for kind in KINDS}
        mark = f"DAGSTER_HOME={self.home}/dagster".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark not in (folder / "environ").read_bytes().split(b"\0"):
                    continue
                said = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            for kind, words in KINDS.items():
                if words in said:
                    found[kind].append(int(folder.name))
        return found


def _kill_postmaster(postmaster: Path) -> bool:
    try:
        pid = int(postmaster.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return _kill(pid)


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
