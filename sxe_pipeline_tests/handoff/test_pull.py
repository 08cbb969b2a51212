"""What a consumer takes over by a pinned key alone, and what it refuses."""

import datetime as dt
import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from sxe_pipeline import sign
from sxe_pipeline.cli import main
from sxe_pipeline.errors import BadInput, Busy, Frozen, NotFound, StoreUnavailable, Tampered
from sxe_pipeline.handoff.files import expired, head, manifest
from sxe_pipeline.handoff.reader import pull, sources
from sxe_pipeline.handoff.reader.verify import verify
from sxe_pipeline.sign import Signer
from sxe_pipeline_tests.handoff.contacts import at, contacts
from sxe_pipeline_tests.handoff.sender import NOON, Sender
from sxe_pipeline_tests.local import buckets

ROOT = Path(__file__).parents[2]
HOUR = dt.timedelta(hours=1)
MARKETS = ("x_a", "x_b")


@pytest.fixture
def sender(tmp_path, signer, cards):
    """Two markets of one day, and their head."""
    made = Sender(tmp_path / "theirs", signer)
    for market in MARKETS:
        made.cards(cards(4, market=market), market)
    made.head()
    return made


@pytest.fixture
def take(sender, signer, tmp_path):
    """`take()`: pull into the consumer's own folder."""

    def call(source=None, now=NOON + HOUR, contract="lead_card", signer=signer, into="mine"):
        return pull.pull(
            source or sources.store_of(sender.root),
            signer.public_key,
            contract=contract,
            major=1,
            into=tmp_path / into,
            now=now,
        )

    return call


class Counting:
    """A store that counts what is asked of it."""

    def __init__(self, root):
        self._source, self.asked = sources.store_of(root), []

    def chunks(self, key):
        self.asked.append(key)
        return self._source.chunks(key)


def below(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name != ".lock"
    }


