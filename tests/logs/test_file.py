"""Log files: several writers, cut by size, a full disk, and whatever becomes of the path."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sophia_cli.logs.file import LogFile, aside, cut, set_aside

WRITER = """
import sys
from pathlib import Path
from sophia_cli.logs.file import LogFile
file = LogFile(Path(sys.argv[1]), 20_000, 1000)
for number in range(500):
    file.write(b'{"writer": %s, "number": %d}\\n' % (sys.argv[2].encode(), number))
"""
FULL = """
import resource, signal, sys
from pathlib import Path
from sophia_cli.logs.file import LogFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file = LogFile(Path(sys.argv[1]), 1 << 20, 1)
file.write(b"before\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
for _ in range(3):
    file.write(b"there is no room for this\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.write(b"after\\n")
"""


def lines(path: Path) -> list[bytes]:
    files = [aside(path, number) for number in reversed(set_aside(path))] + [path]
    return [line for file in files for line in file.read_bytes().splitlines()]


def test_of_several_processes_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)])
        for number in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    written = [json.loads(line) for line in lines(path)]
    for number in range(4):
        of_one = [line["number"] for line in written if line["writer"] == number]
        assert sorted(of_one) == list(range(500))
    assert set_aside(path)  # how often depends on how their looks at the file fall


def test_only_so_many_files_are_kept_the_latest(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = LogFile(path, 100, 2)
    for number in range(50):
        file.write(b"%049d\n" % number)
    assert set_aside(path) == [1, 2]
    assert [int(line) for line in lines(path)] == list(range(44, 50))
    for number in (7, 12):
        aside(path, number).write_bytes(b"of a time when more were kept\n")
    for number in range(50, 53):
        file.write(b"%049d\n" % number)
    assert set_aside(path) == [1, 2]


def test_on_a_full_disk_lines_are_lost_and_nothing_else(tmp_path: Path) -> None:
    device = LogFile(Path("/dev/full"), 1 << 20, 1)
    device.write(b"nowhere to go\n")
    path = tmp_path / "x.log"
    subprocess.run([sys.executable, "-c", FULL, str(path)], check=True, timeout=60)
    assert lines(path) == [b"before", b"the", b"after"]


def test_a_file_that_was_moved_or_removed_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file, other = LogFile(path, 60, 9), LogFile(path, 60, 9)
    for number in range(4):
        (file, other)[number % 2].write(b"%039d\n" % number)
    assert [int(line) for line in lines(path)] == list(range(4))
    path.unlink()
    file.close()
    file.write(b"anew\n")
    assert path.read_bytes() == b"anew\n"


def test_a_directory_that_is_gone_is_no_reason_to_fail(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "gone" / "x.log", 100, 1)
    file.write(b"lost\n")
    (tmp_path / "gone").mkdir()
    file.close()
    file.write(b"back\n")
    assert lines(tmp_path / "gone" / "x.log") == [b"back"]


def test_a_small_log_of_a_server_stays_and_a_large_one_is_copied_and_emptied(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.log"
    with path.open("ab", buffering=0) as server:
        for _ in range(3):
            server.write(b"first\n")
            cut(path, 10, 1)
            server.write(b"second\n")
            cut(path, 10, 1)
    assert set_aside(path) == [1]
    assert path.read_bytes() == b""
    assert aside(path, 1).read_bytes() == b"second\nfirst\nsecond\n"[-len(b"first\nsecond\n") :]
    cut(tmp_path / "none.log", 10, 1)
