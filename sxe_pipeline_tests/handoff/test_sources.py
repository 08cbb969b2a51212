"""A batch is verified where it lies: in a bucket, on a web server."""

import functools
import http.server
import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from sxe_pipeline.cli import main
from sxe_pipeline.errors import BadInput, NotFound
from sxe_pipeline.handoff.reader import sources
from sxe_pipeline_tests.local import buckets


@pytest.fixture
def published(run, cards, tmp_path, signer):
    """(folder of a batch, file of the pinned key)."""
    done = run(cards(5))
    pinned = tmp_path / "signing.pub"
    pinned.write_bytes(signer.public_pem())
    return tmp_path / "handoff" / "lead_card" / "v1" / done.batch_id, pinned


@pytest.fixture
def web(tmp_path):
    """The address of a web server over the handoff store."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    (tmp_path / "handoff").mkdir(exist_ok=True)
    handler = functools.partial(Quiet, directory=tmp_path / "handoff")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def verify(place, pinned, code=0, **env):
    done = CliRunner(env=env).invoke(
        main, ["batch", "verify", str(place), "--key", str(pinned), "--json"]
    )
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.stderr


def test_d10_a_batch_in_a_bucket_is_verified_there(published, tmp_path):
    folder, pinned = published
    with buckets.serving() as (s3, objects):
        for file in (file for file in folder.rglob("*") if file.is_file()):
            name = file.relative_to(folder.parent).as_posix()
            objects["ours", f"at/{name}"] = file.read_bytes()
        address = f"s3://ours/at/{folder.name}"
        seen = verify(address, pinned, **s3)
        own = {
            "SXE_HANDOFF_STORE_URL": "s3://ours/at",
            "SXE_HANDOFF_STORE_ENDPOINT_URL": s3["AWS_ENDPOINT_URL"],
        }
        by_its_own_endpoint = verify(
            address + "/", pinned, **{**s3, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", **own}
        )
        objects["ours", f"at/{folder.name}/more.jsonl"] = b"{}"
        extra = verify(address, pinned, 1, **s3)
        denied = verify("s3://denied/at/x", pinned, 7, **s3)

    assert seen == by_its_own_endpoint
    assert (seen["rows"], seen["verified"]) == (5, True)
    assert "not listed" in extra
    assert "its key has no right to do that" in denied


def test_d10_a_batch_on_a_web_server_is_verified_from_there(published, web):
    folder, pinned = published
    address = f"{web}/lead_card/v1/{folder.name}"

    assert verify(address, pinned)["rows"] == 5
    assert "not published" in verify(address[:-1], pinned, 4)
    part = next(folder.glob("_jsonl/*"))
    part.write_bytes(part.read_bytes().replace(b"user_1", b"user_7", 1))
    assert "differs from the manifest" in verify(address, pinned, 1)
    part.unlink()
    assert "missing" in verify(address, pinned, 1)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a/b",
        "ftp://127.0.0.1/a",
        "https://",
        "s3://bucket",
        "s3:///path",
        "file:///etc/x",
    ],
)
def test_what_is_no_address_of_a_batch_is_refused(address):
    with pytest.raises(BadInput, match="correct the address"):
        sources.source_of(address)


def test_a_folder_that_is_not_there_is_said_before_anything(tmp_path):
    pinned = tmp_path / "k"
    pinned.touch()

    assert "does not exist" in verify(Path("/nowhere/at/all"), pinned, 2)


def test_a_web_server_that_does_not_answer_is_no_missing_batch(web):
    with pytest.raises(NotFound):
        sources.Web(web).open("nothing")
