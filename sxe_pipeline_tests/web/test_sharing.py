"""Delta Sharing: the tables of a key, over a real socket, by hand and with the client of others."""

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import threading
import time
import urllib.request
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from cryptography.fernet import Fernet

from sxe_pipeline import schema
from sxe_pipeline.errors import Busy
from sxe_pipeline.handoff import consumers
from sxe_pipeline.handoff.chain_rows import Deltas
from sxe_pipeline.store import sql
from sxe_pipeline.web import lent, limits, sharing
from sxe_pipeline_tests.handoff.contacts import DAY, NEXT
from sxe_pipeline_tests.handoff.whole import withheld
from sxe_pipeline_tests.web.site import served
from sxe_pipeline_tests.web.test_page import PAGE

CLIENT = "SXE_TEST_SHARING_PYTHON"
"""An interpreter that has delta-sharing, whose pins fit into nobody else's environment."""

TABLES = "/delta-sharing/shares/sxe/schemas/tier1/tables"
CARDS = f"{TABLES}/lead_card_v1"
DELTAS = Deltas(withheld, 7)
POOLS = schema.load("audience_pool", "1.0.0")


@pytest.fixture(scope="module")
def site(people, signer, tmp_path_factory):
    with served(people, (tmp_path_factory.mktemp("web") / "handoff").as_uri(), signer) as made:
        yield made


@pytest.fixture(scope="module")
def days(cards):
    """Four days of a market: all, two changed and two gone, a new one, and nearly all anew."""
    first = cards(20, market="north").sort_by("card_id")
    second = edited(first.slice(2), 0, 7, bio="New words")
    third = pa.concat_tables([second, cards(21, market="north").filter(new(first))])
    fourth = edited(third.slice(1), *range(12), bio="Other words")
    return [first, second, third, fourth]


def edited(rows, *numbers, **values):
    made = rows.to_pylist()
    for number in numbers:
        made[number] |= values
    return pa.Table.from_pylist(made, schema=rows.schema)


def new(before):
    known = set(before["card_id"].to_pylist())

    return pc.invert(pc.is_in(pc.field("card_id"), value_set=pa.array(sorted(known))))


@pytest.fixture(scope="module")
def batches(site, days, cards):
    """The four days of `north`, and one of `south`."""
    made = [
        site.publish(rows, "north", DAY + n * NEXT, deltas=DELTAS) for n, rows in enumerate(days)
    ]
    site.publish(cards(5, seed=3, market="south"), "south")
    assert [b.kind for b in made] == ["full", "delta", "delta", "full"]
    return made


@pytest.fixture(scope="module")
def north(site, batches):
    """A key that sees one of the markets."""
    return site.key(markets=["north"])


def lines(answer):
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson")
    protocol, metadata, *files = (json.loads(line) for line in answer.body.splitlines())
    assert protocol == {"protocol": {"minReaderVersion": 1}}
    return metadata["metaData"], files


def ask(site, key, version=None, table=CARDS):
    wanted = {} if version is None else {"version": version}
    said = wanted | {"limitHint": 1, "predicateHints": ["card_id = 'x'"]}
    headers = {"Content-Type": "application/json"}
    return site.ask(f"{table}/query", key, "POST", headers, json.dumps(said))


def table_of(url):
    """What lies at an address, to whoever brings no key."""
    with urllib.request.urlopen(url) as got:
        return pq.read_table(io.BytesIO(got.read()))


def state(site, key, version=None, table=CARDS):
    _, files = lines(ask(site, key, version, table))
    return pa.concat_tables([table_of(file["file"]["url"]) for file in files])


def seqs(site, key):
    listed = site.ask("/v1/batches?contract=lead_card", key).json()["batches"]
    return [b["published_seq"] for b in listed]


def changes(site, key, start, end=None, table=CARDS):
    path = f"{table}/changes?startingVersion={start}"
    _, files = lines(site.ask(path if end is None else f"{path}&endingVersion={end}", key))
    found = {}
    for line in files:
        ((kind, file),) = line.items()
        rows = table_of(file["url"]).to_pylist()
        found.setdefault(file["version"], []).extend(
            row | ({"_change_type": "insert"} if kind == "add" else {}) for row in rows
        )
    return found


