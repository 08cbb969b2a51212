"""The second detector is independent, and sees what the first one left."""

import subprocess
import sys

import pyarrow as pa
import pytest

from sxe_pipeline.redact import Rules, redact_array
from sxe_pipeline.redact.scan import scan_array


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("ana@example.com", "certain"),
        ("hello＠example.com", "certain"),
        ("+44 20 7946 0958", "certain"),
        ("Tel: 020 7946 0958", "certain"),
        ("https://wa.me/447700900123", "certain"),
        ("mailto:ana@example.com", "certain"),
        ("ana at gmail", "shape"),
        ("call us on 794 6095", "shape"),
        ("[email] [phone] linktr.ee/[link]", None),
        ("@somebody@mastodon.social", None),
        ("https://medium.com/@some.body", None),
        ("PUBG ID: 5566920195", None),
        ("(2014-2018)", None),
        (None, None),
        ("", None),
    ],
)
def test_scan_answers_certain_shape_or_nothing(text: str | None, verdict: str | None) -> None:
    assert scan_array(pa.array([text], pa.string())).to_pylist() == [verdict]


@pytest.mark.parametrize(
    ("family", "text"),
    [
        ("email", "write ana@example.com"),
        ("phone", "ring +44 20 7946 0958"),
        ("contact_link", "https://t.me/somebody"),
    ],
)
def test_scan_catches_what_a_switched_off_family_leaves(family: str, text: str) -> None:
    left = redact_array(pa.array([text]), Rules().without(family)).texts
    clean = redact_array(pa.array([text])).texts

    assert scan_array(left).to_pylist() == ["certain"]
    assert scan_array(clean).to_pylist() == [None]


def test_scan_imports_nothing_of_ours() -> None:
    code = (
        "import importlib.util, sys;"
        "s = importlib.util.spec_from_file_location('scan', sys.argv[1]);"
        "m = importlib.util.module_from_spec(s); s.loader.exec_module(m);"
        "print([n for n in sys.modules if n.startswith('sxe_pipeline')])"
    )
    path = sys.modules[scan_array.__module__].__file__
    assert path is not None

    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
