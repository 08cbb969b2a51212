"""schemathesis against the API: `make fuzz` installs it in an environment of its own."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from sxe_pipeline.audit import seal
from sxe_pipeline.handoff.files import manifest
from sxe_pipeline.store.objects import Objects

BY_SCHEMA = """
[[operations]]
include-name = "PUT /v1/batches/{batch_id}/ack"
checks.positive_data_acceptance.expected-statuses = [200, 201, 404, 409, 422]

[[operations]]
include-name = "POST /delta-sharing/shares/{share}/schemas/{schema}/tables/{table}/query"
checks.positive_data_acceptance.expected-statuses = [200, 400, 404, 410]
"""
"""No schema says which manifest a batch has, nor which columns its contract; and a client of Delta
Sharing may send what is answered with a problem that says what works."""


@pytest.mark.skipif("SXE_TEST_FUZZ" not in os.environ, reason="`make fuzz` runs it")
def test_a1_whatever_is_asked_the_answer_is_one_that_is_described(site, key, batch, tmp_path):
    program = Path(os.environ["SXE_TEST_FUZZ"]).absolute()
    site.make_head()
    seal.tick(site.people.login("sxe_sealer"), Objects(tmp_path.as_uri()), site.signer)
    listed = site.ask(f"/v1/batches/{batch.batch_id}", key)
    name = manifest.files_of(listed.body)[0]["name"]
    # Beside what it makes up, it is told what there is, or it would see little but 404.
    known = {
        "path.contract": "lead_card",
        "query.contract": "lead_card",
        "path.version": "1.0.0",
        "path.batch_id": batch.batch_id,
        "path.name": name,
        "path.seq": 1,
        "path.share": "sxe",
        "path.schema": "tier1",
        "path.table": "lead_card_v1",
    }
    parameters = "".join(f'"{n}" = {json.dumps(value)}\n' for n, value in known.items())
    runs = {"made up": BY_SCHEMA, "known": f"[parameters]\n{parameters}\n{BY_SCHEMA}"}
    for title, text in runs.items():
        config = tmp_path / f"{title.replace(' ', '_')}.toml"
        config.write_text(text)
        done = subprocess.run(
            [
                *(program, "--config-file", config, "run", f"{site.url}/openapi.json"),
                *("--header", f"Authorization: Bearer {key}", "--max-examples", "100"),
                *("--checks", "all", "--no-color"),
                *shlex.split(os.environ.get("SXE_TEST_FUZZ_ARGS", "")),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"== {title}\n{done.stdout[-8000:]}\n{done.stderr[-2000:]}")
        assert done.returncode == 0, title
