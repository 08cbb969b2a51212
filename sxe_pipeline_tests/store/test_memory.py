import pytest

from sxe_pipeline.store import memory


@pytest.mark.parametrize(
    ("file", "text", "share"),
    [
        pytest.param("memory.max", "2147483648\n", 1_073_741_824, id="half of a container"),
        pytest.param("memory.max", "268435456\n", memory.LEAST, id="never too little to work"),
        pytest.param("memory/memory.limit_in_bytes", "1073741824", 536_870_912, id="version 1"),
    ],
)
def test_d12_a_table_takes_half_of_what_the_container_has(tmp_path, file, text, share):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)

    assert memory.share(tmp_path) == share


def test_without_a_limit_the_machine_counts(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")

    assert memory.LEAST <= memory.share(tmp_path) <= memory.MOST