def said(rows, kind):
    return {row["card_id"]: row for row in rows if row["_change_type"] == kind}


def test_a_key_is_told_its_tables(site, north):
    def items(path, key=north):
        return site.ask(f"/delta-sharing{path}", key).json()["items"]

    table = {"name": "lead_card_v1", "schema": "tier1", "share": "sxe"}
    assert items("/shares") == [{"name": "sxe"}]
    assert site.ask("/delta-sharing/shares/sxe", north).json() == {"share": {"name": "sxe"}}
    assert items("/shares/sxe/schemas") == [{"name": "tier1", "share": "sxe"}]
    assert items("/shares/sxe/all-tables") == [table]
    assert items("/shares/sxe/schemas/tier1/tables") == [table]
    assert items("/shares", site.key(contracts=["lead_contact"])) == []


def test_a_table_is_described_as_its_contract_says(site, north, contract):
    metadata, files = lines(site.ask(f"{CARDS}/metadata", north))
    fields = {f["name"]: f for f in json.loads(metadata["schemaString"])["fields"]}

    assert (files, list(fields)) == ([], contract.names)
    assert (metadata["name"], metadata["format"]) == ("lead_card_v1", {"provider": "parquet"})
    assert fields["card_id"]["type"] == "string"
    assert (fields["card_id"]["nullable"], fields["bio"]["nullable"]) == (False, True)
    assert fields["follower_count"]["type"] == "long"
    assert fields["observed_at"]["type"] == "timestamp"
    assert fields["evidence"]["type"]["elementType"]["type"] == "struct"


@pytest.mark.parametrize("number", range(4))
def test_a_state_is_what_a_full_batch_of_that_day_holds(site, north, batches, days, number):
    version = seqs(site, north)[number]

    held = state(site, north, version)

    assert held.schema.names == days[number].schema.names
    assert held.sort_by("card_id").to_pylist() == days[number].sort_by("card_id").to_pylist()
    assert ask(site, north, version).headers["delta-table-version"] == str(version)


def test_what_is_newest_has_the_number_of_the_newest_batch_that_the_key_sees(
    site, north, batches, days
):
    south = site.key(markets=["south"])
    both = site.key(markets=["north", "south"])
    nothing = site.key(markets=["nowhere"])

    def version(key):
        got = site.ask(f"{CARDS}/version", key)
        return got.status, int(got.headers["delta-table-version"])

    assert version(north) == (200, seqs(site, north)[-1])
    assert version(south) == version(both) == (200, seqs(site, south)[-1])
    assert version(nothing) == (200, 0)
    assert state(site, north).num_rows == days[-1].num_rows
    assert set(state(site, south)["market"].to_pylist()) == {"south"}
    assert state(site, both).num_rows == days[-1].num_rows + 5
    assert lines(ask(site, nothing))[1] == []


def test_changes_since_a_number_are_those_of_the_batches_behind_it(site, north, batches, days):
    numbers = seqs(site, north)
    found = changes(site, north, 0)

    assert list(found) == numbers
    assert changes(site, north, numbers[1], numbers[2]) == {n: found[n] for n in numbers[1:3]}
    assert changes(site, north, numbers[-1] + 1) == {}
    held = {}
    for number, rows in zip(numbers, days, strict=True):
        put = said(found[number], "insert") | said(found[number], "update_postimage")
        gone = said(found[number], "delete")
        assert put.keys().isdisjoint(gone)
        assert said(found[number], "insert").keys().isdisjoint(held)
        assert said(found[number], "update_postimage").keys() | gone.keys() <= held.keys()
        held = {k: row for k, row in (held | put).items() if k not in gone}
        bare = [{k: v for k, v in row.items() if k != "_change_type"} for row in held.values()]
        assert sorted(bare, key=lambda row: row["card_id"]) == (rows.sort_by("card_id").to_pylist())
    counts = [
        [len(said(found[n], kind)) for kind in ("insert", "update_postimage", "delete")]
        for n in numbers
    ]
    assert counts == [[20, 0, 0], [0, 2, 2], [1, 0, 0], [0, 12, 1]]


