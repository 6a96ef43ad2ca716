"""Every mistake of the file at once, each with its line, and in words that say what to change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sophia_cli.ops.inventory.reading import ReadInventory

Lines = Callable[..., list[str]]

ROLES = "qdrant or redis or postgres or sophia or monitoring"
# Three hosts that are right, in the lines 1 to 4; what a case adds begins in line 5.
RIGHT = """\
hosts:
  a: {address: 192.0.2.11, roles: [qdrant, redis]}
  b: {address: 192.0.2.12, roles: [qdrant, postgres]}
  c: {address: 192.0.2.13, roles: [qdrant, sophia, monitoring]}
"""


def test_the_three_hosts_are_right(read: Callable[..., ReadInventory]) -> None:
    assert list(read(RIGHT).inventory.hosts) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # Keys that there are not, and the nearest that there are.
        ("servces: {}", "5: servces: no such key; did you mean services?"),
        ("host: {}", "5: host: no such key; did you mean hosts?"),
        ("clusters: {}", "5: clusters: no such key; did you mean cluster?"),
        ("ssh: {usr: x}", "5: ssh.usr: no such key; did you mean user?"),
        (
            "cluster: {known_hosts_file: x}",
            "5: cluster.known_hosts_file: no such key; did you mean known_hosts_file below ssh?",
        ),
        (
            "services: {redis: {replication_factor: 1}}",
            "5: services.redis.replication_factor: no such key; did you mean replication_factor "
            "below services.qdrant?",
        ),
        (
            "services: {weaviate: {}}",
            "5: services.weaviate: no such key; known here: qdrant, redis, postgres, sophia, "
            "prometheus, grafana",
        ),
        ("services: {qdrnt: {}}", "5: services.qdrnt: no such key; did you mean qdrant?"),
        (
            "services:\n  redis:\n    limits: {memry: 1gb}",
            "7: services.redis.limits.memry: no such key; did you mean memory?",
        ),
        ("ssh: {user: a, user: b}", "5: ssh.user: given twice, first in line 5"),
        ("ssh: {}\nssh: {}", "6: ssh: given twice, first in line 5"),
        # Values that do not fit their key.
        ("ssh: 3", "5: ssh: must hold keys, one a line below it"),
        ("ssh: {port: 99999}", "5: ssh.port: must be a whole number from 1 to 65535, not '99999'"),
        ("ssh: {port: [1]}", "5: ssh.port: must be a whole number from 1 to 65535, not a list"),
        (
            "ssh: {connect_timeout: soon}",
            "5: ssh.connect_timeout: 'soon' is not a duration; write it as 250ms, 30s, 5m, 1h or "
            "30d",
        ),
        ("ssh: {bastion: 192.0.2.1}", "5: ssh.bastion: must hold keys, one a line below it"),
        ("ssh: {bastion: {user: ann}}", "5: ssh.bastion.user: needs ssh.bastion.address"),
        ("ssh: {? [a] : b}", "5: a key must be a word"),
        ("ssh: {user: {}}", "5: ssh.user: must be the name of a user, not keys of its own"),
        ("ssh: {user: !!python/name:os.system x}", None),
        (
            "cluster: {name: My Cluster}",
            "5: cluster.name: must be up to 32 lower-case letters, digits and -, not 'My Cluster'",
        ),
        (
            "cluster: {backup: of}",
            "5: cluster.backup: must be required or off, not 'of'; did you mean off?",
        ),
        (
            "services: {redis: {image: 'redis:latest'}}",
            "5: services.redis.image: must be pinned: latest is another image every day",
        ),
        (
            "services: {redis: {image: redis}}",
            "5: services.redis.image: must be an image with a pinned tag or digest, as "
            "redis:7.4.2, not 'redis'",
        ),
        (
            "services: {redis: {data_dir: data}}",
            "5: services.redis.data_dir: must be an absolute path of at least two parts, as "
            "/data/qdrant, not 'data'",
        ),
        (
            "services: {redis: {data_dir: /data/../etc}}",
            "5: services.redis.data_dir: must be written without . and ..",
        ),
        (
            "services: {redis: {limits: {cpus: 0}}}",
            "5: services.redis.limits.cpus: must be a number of processors above 0, not '0'",
        ),
        # What does not fit together.
        (
            "services: {qdrant: {replication_factor: 4}}",
            "5: services.qdrant.replication_factor: 4 copies need as many hosts with the role "
            "qdrant: there are 3",
        ),
        (
            "services: {qdrant: {replication_factor: 1}}",
            "5: services.qdrant.write_consistency_factor: 2 copies cannot confirm: "
            "replication_factor is 1",
        ),
        (
            "services: {qdrant: {grpc_port: 7000}}",
            "5: services.qdrant.grpc_port: 7000 is not one above http_port, 6333; with grpc: "
            "false it may be any",
        ),
        (
            "services: {redis: {port: 6334}}",
            "5: services.redis.port: 6334 is the port of services.qdrant.grpc_port on a",
        ),
        ("services: {redis: {port: 22}}", "5: services.redis.port: 22 is the port of SSH on a"),
        (
            "services: {grafana: {port: 9090}}",
            "5: services.grafana.port: 9090 is the port of services.prometheus.port on c",
        ),
        (
            "services: {redis: {data_dir: /data/qdrant}}",
            "5: services.redis.data_dir: /data/qdrant is services.qdrant.data_dir as well",
        ),
        (
            "services: {redis: {data_dir: /data/qdrant/x}}",
            "5: services.redis.data_dir: /data/qdrant/x is inside services.qdrant.data_dir, "
            "/data/qdrant",
        ),
        (
            "services: {redis: {data_dir: /var/lib}}",
            "5: services.sophia.home: /var/lib/sophia is inside services.redis.data_dir, /var/lib",
        ),
        (
            "services: {postgres: {tls_key_file: x}}",
            "5: services.postgres.tls_key_file: needs services.postgres.tls_certificate_file",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(mistakes: Lines, text: str, line: str | None) -> None:
    lines = mistakes(RIGHT + text)
    assert len(lines) == 1
    assert lines[0].isprintable()
    if line is None:
        assert lines[0].startswith("sophia.yaml:5: ")
    else:
        assert lines == [f"sophia.yaml:{line}"]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("  a:", ["2: hosts.a: needs address: an IP address or a host's name, without a port",
                  f"2: hosts.a: needs roles: a list of {ROLES}"]),
        ("  a: 192.0.2.11", ["2: hosts.a: must hold keys, one a line below it"]),
        ("  - a", ["1: hosts: must hold hosts, each by its name, one a line below it"]),
        ("  a: {address: 192.0.2.11, roles: []}",
         [f"2: hosts.a.roles: must be a list of {ROLES}, not an empty list"]),
        ("  a: {address: 192.0.2.11, roles: redis, role: x}",
         ["2: hosts.a.role: no such key; did you mean roles?"]),
        ("  a: {adress: 192.0.2.11, roles: redis}",
         ["2: hosts.a.adress: no such key; did you mean address?"]),
        ("  a: {address: 192.0.2.11, roles: redis, shards: 1}",
         ["2: hosts.a.shards: no such key; did you mean shards below services.qdrant?"]),
        ("  a: {address: 192.0.2.11, roles: [redis, qdrnt]}",
         [f"2: hosts.a.roles: item 2: must be {ROLES}, not 'qdrnt'; did you mean qdrant?"]),
        ("  a: {address: 192.0.2.11, roles: [redis, redis]}",
         ["2: hosts.a.roles: redis is given twice"]),
        ("  a: {address: 192.0.2.300, roles: redis}",
         ["2: hosts.a.address: '192.0.2.300' is no IP address; it goes without a port"]),
        ("  a: {address: '192.0.2.1:22', roles: redis}",
         ["2: hosts.a.address: '192.0.2.1:22' is no IP address; it goes without a port"]),
        ("  a: {address: 'fe80::1%$(id)', roles: redis}",
         ["2: hosts.a.address: 'fe80::1%$(id)' is no IP address; it goes without a port"]),
        ("  a: {address: '*', roles: redis}",
         ["2: hosts.a.address: must be an IP address or a host's name, without a port"]),
        ("  a: {address: -oProxyCommand=x, roles: redis}",
         ["2: hosts.a.address: must be an IP address or a host's name, without a port"]),
        ("  a: {address: [x], roles: redis}",
         ["2: hosts.a.address: must be an IP address or a host's name, without a port, "
          "not a list"]),
        ("  a: {address: 192.0.2.11, roles: redis, gpu: perhaps}",
         ["2: hosts.a.gpu: must be true or false, not 'perhaps'"]),
        ("  a b: {address: 192.0.2.11, roles: redis}",
         ["2: hosts: 'a b': a host's name must be up to 63 letters, digits, - and ."]),
        ('  "a\\nb": {address: {}, rols: redis}',
         ["2: \"hosts.'a\\\\nb'.rols\": no such key; did you mean roles?",
          "2: hosts.'a\\nb'.address: must be an IP address or a host's name, without a port, "
          "not keys of its own",
          "2: hosts: 'a\\nb': a host's name must be up to 63 letters, digits, - and ."]),
        ("  a: {address: 192.0.2.11, roles: redis}\n  a: {address: 192.0.2.12, roles: redis}",
         ["3: hosts.a: given twice, first in line 2"]),
        ("  a: {address: 192.0.2.11, roles: redis}\n  A: {address: 192.0.2.12, roles: postgres}",
         ["3: hosts.A: differs from the host a in case alone"]),
        ("  a: {address: 192.0.2.11, roles: redis}\n  b: {address: 192.0.2.11, roles: postgres}",
         ["3: hosts.b.address: 192.0.2.11 is the address of a as well"]),
        ("  a: {address: 192.0.2.11, roles: redis}\n"
         "  b: {address: 192.0.2.11, port: 23, roles: postgres}",
         ["3: hosts.b.address: services of a listen on 192.0.2.11 as well: give each host a "
          "private_address of its own"]),
        ("  a: {address: 192.0.2.11, roles: redis}\n"
         "  b: {address: 192.0.2.12, private_address: 192.0.2.11, roles: postgres}",
         ["3: hosts.b.private_address: services of a listen on 192.0.2.11 as well: give each "
          "host a private_address of its own"]),
        ("  a: {address: 192.0.2.11, roles: redis}\n  b: {address: 192.0.2.12, roles: redis}",
         ["3: hosts.b.roles: redis has its host already, a: there can be one"]),
        ("  a: {address: 192.0.2.11, roles: [sophia, redis]}",
         ["2: hosts.a.roles: sophia needs a host with the role qdrant and one with postgres"]),
        ("  a: {address: 192.0.2.11, roles: qdrant}",
         ["1: services.qdrant.replication_factor: 3 copies need as many hosts with the role "
          "qdrant: there is 1"]),
        ("  bastion: {address: 192.0.2.11, roles: redis}\nssh: {bastion: {address: 192.0.2.1}}",
         ["2: hosts.bastion: that is what ssh.bastion is called: name this host otherwise"]),
        ("  a: {address: 192.0.2.11, roles: redis, port: 6379}",
         ["2: services.redis.port: 6379 is the port of SSH on a"]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_host_is_said(
    mistakes: Lines, hosts: str, expected: list[str]
) -> None:
    assert mistakes(f"hosts:\n{hosts}\n") == [f"sophia.yaml:{line}" for line in expected]


def test_mistakes_of_all_kinds_and_of_the_whole_file_come_together(mistakes: Lines) -> None:
    text = """\
