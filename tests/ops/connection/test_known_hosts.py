"""The file of trusted keys: read as OpenSSH reads it, and added to without harm to the rest."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from sophia_cli.errors import ConfigurationError, Refused
from sophia_cli.ops.connection.known_hosts import HostKey, KnownHosts, name_of


def key_of(kind: str, byte: int) -> HostKey:
    """A key as it is written, the same in every process; no host has it."""
    parts = [kind.encode(), bytes([byte]) * 32]
    data = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return HostKey(kind, base64.b64encode(data).decode())


ED, OTHER = key_of("ssh-ed25519", 1), key_of("ssh-ed25519", 2)
EC = key_of("ecdsa-sha2-nistp256", 3)

needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def line(names: str, key: HostKey, rest: str = "") -> str:
    return f"{names} {key.kind} {key.base64}{rest}\n"


@pytest.mark.parametrize(
    ("text", "address", "port", "found"),
    [
        ("", "192.0.2.11", 22, ()),
        (line("192.0.2.11", ED), "192.0.2.11", 22, (ED,)),
        (line("192.0.2.11", ED), "192.0.2.1", 22, ()),
        (line("192.0.2.11", ED), "192.0.2.11", 2222, ()),
        (line("[192.0.2.11]:2222", ED), "192.0.2.11", 2222, (ED,)),
        (line("[192.0.2.11]:2222", ED), "192.0.2.11", 22, ()),
        (line("[192.0.2.11]:2222", ED), "2", 22, ()),
        (line("gpu-1,192.0.2.11", ED, " a comment"), "192.0.2.11", 22, (ED,)),
        (line("GPU-1.Example.com", ED), "gpu-1.example.COM", 22, (ED,)),
        (line("*.example.com,!gpu-2.example.com", ED), "gpu-1.example.com", 22, (ED,)),
        (line("*.example.com,!gpu-2.example.com", ED), "gpu-2.example.com", 22, ()),
        (line("192.0.2.1?", ED), "192.0.2.11", 22, (ED,)),
        (line("2001:db8::1", ED), "2001:db8::1", 22, (ED,)),
        (line("a", ED) + line("a", EC) + line("a", ED), "a", 22, (ED, EC)),
        ("# a comment\n\n  \n\t" + line("a", ED).replace(" ", " \t "), "a", 22, (ED,)),
        (line("a", ED).replace("\n", "\r\n"), "a", 22, (ED,)),
        ("@cert-authority " + line("a", ED), "a", 22, ()),
        (line("a", ED) + "@revoked " + line("*", ED), "a", 22, ()),
        (line("a", EC) + "@revoked " + line("*", ED), "a", 22, (EC,)),
        ("a ssh-ed25519 AAAA\na ssh-ed25519\na\n" + line("a", EC), "a", 22, (EC,)),
        (f"a ssh-rsa {ED.base64}\n", "a", 22, ()),
        (f"a ssh-ed25519 {ED.base64[:-8]}*{ED.base64[-7:]}\n", "a", 22, ()),
        ("|1|bad|worse " + line("x", ED)[2:] + "|1| " + line("x", ED)[2:], "a", 22, ()),
    ],
)
def test_a_host_is_looked_up_as_openssh_does(
    path: Path, text: str, address: str, port: int, found: tuple[HostKey, ...]
) -> None:
    path.write_text(text)
    assert KnownHosts(path).keys_for(address, port) == found


@needs_openssh
@pytest.mark.parametrize("port", [22, 2222])
def test_hashed_names_are_found(path: Path, port: int) -> None:
    path.write_text(line("other", OTHER) + line(name_of("gpu-1", port), ED))
    subprocess.run(["ssh-keygen", "-H", "-f", path], check=True, capture_output=True)
    assert "gpu-1" not in path.read_text()
    assert KnownHosts(path).keys_for("GPU-1", port) == (ED,)
    assert KnownHosts(path).keys_for("gpu-2", port) == ()


@needs_openssh
def test_what_is_pinned_is_what_openssh_finds(path: Path, tmp_path: Path) -> None:
    assert KnownHosts(path).pin("192.0.2.11", 2222, ED)
    found = subprocess.run(
        ["ssh-keygen", "-l", "-F", "[192.0.2.11]:2222", "-f", path], capture_output=True, text=True
    )
    assert ED.fingerprint in found.stdout
    assert found.returncode == 0


def test_a_file_that_is_missing_holds_nothing_and_is_made_for_its_owner_only(
    tmp_path: Path,
) -> None:
    known = KnownHosts(tmp_path / ".ssh" / "known_hosts")
    assert known.keys_for("a") == ()
    assert known.pin("a", 22, ED)
    assert known.path.read_text() == line("a", ED)
    assert known.path.stat().st_mode & 0o777 == 0o600
    assert known.path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in known.path.parent.iterdir()] == ["known_hosts"]


def test_lines_of_others_stay_byte_for_byte(path: Path) -> None:
    others = (
        b"# mine \xff\n\n@revoked * ssh-rsa AAAA\n  odd   line\r\n" + line("other", OTHER).encode()
    )
    path.write_bytes(others.removesuffix(b"\n"))
    path.chmod(0o644)
    assert KnownHosts(path).pin("A", 22, ED)
    assert path.read_bytes() == others + line("a", ED).encode()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_key_that_is_pinned_already_changes_nothing(path: Path) -> None:
    known = KnownHosts(path)
    known.pin("a", 22, ED)
    before = path.stat()
    assert not known.pin("a", 22, ED)
    assert not known.pin("A", 22, ED, replace=True)
    assert path.stat().st_ino == before.st_ino


def test_another_key_is_refused_until_it_is_to_replace_the_old_ones(path: Path) -> None:
    text = line("b", OTHER) + line("a", OTHER) + line("x,a,y", EC, " said Ann") + line("[a]:23", EC)
    path.write_text(text)
    known = KnownHosts(path)
    with pytest.raises(Refused, match=re.escape(f"pins another key: {OTHER.fingerprint}")):
        known.pin("a", 22, ED)
    assert path.read_text() == text
    assert known.pin("a", 22, ED, replace=True)
    assert known.keys_for("a") == (ED,)
    assert path.read_text() == (
        line("b", OTHER) + line("x,y", EC, " said Ann") + line("[a]:23", EC) + line("a", ED)
    )


@needs_openssh
def test_a_hashed_line_is_replaced_too(path: Path) -> None:
    path.write_text(line("a", OTHER) + line("b", OTHER))
    subprocess.run(["ssh-keygen", "-H", "-f", path], check=True, capture_output=True)
    known = KnownHosts(path)
    assert known.pin("a", 22, ED, replace=True)
    assert (known.keys_for("a"), known.keys_for("b")) == ((ED,), (OTHER,))
    assert len(path.read_text().splitlines()) == 2


def test_a_pattern_is_left_to_people(path: Path) -> None:
    path.write_text(line("*.example.com", OTHER))
    with pytest.raises(Refused, match=r"with the pattern \*\.example\.com"):
        KnownHosts(path).pin("a.example.com", 22, ED, replace=True)
    assert path.read_text() == line("*.example.com", OTHER)


def test_a_revoked_key_is_never_pinned(path: Path) -> None:
    path.write_text("@revoked " + line("*", ED))
    with pytest.raises(Refused, match="revokes the key"):
        KnownHosts(path).pin("a", 22, ED, replace=True)


@pytest.mark.parametrize("address", ["", "*", "a,b", "a b", "#a", "@a", "|1|a", "!a", "a\nb", "é"])
def test_no_pattern_gets_into_the_file(path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError, match="no address"):
        KnownHosts(path).pin(address, 22, ED)
    assert not path.exists()


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    target = tmp_path / "dotfiles" / "hosts"
    target.write_text(line("b", OTHER))
    path.symlink_to(target)
    KnownHosts(path).pin("a", 22, ED)
    assert path.is_symlink()
    assert target.read_text() == line("b", OTHER) + line("a", ED)


def test_several_who_pin_at_once_lose_nothing(path: Path) -> None:
    names = [f"host-{number}" for number in range(24)]
    threads = [threading.Thread(target=KnownHosts(path).pin, args=(name, 22, ED)) for name in names]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(path.read_text().splitlines()) == sorted(line(name, ED).strip() for name in names)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a directory"):
        KnownHosts(tmp_path).keys_for("a")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="file"):
        KnownHosts(tmp_path / "file" / "known_hosts").pin("a", 22, ED)