def test_of_a_row_that_is_gone_nothing_is_handed_out_again(site, north, batches):
    for rows in changes(site, north, 0).values():
        for row in said(rows, "delete").values():
            kept = {name for name, value in row.items() if value is not None}
            assert kept == {"card_id", "market", "_change_type"}


def test_a_batch_that_names_its_rows_otherwise_has_changes_too(site):
    def pool(persona, count):
        sample = {"market": "north", "audience_pool": "p", "persona": persona}
        counts = dict.fromkeys(("ready_count", "tagged_count", "identifiable_count"), 0)
        lists = {"top_evidence": [], "sample_card_ids": []}
        named = hashlib.sha256(f"north\np\n{persona}\n\n".encode()).hexdigest()[:32]
        return (
            sample
            | counts
            | lists
            | {
                "segment_id": named,
                "tribe": None,
                "country": None,
                "card_count": count,
                "audience_count": 0,
                "median_follower_count": None,
            }
        )

    key = site.key(contracts=["audience_pool"])
    for n, held in enumerate([{"a": 1, "b": 2}, {"b": 3, "c": 4}]):
        rows = [pool(*one) for one in held.items()]
        site.publish(
            pa.Table.from_pylist(rows, schema=POOLS.arrow()),
            "north",
            DAY + n * NEXT,
            contract="audience_pool",
        )

    first, second = changes(site, key, 0, table=f"{TABLES}/audience_pool_v1").values()

    assert [row["_change_type"] for row in first] == ["insert"] * 2
    assert {(row["persona"], row["_change_type"]) for row in second} == {
        ("b", "update_postimage"),
        ("c", "insert"),
        (None, "delete"),
    }
    held = state(site, key, table=f"{TABLES}/audience_pool_v1")
    assert set(held["persona"].to_pylist()) == {"b", "c"}


@pytest.mark.parametrize(
    "path",
    [
        *("/shares/other", "/shares/other/all-tables", "/shares/sxe/schemas/other/tables"),
        *(f"/shares/sxe/schemas/tier1/tables/{t}/metadata" for t in ("lead_card_v2", "lead_card")),
        *(f"/shares/sxe/schemas/tier1/tables/{t}/version" for t in ("lead_contact_v1", "x_v1")),
        *("/shares/sxe/schemas/tier1/tables/..%2flead_card_v1/metadata", "/shares/..%2f/schemas"),
        *("/shares/sxe/schemas/tier1/tables/audience_pool_v1/changes?startingVersion=0", "/"),
    ],
)
def test_a_table_that_is_none_or_another_ones_is_not_there(site, north, path):
    got = site.ask(f"/delta-sharing{path}", north)

    assert got.status in (404, 422)
    assert got.is_problem()


def test_contacts_are_no_table(site):
    key = site.key(contracts=["lead_contact", "lead_card"])

    listed = site.ask("/delta-sharing/shares/sxe/all-tables", key).json()["items"]

    assert [table["name"] for table in listed] == ["lead_card_v1"]
    for end in ("metadata", "version", "changes?startingVersion=0"):
        assert site.ask(f"{TABLES}/lead_contact_v1/{end}", key).status == 404
    assert ask(site, key, table=f"{TABLES}/lead_contact_v1").status == 404


def test_what_is_not_answered_is_refused_with_what_is(site, north):
    def refused(end, method="GET", body=None, **headers):
        got = site.ask(f"{CARDS}/{end}", north, method, headers, body)
        assert (got.status, got.is_problem()) == (400, True)
        return "parquet" in got.json()["detail"]

    delta = {"delta-sharing-capabilities": "responseformat=delta;readerfeatures=columnmapping"}
    both = {"delta-sharing-capabilities": "responseformat=delta,parquet"}
    json_body = {"Content-Type": "application/json"}
    assert refused("metadata", **delta)
    assert refused("query", "POST", "{}", **delta, **json_body)
    assert refused("query", "POST", '{"timestamp": "2026-01-01T00:00:00Z"}', **json_body)
    assert refused("version?startingTimestamp=2026-01-01T00:00:00Z")
    assert site.ask(f"{CARDS}/metadata", north, headers=both).status == 200