recall: {limit: 0}
profil: x
hosts:
  a: {address: 192.0.2.11, roles: [qdrnt], user: Root}
  b: {address: 192.0.2.11, roles: [redis]}
  c: {address: 192.0.2.13, roles: [redis]}
services:
  redis: {port: 0, data_dir: /data/qdrant}
  qdrant: {write_consistency_factor: 5}
"""
    assert mistakes(text, {"SOPHIA_RECALL__CANDIDATES": "0"}) == [
        "sophia.yaml:1: recall.limit: must be a whole number from 1 to 1000, not '0'",
        "sophia.yaml:2: profil: no such key; did you mean profile?",
        f"sophia.yaml:4: hosts.a.roles: item 1: must be {ROLES}, not 'qdrnt'; did you mean qdrant?",
        "sophia.yaml:4: hosts.a.user: must be the name of a user, not 'Root'",
        "sophia.yaml:5: hosts.b.address: 192.0.2.11 is the address of a as well",
        "sophia.yaml:6: hosts.c.roles: redis has its host already, b: there can be one",
        "sophia.yaml:8: services.redis.data_dir: /data/qdrant is services.qdrant.data_dir as well",
        "sophia.yaml:8: services.redis.port: must be a whole number from 1 to 65535, not '0'",
        "sophia.yaml:9: services.qdrant.write_consistency_factor: 5 copies cannot confirm: "
        "replication_factor is 3",
        "SOPHIA_RECALL__CANDIDATES: recall.candidates: must be a whole number from 1 to 10000, "
        "not '0'",
    ]


def test_nothing_follows_from_what_could_not_be_read(mistakes: Lines) -> None:
    """The roles are wrong, so nobody says that sophia lacks a host, or a shard one for a copy."""
    text = "hosts:\n  a: {address: 192.0.2.11, roles: [sophia, qdrnt]}\n"
    assert len(mistakes(text + "  b: {address: 192.0.2.12, roles: [qdrant, sophia]}\n")) == 1
    assert len(mistakes("hosts: 3\n")) == 1


def test_no_variable_sets_a_key_of_the_inventory(mistakes: Lines) -> None:
    assert mistakes(RIGHT, {"SOPHIA_SSH__USER": "root"})[0].startswith(
        "SOPHIA_SSH__USER: no such key"
    )


def test_a_password_in_a_wrong_place_is_not_repeated(mistakes: Lines) -> None:
    text = RIGHT + "services: {sophia: {index: 'https://ann:hunter2@exa mple.com'}}\n"
    assert "hunter2" not in "\n".join(mistakes(text))
    text = RIGHT + "ssh: {user: 'https://ann:hunter2@example.com'}\n"
    assert "hunter2" not in "\n".join(mistakes(text))


def test_aliases_that_would_fill_the_memory_do_not(mistakes: Lines) -> None:
    rows = ["a0: &a0 {x: y}"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 15)]
    lines = mistakes("\n".join([*rows, "hosts: {a: {address: *a14, roles: *a14}}"]))
    assert any("hosts.a.roles: must be a list" in line for line in lines)
    assert any("given" not in line for line in mistakes("hosts: &a {b: *a}"))
