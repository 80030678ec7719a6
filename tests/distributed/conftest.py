"""One cluster of two worker processes for all tests of a process; a client of its own for each test."""

import clusters
import pytest


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    pytest.importorskip("distributed", reason="the extra distributed brings dask")
    with clusters.cluster(2, tmp_path_factory.mktemp("dask")) as found:
        yield found


@pytest.fixture
def client(cluster):
    from distributed import Client

    _, address = cluster
    with Client(address) as client:
        client.wait_for_workers(2)
        yield client
