"""Every row of every table is read out, packed or not, and a plant in it is found."""

import json
import zlib

import psycopg

from sxe_pipeline.demo.dump import dump_database
from sxe_pipeline.demo.search import find
from sxe_pipeline.sandbox.plants import KINDS
from sxe_pipeline_tests.sandbox.planted import one_of_each


def test_every_kind_is_found_in_a_table_and_in_a_binary_column(database):
    planted = one_of_each()
    texts = [each.text for each in planted]
    with psycopg.connect(database.dsn("postgres")) as conn:
        conn.execute("create schema planted")
        conn.execute("create table planted.texts (id int, body text, more jsonb)")
        conn.execute("create table planted.bytes (id int, payload bytea)")
        conn.execute("create table planted.packed (id int, payload bytea)")
        conn.execute("create table planted.nested (event text)")
        for n, text in enumerate(texts):
            conn.execute("insert into planted.texts values (%s, %s, null)", [n, text])
            body = json.dumps({"bio": text}).encode()
            conn.execute("insert into planted.bytes values (%s, %s)", [n, body])
            conn.execute("insert into planted.packed values (%s, %s)", [n, zlib.compress(body)])
            conn.execute("insert into planted.nested values (%s)", [json.dumps(body.decode())])

    hits = list(find([each.plant for each in planted], [], dump_database(database.dsn("postgres"))))

    for table in ("texts", "bytes", "packed", "nested"):
        found = {hit.kind for hit in hits if hit.where == f"planted.{table}"}
        assert found == set(KINDS), table
    assert {hit.where.split(".")[0] for hit in hits} == {"planted"}


def test_a_dump_names_every_table_that_holds_a_row(database):
    with psycopg.connect(database.dsn("postgres")) as conn:
        conn.execute("create table public.event_logs (event text)")
        conn.execute(
            "insert into public.event_logs select repeat('x', 1000) from generate_series(1, 9000)"
        )

    pieces = [
        piece
        for name, piece in dump_database(database.dsn("postgres"))
        if name == "public.event_logs"
    ]

    assert len(pieces) > 1, "a large table comes in pieces"
    assert sum(map(len, pieces)) == 9000 * 1001
    assert all(piece.endswith(b"\n") for piece in pieces)
