"""The images under the names the inventory pins behave as the official ones where it matters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from sophia_cli.ops.inventory.services import Services
from tests.lab.docker import docker
from tests.lab.host import Host
from tests.lab.images import STANDIN
from tests.lab.lab import Lab
from tests.lab.waiting import answers, wait_until

PINNED = Services()
STANDIN_IS_THERE = (STANDIN / "__main__.py").exists()


@pytest.fixture
def servers(hosts: tuple[Host, ...]) -> Iterator[tuple[Host, ...]]:
    """The hosts; their containers and data are removed afterwards."""
    yield hosts
    for host in hosts:
        host.ask("docker ps --all --quiet | xargs -r docker rm --force --volumes; rm -rf /data/*")


@pytest.fixture
def server(servers: tuple[Host, ...]) -> Host:
    """The first of them."""
    return servers[0]


def test_redis_takes_a_configuration_and_answers_as_its_own_user(server: Host) -> None:
    server.run(
        "sh", "-c", "mkdir -p /data/redis && echo 'requirepass open-sesame' >/data/redis.conf"
    )
    started = server.ssh(
        "sudo docker run --detach --name redis --publish 10.231.7.21:6379:6379"
        " --volume /data/redis:/data --volume /data/redis.conf:/redis.conf"
        f" {PINNED.redis.image} redis-server /redis.conf",
        timeout=120,
    )
    assert started.returncode == 0, started.stderr
    ask = "docker exec --env REDISCLI_AUTH=open-sesame redis redis-cli"
    wait_until(lambda: server.ask(f"{ask} ping")[1].strip() == "PONG", "redis")
    assert server.ask("docker exec redis redis-cli ping")[1].startswith("NOAUTH")
    assert server.ask("docker exec redis stat -c %u /proc/1")[1].strip() == "999"
    assert server.ask(f"{ask} save && stat -c %u /data/redis/dump.rdb")[1].split()[-1] == "999"


def test_postgres_initialises_once_from_a_password_file(server: Host) -> None:
    server.run(
        "sh", "-c", "mkdir -p /data/secrets && cat >/data/secrets/password", stdin=b"s3cret\n"
    )
    server.run("sh", "-c", "chmod 0400 /data/secrets/password && chown 999 /data/secrets/password")
    started = server.ssh(
        "sudo docker run --detach --name postgres --publish 10.231.7.21:5432:5432"
        " --env POSTGRES_PASSWORD_FILE=/run/secrets/password --env POSTGRES_USER=sophia"
        " --env POSTGRES_DB=memory --volume /data/secrets:/run/secrets"
        f" --volume /data/pg:/var/lib/postgresql/data {PINNED.postgres.image}"
        " -c max_connections=33",
        timeout=120,
    )
    assert started.returncode == 0, started.stderr
    ask = (
        "docker exec --env PGPASSWORD=s3cret postgres psql -h 10.231.7.21 -U sophia -d memory -Atc"
    )
    wait_until(lambda: server.ask(f"{ask} 'select 1'")[1].strip() == "1", "postgres")
    assert server.ask(f"{ask} 'show max_connections'")[1].strip() == "33"
    assert "authentication failed" in server.ask(f"{ask} 'select 1'".replace("s3cret", "wrong"))[1]
    server.run(
        "docker", "exec", "postgres", "psql", "-U", "sophia", "memory", "-c", "create table t()"
    )
    server.run("docker", "restart", "postgres")
    wait_until(lambda: server.ask(f"{ask} 'select count(*) from t'")[1].strip() == "0", "postgres")
    assert server.ask("stat -c %u:%a /data/pg")[1].strip() == "999:700"


def test_postgres_without_a_password_says_so_and_ends(server: Host) -> None:
    status, output = server.ask(f"docker run --rm {PINNED.postgres.image}", timeout=120)
    assert status == 1
    assert "superuser password is not specified" in output


def test_prometheus_and_grafana_are_ready(server: Host) -> None:
    for name, image, port, path in (
        ("prometheus", PINNED.prometheus.image, 9090, "/-/ready"),
        ("grafana", PINNED.grafana.image, 3000, "/api/health"),
    ):
        publish = f"--publish 127.0.0.1:{port}:{port}"
        server.run("sh", "-c", f"docker run --detach --name {name} {publish} {image}", timeout=120)
        ask = f"curl --silent --fail http://127.0.0.1:{port}{path}"
        wait_until(partial(server.succeeds, ask), name)


@pytest.mark.skipif(not STANDIN_IS_THERE, reason="tests/lab/standin is not there")
def test_peers_of_the_stand_in_find_each_other_across_hosts(servers: tuple[Host, ...]) -> None:
    first = servers[0]
    for host in servers:
        bootstrap = f"--bootstrap http://{first.address}:6335" if host != first else ""
        ports = " ".join(f"--publish {host.address}:{port}:{port}" for port in (6333, 6335))
        start = (
            f"docker run --detach --name qdrant {ports} --env QDRANT__CLUSTER__ENABLED=true"
            f" --volume /data/qdrant/storage:/qdrant/storage {PINNED.qdrant.image}"
            f" ./qdrant --uri http://{host.address}:6335 {bootstrap}"
        )
        host.run("sh", "-c", start, timeout=120)
        wait_until(partial(answers, host.address, 6333), f"{host.name}'s peer")
    for host in servers:
        wait_until(partial(_sees_peers, host, len(servers)), f"the cluster as {host.name} sees it")
    version = PINNED.qdrant.image.rpartition(":v")[2]
    assert json.loads(first.run("curl", "--silent", _qdrant(first, "/")))["version"] == version


def test_an_image_that_is_not_served_is_refused_soon(server: Host) -> None:
    status, output = server.ask("docker pull qdrant/qdrant:v0.0.1", timeout=60)
    assert status != 0, output


def test_the_mirror_has_its_images_also_when_it_is_made_anew(lab: Lab, server: Host) -> None:
    docker("rm", "--force", "--volumes", "sophia-lab-registry", "sophia-lab-index")
    lab.build()
    server.run("sh", "-c", "docker rmi --force $(docker images --quiet) 2>/dev/null || true")
    assert server.run("docker", "pull", "--quiet", PINNED.redis.image, timeout=120)


def _sees_peers(host: Host, count: int) -> bool:
    """Whether the peer on a host knows of so many."""
    answer = json.loads(host.run("curl", "--silent", _qdrant(host, "/cluster")))
    return len(answer["result"]["peers"]) == count


def _qdrant(host: Host, path: str) -> str:
    return f"http://{host.address}:6333{path}"