def test_too_many_batches_at_once_are_refused(site, north, batches, monkeypatch):
    monkeypatch.setattr(sharing, "MOST_BATCHES", 3)
    first, *_, last = seqs(site, north)

    got = site.ask(f"{CARDS}/changes?startingVersion=0", north)

    assert (got.status, got.is_problem()) == (400, True)
    assert site.ask(f"{CARDS}/changes?startingVersion={first + 1}", north).status == 200
    path = f"{CARDS}/changes?startingVersion=0&endingVersion={last - 1}"
    assert site.ask(path, north).status == 200


def test_an_address_is_for_one_file_of_one_key_and_five_minutes(site, batches):
    key = site.key(markets=["north"])
    _, [file] = lines(ask(site, key, seqs(site, key)[1]))
    path = urlsplit(file["file"]["url"]).path
    token = path.removeprefix(sharing.LENT)
    whole = site.ask(path)

    assert (whole.status, len(whole.body)) == (200, file["file"]["size"])
    assert site.ask(path, headers={"Range": "bytes=0-3"}).body == whole.body[:4] == b"PAR1"
    forged = [token[:-4] + "AAAA", token[:20], Fernet(Fernet.generate_key()).encrypt(b"x").decode()]
    for wrong in (*forged, "x", "..%2f", "%00", "é".encode().hex(), "%C3%A9"):
        got = site.ask(sharing.LENT + wrong)
        assert (got.status, got.is_problem()) == (401, True), wrong
        assert site.ask(sharing.LENT + wrong, key).status == 401


def test_behind_a_proxy_that_speaks_tls_addresses_do_too(site, north):
    through = {"X-Forwarded-Proto": "https", "Host": "sxe.example"}

    _, [file] = lines(site.ask(f"{CARDS}/query", north, "POST", through))

    assert file["file"]["url"].startswith("https://sxe.example/delta-sharing/files/")


def test_an_address_ends_after_five_minutes_and_with_its_key(site, batches, monkeypatch):
    key = site.key(markets=["north"])
    _, [file] = lines(ask(site, key))
    path = urlsplit(file["file"]["url"]).path
    assert site.ask(path).status == 200

    now = time.time()
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: now + lent.LENT_S + 1)
        assert site.ask(path).status == 401
    assert site.ask(path).status == 200
    with sql.connect(site.database.dsn("sxe_api")) as conn:
        start = hashlib.sha256(key.encode()).hexdigest()[:16]
        consumers.revoke_key(conn, site.people.tokens["cho"], start)
    assert site.ask(path).status == 401


def test_reading_files_is_counted_apart_and_guessing_addresses_as_guessing_keys(
    site, signer, batches
):
    few = limits.Rate(per_second=1e-9, burst=3)
    with served(site.people, site.objects.url, signer, key_rate=few, address_rate=few) as made:
        key = made.key(markets=["north"])
        _, [file] = lines(ask(made, key))
        path = urlsplit(file["file"]["url"]).path

        read = {made.ask(path).status for _ in range(20)}
        asked = [ask(made, key).status for _ in range(3)]
        guessed = [made.ask(f"{sharing.LENT}x").status for _ in range(4)]

        assert (read, asked, guessed) == ({200}, [200, 200, 429], [401, 401, 401, 429])
        assert made.ask(path).status == 200


def test_a_file_that_was_let_go_is_the_same_when_it_is_made_anew():
    made = []

    def write(file):
        made.append(file)
        file.write(b"x" * 100)

    with contextlib.closing(lent.Computed(most_bytes=150)) as kept:
        reader, entry = kept.opened("a", write)
        kept.entry("a", write)
        kept.entry("b", write)
        again = kept.entry("a", write)

    with reader:
        assert reader.read(entry["bytes"]) == b"x" * 100
    assert (len(made), again) == (3, entry)


def test_a_file_that_no_address_leads_to_any_more_is_let_go():
    made = []

    def write(file):
        made.append(file)
        file.write(b"x")

    with contextlib.closing(lent.Computed(keep_s=3600)) as kept:
        kept.entry("a", write)
        kept.sweep()
        kept.entry("a", write)
    assert len(made) == 1
    with contextlib.closing(lent.Computed(keep_s=0)) as kept:
        kept.entry("a", write)
        kept.sweep()
        kept.entry("a", write)
    assert len(made) == 3