class TestTaken:
    def test_u2_a_stranger_with_a_key_gets_every_market_verified(self, sender, take, tmp_path):
        done = take()

        assert {(b.market, b.row_count, b.kind) for b in done.batches} == {
            (market, 4, "full") for market in MARKETS
        }
        assert below(tmp_path / "mine") == below(sender.root)
        for batch in done.batches:
            folder = tmp_path / "mine" / batch.folder
            assert verify(folder, sender.signer.public_key).batch_id == batch.batch_id

    def test_the_second_time_what_is_new_since_is_taken(self, sender, take, cards):
        take()
        assert take().batches == ()
        sender.cards(cards(5, market="x_b"), "x_b", dt.date(2026, 3, 11))
        sender.head(now=NOON + HOUR)

        done = take(now=NOON + 2 * HOUR)

        assert [(b.market, b.row_count) for b in done.batches] == [("x_b", 5)]
        assert done.head_seq == 2
        assert take(now=NOON + 2 * HOUR).batches == ()

    def test_what_a_refused_pull_had_fetched_is_named_by_the_one_that_succeeds(
        self, sender, take, cards
    ):
        [part] = (sender.folder / sender.newest["x_b"]["batch_id"]).glob("_jsonl/*")
        whole = part.read_bytes()
        part.write_bytes(b"")
        with pytest.raises(Tampered):
            take()
        part.write_bytes(whole)

        assert [b.market for b in take().batches] == list(MARKETS)

    def test_who_got_no_answer_takes_the_head_away_and_is_told_again(
        self, sender, take, cards, tmp_path
    ):
        take()
        sender.cards(cards(5, market="x_b"), "x_b", dt.date(2026, 3, 11))
        sender.head()
        lost = take()
        (tmp_path / "mine" / head.key_of("lead_card", 1, 2)).unlink()

        assert take() == lost
        assert [b.market for b in lost.batches] == ["x_b"]

    def test_a_market_without_rows_any_more_is_a_batch_too(self, sender, take, cards):
        sender.cards(cards(1, market="x_b").slice(0, 0), "x_b", dt.date(2026, 3, 11))
        sender.head()

        assert sorted(b.row_count for b in take().batches) == [0, 4]

    def test_four_hundred_heads_are_found_in_few_probes(self, sender, take):
        for _ in range(399):
            sender.head()
        first, again = Counting(sender.root), Counting(sender.root)

        assert take(first).head_seq == 400
        sender.head()
        assert take(again).head_seq == 401

        assert sum("_heads" in key for key in first.asked) <= 20
        assert sum("_heads" in key for key in again.asked) <= 4

    def test_contact_batches_are_those_of_every_head_since(self, tmp_path, signer, take):
        theirs = Sender(tmp_path / "theirs", signer, "lead_contact")
        source = sources.store_of(theirs.root)
        first = theirs.batch(contacts(3), at(1))
        theirs.head([first])
        theirs.head([])
        second = theirs.batch(contacts(4), at(2))
        theirs.head([second])
        theirs.head([])

        done = take(source, contract="lead_contact")

        assert [(b.batch_id, b.seq) for b in done.batches] == [
            (first["batch_id"], 1),
            (second["batch_id"], 2),
        ]
        assert take(source, contract="lead_contact").batches == ()
        third = theirs.batch(contacts(5), at(3))
        theirs.head([third])
        assert [b.seq for b in take(source, contract="lead_contact").batches] == [3]
        (tmp_path / "mine" / head.key_of("lead_contact", 1, 5)).unlink()
        assert [b.seq for b in take(source, contract="lead_contact").batches] == [3]

    def test_contact_files_that_the_sender_no_longer_keeps_are_named(self, tmp_path, signer, take):
        theirs = Sender(tmp_path / "theirs", signer, "lead_contact")
        entry = theirs.batch(contacts(3), at(1))
        theirs.head([entry])
        folder = theirs.folder / entry["batch_id"]
        shutil.rmtree(folder / "parquet")
        source = sources.store_of(theirs.root)
        with pytest.raises(Tampered, match="missing"):
            take(source, contract="lead_contact")
        said = expired.statement(
            entry["batch_id"], "lead_contact", entry["manifest_sha256"], "2026-04-01", signer
        )
        (folder / expired.NAME).write_bytes(said)

        done = take(source, contract="lead_contact")

        assert (done.batches, done.gone) == ((), (entry["batch_id"],))

    def test_the_contract_of_a_version_that_is_not_installed_comes_along(
        self, sender, take, tmp_path, monkeypatch
    ):
        from sxe_pipeline.handoff.files import edition

        schemas = sender.folder / "_schemas" / "1.0.0"
        schemas.mkdir(parents=True)
        (schemas / edition.TEXT).write_bytes(sender.contract.file.read_bytes())

        def unknown(*_):
            raise NotFound("not installed")

        monkeypatch.setattr(edition, "load", unknown)
        take()

        mine = tmp_path / "mine" / "lead_card" / "v1" / "_schemas" / "1.0.0" / edition.TEXT
        assert mine.read_bytes() == sender.contract.file.read_bytes()


