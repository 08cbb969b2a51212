"""Workers of this machine end with whoever started them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from sxe_pipeline import settings
from sxe_pipeline.engine import Act, Local, chosen
from sxe_pipeline.errors import BadConfig
from sxe_pipeline.schema import container
from sxe_pipeline_tests.engine import acts

NUMBERS = pa.schema([("n", pa.int64())])
SCRIPT = f"""
import functools, pathlib
import polars  # as in a run; it has waits go on after a signal
from sxe_pipeline_tests.engine import acts, {Path(__file__).stem} as here
from sxe_pipeline.engine import Act, Local

slow = functools.partial(acts.slow, folder=pathlib.Path.cwd())
list(Local(2).run(here.numbers(), Act(slow, here.NUMBERS, here.NUMBERS)))
"""


def numbers():
    return pa.table({"n": range(40)}, schema=NUMBERS).to_reader(max_chunksize=4)


def children():
    tasks = Path("/proc/self/task").glob("*/children")
    return {child for task in tasks for child in task.read_text().split()}


def is_there(pid):
    return (
        Path(f"/proc/{pid}").is_dir()
        and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    )


def wait_until(holds):
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_reader_who_stops_leaves_no_worker():
    before = children()
    made = Local(2).run(numbers(), Act(acts.as_they_are, NUMBERS, NUMBERS))

    assert next(made).to_pylist() == [{"n": n} for n in range(4)]
    assert len(children() - before) == 2

    made.close()

    assert children() == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_process_in_the_middle_of_their_work(tmp_path, how):
    group = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, start_new_session=True, stderr=-1, text=True
    )
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [file.name for file in tmp_path.iterdir()]
    assert all(map(is_there, workers))

    if how == signal.SIGINT:
        os.killpg(group.pid, how)
    else:
        group.send_signal(how)
    _, told = group.communicate(timeout=30)

    assert group.returncode == -how
    wait_until(lambda: not any(map(is_there, workers)))
    assert told.count("Traceback") == (how == signal.SIGINT), told


def test_few_rows_start_no_worker_and_many_are_dealt_out_in_their_order():
    def answers(patience):
        yield from Local(2, patience).run(numbers(), Act(acts.surroundings, NUMBERS, acts.TOLD))

    def processes(patience):
        return [
            json.loads(row["told"])[0] for batch in answers(patience) for row in batch.to_pylist()
        ]

    assert set(processes(patience=60)) == {os.getpid()}
    own = Act(lambda rows: rows, NUMBERS, NUMBERS)
    assert len(list(Local(2, 60).run(numbers(), own))) == 10, "nobody else need know it"
    soon = processes(patience=1e-9)
    assert (soon[0], os.getpid() in soon[1:], len(soon)) == (os.getpid(), False, 10)
    made = Local(2, 1e-9).run(numbers(), Act(acts.as_they_are, NUMBERS, NUMBERS))
    assert [row["n"] for batch in made for row in batch.to_pylist()] == list(range(40))


def test_no_more_workers_are_started_than_there_is_work():
    before = children()
    one = pa.table({"n": range(4)}, schema=NUMBERS).to_reader()
    made = Local(8).run(one, Act(acts.as_they_are, NUMBERS, NUMBERS))

    assert len(next(made)) == 4
    assert len(children() - before) == 1
    made.close()


@pytest.mark.parametrize(
    ("cores", "gib", "found"), [(8, 64, 8), (8, 3, 3), (2, 0.5, 1)], ids=["cores", "memory", "one"]
)
def test_there_are_as_many_processes_as_the_container_bears(monkeypatch, cores, gib, found):
    monkeypatch.setattr(container, "cores", lambda: cores)
    monkeypatch.setattr(container, "memory_bytes", lambda: int(gib * 2**30))

    assert chosen.chosen("local", settings.load({})) == Local(found, chosen.PATIENCE_S)
    assert chosen.chosen("local", settings.load({"SXE_PROCESSES": "5"})).processes == 5


def test_another_engine_is_refused_by_name():
    with pytest.raises(BadConfig, match="take local or spark"):
        chosen.chosen("flink", settings.load({}))
