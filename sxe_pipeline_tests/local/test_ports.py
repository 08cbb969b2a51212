"""A port that nobody can listen on is refused before anything starts, with the reason."""

import socket

import pytest

from sxe_pipeline.errors import BadInput
from sxe_pipeline.local import family, health, serve
from sxe_pipeline.settings import load
from sxe_pipeline_tests.ports import free_port


def asked(host, port):
    with health.served(host, port):
        pass


DOORS = [lambda *where: family.must_be_free(where), asked]


@pytest.fixture
def taken():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


@pytest.mark.parametrize("door", DOORS)
def test_a_port_that_somebody_has_is_said_to_be_taken(door, taken):
    with pytest.raises(BadInput, match=f"port {taken} is taken"):
        door("127.0.0.1", taken)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_a_host_that_is_none_of_this_machine_is_not_called_taken(door, host):
    with pytest.raises(BadInput, match=f"nobody can listen at {host}, port ") as refused:
        door(host, free_port())

    assert "taken" not in str(refused.value)


def test_the_api_refuses_such_a_host_before_it_starts_a_database(tmp_path):
    given = load({"SXE_HOME": str(tmp_path / "home")})

    with pytest.raises(BadInput, match=r"nobody can listen at nowhere\.invalid"):
        serve.run(given, host="nowhere.invalid", port=free_port(), say=lambda _: None)
    assert not given.home.exists()


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has one kind of address")
def test_an_address_of_the_newer_kind_is_looked_at_and_heard():
    with socket.socket(socket.AF_INET6) as held:
        try:
            held.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no such address")
        held.listen()
        port = held.getsockname()[1]

        assert family.listens(("::1", port))
        with pytest.raises(BadInput, match=f"port {port} is taken"):
            family.must_be_free(("::1", port))
    family.must_be_free(("::1", port))