class TestRefused:
    def test_a_store_without_a_head_says_where_one_would_be(self, take, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(NotFound, match=r"lead_card/v1/_heads/00000001\.json"):
            take(sources.store_of(tmp_path / "empty"))

    def test_u5_a_frozen_head_is_refused_and_nothing_is_taken(self, sender, take, tmp_path):
        with pytest.raises(Frozen, match="2026-03-13T00:00:00Z"):
            take(now=NOON + 36 * HOUR)
        assert below(tmp_path / "mine") == {}

    def test_u6_heads_that_were_put_back_are_refused(self, sender, take, cards):
        sender.cards(cards(5, market="x_b"), "x_b", dt.date(2026, 3, 11))
        sender.head()
        take()
        sender.file(2).unlink()

        with pytest.raises(Tampered, match="put back"):
            take()

    def test_u6_another_head_of_the_same_number_is_refused(self, sender, take):
        take()
        sender.heads.clear()
        sender.head(now=NOON + HOUR)

        with pytest.raises(Tampered, match="another one"):
            take(now=NOON + 2 * HOUR)

    def test_u6_a_head_that_names_an_older_batch_of_a_market_is_refused(self, sender, take, cards):
        old = list(sender.newest.values())
        sender.cards(cards(5, market="x_b"), "x_b", dt.date(2026, 3, 11))
        sender.head()
        take()
        sender.head(old)

        with pytest.raises(Tampered, match="goes back"):
            take()

    def test_a_head_that_leaves_a_market_out_is_refused(self, sender, take):
        take()
        sender.head([sender.newest["x_a"]])

        with pytest.raises(Tampered, match="goes back"):
            take()

    def test_a_head_that_does_not_follow_the_known_one_is_refused(self, sender, take):
        take()
        sender.head(prev_head_sha256="0" * 64)

        with pytest.raises(Tampered, match="does not follow"):
            take()

    def test_a_head_under_another_number_is_refused(self, sender, take):
        sender.head()
        sender.file(2).rename(sender.file(3))
        sender.file(2).write_bytes(sender.file(3).read_bytes())

        with pytest.raises(Tampered, match="lies another"):
            take()

    def test_u7_a_foreign_key_is_refused(self, sender, take, tmp_path):
        with pytest.raises(Tampered, match="not signed with the given key"):
            take(signer=Signer.generate())
        assert below(tmp_path / "mine") == {}

    def test_u7_the_head_of_one_contract_is_none_of_another(self, sender, take):
        shutil.copytree(sender.root / "lead_card", sender.root / "lead_contact")

        with pytest.raises(Tampered, match="lies another"):
            take(contract="lead_contact")

    def test_another_signed_manifest_in_the_place_of_the_named_one_is_refused(
        self, sender, take, cards, tmp_path
    ):
        old, new = sender.newest["x_b"], None
        new = sender.cards(cards(5, market="x_b"), "x_b", dt.date(2026, 3, 11))
        sender.head()
        shutil.rmtree(sender.folder / new["batch_id"])
        shutil.copytree(sender.folder / old["batch_id"], sender.folder / new["batch_id"])

        with pytest.raises(Tampered, match="not the one that the head names"):
            take()
        assert not (tmp_path / "mine" / "lead_card" / "v1" / new["batch_id"]).exists()

    def test_u3_a_forged_row_is_refused_and_never_appears(self, sender, take, tmp_path):
        entry = sender.newest["x_b"]
        [part] = (sender.folder / entry["batch_id"]).glob("_jsonl/*")
        part.write_bytes(part.read_bytes().replace(b"user_1", b"user_7", 1))

        with pytest.raises(Tampered, match="differs from the manifest"):
            take()
        mine = tmp_path / "mine" / "lead_card" / "v1"
        assert not (mine / entry["batch_id"]).exists()
        assert not (mine / "_heads").exists()

    def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(self, sender, take):
        [part] = (sender.folder / sender.newest["x_b"]["batch_id"]).glob("_jsonl/*")
        part.unlink()
        os.mkfifo(part)

        with pytest.raises(Tampered, match="no regular file"):
            take()

    def test_two_pulls_at_once_do_not_mix(self, sender, take, tmp_path):
        class Again:
            def __init__(self):
                self.refused = None

            def chunks(self, key):
                if self.refused is None:
                    with pytest.raises(Busy) as self.refused:
                        take()
                return sources.store_of(sender.root).chunks(key)

        again = Again()
        assert len(take(again).batches) == 2
        assert "wait for its end" in str(again.refused.value)


HOSTILE = {
    "empty": b"",
    "html": b"<!doctype html><title>Not found</title>",
    "deep": b"[" * 1_000_000,
    "wrong_types": b'{"payload": 1, "payloadType": [], "signatures": {}}',
    "signatures_of_nothing": b'{"payload": "e30=", "payloadType": "x", "signatures": [1, null]}',
    "not_text": b"\xff\xfe\x00",
}


class TestHostile:
    @pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
    @pytest.mark.parametrize("where", ["head", "manifest"])
    def test_what_is_none_of_ours_is_refused_in_words_of_ours(self, sender, take, where, data):
        file = sender.folder / sender.newest["x_a"]["batch_id"] / manifest.NAME
        (sender.file(1) if where == "head" else file).write_bytes(data)

        with pytest.raises(Tampered):
            take()

    @pytest.mark.parametrize("which", ["_heads", "_manifest.json", "_jsonl", "_keys"])
    def test_no_more_is_read_of_what_does_not_end(self, sender, take, which):
        class Endless:
            read = 0

            def chunks(self, key):
                if which not in key:
                    yield from sources.store_of(sender.root).chunks(key)
                    return
                for _ in range(100):
                    Endless.read += 1 << 20
                    yield b" " * (1 << 20)
                raise AssertionError("all of it was read")

        with pytest.raises(Tampered):
            take(Endless())
        assert Endless.read <= 18 << 20

    def test_a_signed_head_cannot_lead_out_of_the_folder(self, sender, take):
        entry = sender.newest["x_a"] | {"batch_id": "../../../etc"}
        sender.head([entry])

        with pytest.raises(Tampered, match="none that we know"):
            take()

    def test_a_link_in_the_incoming_folder_is_not_written_through(self, sender, take, tmp_path):
        outside = tmp_path / "outside"
        outside.mkdir()
        incoming = tmp_path / "mine" / "lead_card" / "v1" / pull.INCOMING
        incoming.mkdir(parents=True)
        (incoming / sender.newest["x_a"]["batch_id"]).symlink_to(outside)

        with pytest.raises(BadInput, match="take it away"):
            take()
        assert not list(outside.iterdir())


KILLED = """
import datetime as dt, os, signal, sys
from pathlib import Path
from sxe_pipeline import sign
from sxe_pipeline.handoff.reader import pull, sources

class Deadly:
    left = int(sys.argv[4])

    def __init__(self, root):
        self.source = sources.store_of(Path(root))

    def chunks(self, key):
        for chunk in self.source.chunks(key):
            if "part-" in key:
                Deadly.left -= 1
            yield chunk[: len(chunk) // 2] if Deadly.left == 0 else chunk
            if Deadly.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

pull.pull(
    Deadly(sys.argv[1]),
    sign.public_key(Path(sys.argv[3]).read_bytes()),
    contract="lead_card",
    major=1,
    into=Path(sys.argv[2]),
    now=dt.datetime.fromisoformat("2026-03-11T13:00:00+00:00"),
)
"""


@pytest.mark.parametrize("part", [1, 2, 4])
def test_u8_a_pull_that_was_killed_goes_on_where_it_was(sender, take, tmp_path, signer, part):
    pinned = tmp_path / "signing.pub"
    pinned.write_bytes(signer.public_pem())
    arguments = [sender.root, tmp_path / "mine", pinned, part]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments)], cwd=ROOT, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    mine = tmp_path / "mine" / "lead_card" / "v1"
    assert not (mine / "_heads").exists()
    visible = [f for f in mine.iterdir() if not f.name.startswith("_")]
    assert len(visible) == (part > 2), "a batch is there whole or not at all"
    counting = Counting(sender.root)

    done = take(counting)

    assert [b.market for b in done.batches] == list(MARKETS), "also what was there before the kill"
    assert below(tmp_path / "mine") == below(sender.root)
    assert sum("part-" in key for key in counting.asked) == 4 - (part - 1)