def test_while_a_file_is_computed_others_are_read_and_a_second_one_waits(monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slow(file):
        begun.set()
        go_on.wait(60)
        file.write(b"slow")

    monkeypatch.setattr(lent, "WAIT_S", 0.01)
    with contextlib.closing(lent.Computed()) as kept:
        quick = kept.entry("quick", lambda file: file.write(b"quick"))
        thread = threading.Thread(target=kept.entry, args=("slow", slow))
        thread.start()
        begun.wait(60)
        again = kept.entry("quick", lambda file: file.write(b"quick"))
        with pytest.raises(Busy):
            kept.entry("other", lambda file: file.write(b"other"))
        go_on.set()
        thread.join()

    assert again == quick


def test_when_files_of_that_time_are_gone_the_table_is_loaded_anew(site, cards):
    rows = cards(4, seed=8, market="old")
    first = site.publish(rows, "old")
    site.publish(edited(rows, 0, 1, 2, bio="x"), "old", DAY + NEXT)
    with sql.connect(site.database.dsn("sxe_social")) as conn:
        conn.execute("select handoff.begin_expiry(%s, 'said', 'job')", [first.batch_id])
    key = site.key(markets=["old"])

    got = site.ask(f"{CARDS}/changes?startingVersion=0", key)

    assert (got.status, got.is_problem()) == (410, True)
    assert state(site, key).num_rows == 4


SCRIPT = """
import json, sys
import pandas as pd, pyarrow.parquet as pq

files, after = json.loads(sys.argv[1]), int(sys.argv[2])
profile, url = "sxe.share", "sxe.share#sxe.tier1.lead_card_v1"

def text(frame):
    frame = frame.sort_values("card_id", ignore_index=True)
    return frame.to_json(orient="records", date_unit="us")

tables = delta_sharing.SharingClient(profile).list_all_tables()
print([f"{t.share}.{t.schema}.{t.name}" for t in tables])
in_files = pd.concat([pq.read_table(file).to_pandas() for file in files])
print(text(cards) == text(in_files), len(cards), len(changes))
print(len(delta_sharing.load_as_pandas(url, limit=3)))
for start in (after + 1, 0):
    changes = delta_sharing.load_table_changes_as_pandas(url, starting_version=start)
    print(changes.groupby(["_commit_version", "_change_type"]).size().to_dict())
print(len(delta_sharing.load_table_changes_as_pandas(url, starting_version=10**9)))
try:
    delta_sharing.load_as_pandas(url, use_delta_format=True)
except Exception as error:
    print("responseformat=parquet" in str(error))
"""


def test_a7_the_client_of_others_reads_the_rows_of_the_file_and_what_came_behind_a_number(
    site, cards, days, tmp_path
):
    interpreter = os.environ.get(CLIENT)
    if not interpreter:
        pytest.skip(f"{CLIENT} names no interpreter with delta-sharing")
    first, second, *_ = (
        table.set_column(1, "market", pa.array(["east"] * table.num_rows)).cast(table.schema)
        for table in days
    )
    site.publish(first, "east", deltas=DELTAS)
    site.publish(second, "east", DAY + NEXT, deltas=DELTAS)
    west = cards(6, seed=4, market="west")
    site.publish(west, "west")
    files = []
    for rows in (second, west):
        pq.write_table(rows, tmp_path / f"{len(files)}.parquet")
        files.append(str(tmp_path / f"{len(files)}.parquet"))
    key = site.key(markets=["east", "west"])
    profile = tmp_path / "sxe.share"
    said = {"shareCredentialsVersion": 1, "endpoint": f"{site.url}/delta-sharing"}
    profile.write_text(json.dumps(said | {"bearerToken": key}))
    one, two, three = seqs(site, key)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

    done = subprocess.run(
        [interpreter, "-c", example + SCRIPT, json.dumps(files), str(one)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    behind = {(two, "delete"): 2, (two, "update_postimage"): 2, (three, "insert"): 6}
    assert done.stdout.splitlines() == [
        "['sxe.tier1.lead_card_v1']",
        "True 24 30",
        "3",
        str(behind),
        str({(one, "insert"): 20} | behind),
        "0",
        "True",
    ]
