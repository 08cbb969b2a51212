"""The page for integrators and the description of the API say what is so."""

import datetime as dt
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sxe_pipeline.handoff import publish
from sxe_pipeline.web import app
from sxe_pipeline_tests.handoff.whole import changed, withheld, without
from sxe_pipeline_tests.web import openapi
from sxe_pipeline_tests.web.site import DAY

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
TREE = json.loads(openapi.FILE.read_text())
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, operations in TREE["paths"].items()
    for method, operation in operations.items()
]


def commands():
    """What a reader would type, in order."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE.read_text(), re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


DAYS = {
    "a full batch": lambda rows: None,
    "a delta with removes": lambda rows: changed(without(rows, 4, 9), 0, bio="New words"),
    "a delta of removes alone": lambda rows: without(rows, 4, 9),
    "an empty batch": lambda rows: rows.slice(0, 0),
}


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_every_command_of_the_page_works_in_its_order(site, cards, tmp_path, day):
    rows, market = cards(20), f"m_{secrets.token_hex(4)}"
    rows = rows.set_column(
        rows.schema.get_field_index("market"), rows.schema.field("market"), [[market] * 20]
    )
    batch = site.publish(rows, market)
    if (later := day(rows)) is not None:
        deltas = publish.Deltas(withheld, 7)
        batch = site.publish(later, market, DAY + dt.timedelta(days=1), deltas=deltas)
    key = site.key()
    site.make_head()
    pem = tmp_path / "social.pem"
    pem.write_bytes(site.signer.public_pem(["lead_card"]))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    folder = tmp_path / "reader"
    (folder / ".venv").mkdir(parents=True)
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)

    done = subprocess.run(
        [shutil.which("bash"), "-euo", "pipefail", "-c", "\n".join(commands())],
        env={"PATH": path, "API": site.url, "KEY": key, "PEM": str(pem), "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"accepted","is_new":true' in done.stdout
    assert '"is_wrong":false' in done.stdout
    proved = "false" if later is not None and not later.num_rows else "true"
    assert f'"is_proved":{proved}' in done.stdout
    listed = json.loads((folder / "page.json").read_text())["batches"]
    assert listed[-1]["batch_id"] == batch.batch_id


def test_the_page_names_every_route():
    text = PAGE.read_text()
    typed = {re.sub(r"\{.*", "", path).rstrip("/") for path in TREE["paths"]} - {"/healthz"}

    assert [path for path in typed if path not in text] == []
    for end in ("/files/", "/rows", "/ack"):
        assert end in text


def test_the_description_in_the_tree_is_that_of_the_application():
    assert openapi.FILE.read_text() == openapi.text(), "run `make openapi`"


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_a1_every_problem_of_a_route_is_described(path, method, operation):
    statuses = set(operation["responses"])
    if path == "/healthz":
        assert statuses == {"200"}
        return

    assert operation["security"] == [{"key": []}]
    assert statuses >= {"401", "413", "422", "429", "500", "503"}
    for status in statuses:
        if status >= "400":
            [(kind, said)] = operation["responses"][status]["content"].items()
            assert kind == "application/problem+json"
            assert said["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert operation["operationId"]
    assert operation.get("summary")
    assert method == {"ack": "put", "query": "post"}.get(path.rpartition("/")[2], "get")


def test_what_the_description_refers_to_is_there():
    for name in re.findall(r'"#/(components/[^"]+)"', json.dumps(app.bare().openapi())):
        at = TREE
        for part in name.split("/"):
            at = at[part]