@pytest.fixture
def pinned(tmp_path, signer):
    file = tmp_path / "signing.pub"
    file.write_bytes(signer.public_pem(["lead_card"]))
    return file


@pytest.fixture
def fresh(tmp_path, signer, cards):
    """A sender whose head is of now."""
    made = Sender(tmp_path / "theirs", signer)
    made.cards(cards(4))
    made.head(now=dt.datetime.now(dt.UTC))
    return made


def typed(place, pinned, into, code=0, contract="lead_card", **env):
    arguments = ["--key", str(pinned), "--contract", contract, "--into", str(into), "--json"]
    done = CliRunner(env=env).invoke(main, ["batch", "pull", str(place), *arguments])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code == 0 else done.stderr


class TestTyped:
    def test_u2_it_is_pulled_over_http(self, fresh, pinned, tmp_path):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        handler = functools.partial(Quiet, directory=fresh.root)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            done = typed(address, pinned, tmp_path / "mine")
            again = typed(f"{address}/", pinned, tmp_path / "mine")
            missing = typed(f"{address}/nowhere", pinned, tmp_path / "other", 4)
        finally:
            server.shutdown()
            server.server_close()
        assert [b["row_count"] for b in done["batches"]] == [4]
        assert (again["batches"], again["head_seq"], again["new_key_id"]) == ([], 1, None)
        assert "there is no head" in missing

    def test_u2_it_is_pulled_from_a_bucket(self, fresh, pinned, tmp_path):
        with buckets.serving() as (s3, objects):
            for name, data in below(fresh.root).items():
                objects["ours", f"at/{name}"] = data
            done = typed("s3://ours/at", pinned, tmp_path / "mine", **s3)
            denied = typed("s3://denied/at", pinned, tmp_path / "other", 7, **s3)
        assert [b["row_count"] for b in done["batches"]] == [4]
        assert "no right" in denied

    def test_it_is_pulled_from_a_folder_however_that_is_named(self, fresh, pinned, tmp_path):
        assert len(typed(fresh.root, pinned, tmp_path / "a")["batches"]) == 1
        assert len(typed(fresh.root.as_uri(), pinned, tmp_path / "b")["batches"]) == 1

    def test_u5_a_frozen_head_has_an_exit_code_of_its_own(self, sender, pinned, tmp_path):
        assert "ask the sender" in typed(sender.root, pinned, tmp_path / "mine", 10)

    def test_a_key_is_not_used_for_what_it_was_not_pinned_for(self, fresh, pinned, tmp_path):
        said = typed(fresh.root, pinned, tmp_path / "mine", 2, "lead_contact")
        assert "pinned for lead_card" in said

    def test_people_read_lines(self, fresh, pinned, tmp_path):
        arguments = ["--key", str(pinned), "--contract", "lead_card"]
        done = CliRunner().invoke(
            main, ["batch", "pull", str(fresh.root), *arguments, "--into", str(tmp_path / "mine")]
        )
        assert done.exit_code == 0, done.output
        assert "head 1 of lead_card" in done.stdout
        assert "x_general" in done.stdout

    def test_a_folder_that_cannot_be_written_is_said(self, fresh, pinned, tmp_path):
        (tmp_path / "file").touch()
        assert "cannot be written" in typed(fresh.root, pinned, tmp_path / "file" / "x", 2)


def test_a_web_server_that_is_away_is_no_missing_head(take):
    with pytest.raises(StoreUnavailable):
        take(sources.store_of("http://127.0.0.1:9"))


def test_a_head_of_a_real_publication_is_pulled(run, cards, conn, store, signer, take, tmp_path):
    from sxe_pipeline.handoff import heads

    done = run(cards(6))
    heads.make(
        conn,
        store,
        contract="lead_card",
        major=1,
        signer=signer,
        actor="test",
        now=NOON,
    )

    taken = take(sources.store_of(tmp_path / "handoff"))

    assert [b.batch_id for b in taken.batches] == [done.batch_id]
    assert sign.sha256((tmp_path / "mine" / head.key_of("lead_card", 1, 1)).read_bytes())
