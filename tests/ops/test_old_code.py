"""What is found in a repository, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from sophia_cli.ops.old_code import find

Write = Callable[..., None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, content: str | bytes = "x = 1\n") -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return put


def found(root: Path, *, with_imports: bool = False) -> list[tuple[str, str, int, str]]:
    files = [PurePosixPath(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()]
    return [
        (each.fate.value, str(each.file), each.line, each.reason)
        for each in find(root, files, with_imports=with_imports)
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("backend/weaviate_client.py", "its name says Weaviate"),
        ("docs/from-Pinecone.md", "its name says Pinecone"),
        ("k8s/WEAVIATE.yaml", "its name says Weaviate"),
        ("backend/pinecone/index.py", "its directory says Pinecone"),
        ("backend/services/memory_service.py", "an old memory service by its name"),
        ("backend/services/vector_store.py", "an old memory service by its name"),
        ("src/VectorStore.ts", "an old memory service by its name"),
        ("src/memory-service.test.ts", "an old memory service by its name"),
        ("tests/test_vector_store.py", "an old memory service by its name"),
        ("old_memory_service.py", "an old memory service by its name"),
    ],
)
def test_left_over_files_go_with_the_reason(
    tmp_path: Path, write: Write, name: str, reason: str
) -> None:
    write(name)
    assert found(tmp_path) == [("move", name, 0, reason)]


@pytest.mark.parametrize(
    "name",
    [
        "backend/services/unified_memory_service.py",
        "backend/memory.py",
        "memory_service.md",
        "vector.py",
        "archive/old_memory_implementations/backend/weaviate_client.py",
    ],
)
def test_what_is_in_use_or_archived_stays(tmp_path: Path, write: Write, name: str) -> None:
    write(name)
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "line", "says"),
    [
        ("a.py", "import weaviate", "Weaviate"),
        ("a.py", "    from pinecone import Pinecone  # the old one", "Pinecone"),
        ("a.py", "from langchain.vectorstores import Weaviate", "Weaviate"),
        ("a.ts", "import { Pinecone } from '@pinecone-database/pinecone';", "Pinecone"),
        ("a.js", "const w = require('weaviate-ts-client')", "Weaviate"),
        ("a.mjs", "const w = await import('weaviate-client')", "Weaviate"),
        ("a.go", '\t"github.com/weaviate/weaviate-go-client/v4/weaviate"', "Weaviate"),
        ("A.java", "import io.pinecone.clients.Pinecone;", "Pinecone"),
    ],
)
def test_imports_are_shown_with_their_line(
    tmp_path: Path, write: Write, name: str, line: str, says: str
) -> None:
    write(name, f"// one\n\n{line}\n")
    assert found(tmp_path) == [("mend", name, 3, f"imports {says}")]
    why = f"imports {says} in line 3"
    assert found(tmp_path, with_imports=True) == [("move", name, 0, why)]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.py", "import os  # weaviate is gone"),
        ("a.py", "# import weaviate"),
        ("a.py", "x = 'we left pinecone'"),
        ("a.go", '// "github.com/weaviate/x"'),
        ("README.md", "import weaviate"),
        ("requirements.txt", "# pinecone-client==2.0"),
    ],
)
def test_mere_words_are_left_alone(tmp_path: Path, write: Write, name: str, line: str) -> None:
    write(name, line)
    assert found(tmp_path, with_imports=True) == []


def test_who_imports_what_goes_is_shown(tmp_path: Path, write: Write) -> None:
    write("services/memory_service.py")
    write("services/vector_store.py", "from services.memory_service import M\n")
    write("app.py", "import os\nfrom services.memory_service import M\nimport memory_services2\n")
    assert found(tmp_path)[0] == ("mend", "app.py", 2, "imports memory_service, which goes")
    assert [each[:2] for each in found(tmp_path)[1:]] == [
        ("move", "services/memory_service.py"),
        ("move", "services/vector_store.py"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "line", "reason"),
    [
        (
            "requirements-dev.txt",
            "a\nweaviate-client==3.2 # x\n",
            2,
            "requires 'weaviate-client==3.2'",
        ),
        (
            "pyproject.toml",
            '[project]\n  "pinecone>=5",\n',
            2,
            "requires '\"pinecone>=5\",'",
        ),
        ("setup.py", "import os\ninstall_requires=['pinecone']\n", 2, None),
        ("package.json", '{"@pinecone-database/pinecone": "1"}\n', 1, None),
        ("go.mod", "require (\n\tgithub.com/weaviate/weaviate v1\n)\n", 2, None),
    ],
)
def test_requirements_are_shown_with_their_line(
    tmp_path: Path, write: Write, name: str, content: str, line: int, reason: str | None
) -> None:
    write(name, content)
    ((fate, file, at, why),) = found(tmp_path)
    assert (fate, file, at) == ("mend", name, line)
    assert why == reason or (reason is None and why.startswith("requires "))


def test_services_of_a_compose_file_are_shown(tmp_path: Path, write: Write) -> None:
    write(
        "docker-compose.dev.yml",
        "services:\n"
        "  vectors:\n"
        "    image: semitechnologies/weaviate:1.24\n"
        "  app:\n"
        "    image: app:1\n"
        "    environment: [A=1, PINECONE_API_KEY=x]\n"
        "  redis: {image: redis:7}\n",
    )
    assert found(tmp_path) == [
        (
            "mend",
            "docker-compose.dev.yml",
            2,
            "service vectors: 'semitechnologies/weaviate:1.24'",
        ),
        ("mend", "docker-compose.dev.yml", 4, "service app: 'app:1'"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "a: [\nweaviate: 1\n",
        "services: &a\n  weaviate: *a\n",
        "a: &a [*a]\n",
        "",
        "[]",
        "services: 1",
    ],
)
def test_a_compose_file_of_any_content_is_taken(tmp_path: Path, write: Write, content: str) -> None:
    write("compose.yaml", content)
    assert [each[2] for each in found(tmp_path)] == ([2] if "weaviate" in content else [])


def test_binary_and_large_files_are_left_and_said(tmp_path: Path, write: Write) -> None:
    write("weaviate.bin", b"a\0b")
    write("pinecone.jsonl", b"x" * (1024 * 1024 + 1))
    write("big.py", "import weaviate\n" * 100_000)
    kind = "; it is binary or large, and no code"
    assert found(tmp_path) == [
        ("leave", "pinecone.jsonl", 0, f"its name says Pinecone{kind}"),
        ("leave", "weaviate.bin", 0, f"its name says Weaviate{kind}"),
    ]


def test_links_are_not_followed(tmp_path: Path, write: Write) -> None:
    write("real/plain.py")
    (tmp_path / "weaviate_link.py").symlink_to("real/plain.py")
    (tmp_path / "pinecone").symlink_to("real")
    files = [PurePosixPath(name) for name in ("weaviate_link.py", "pinecone/plain.py", "gone.py")]
    assert find(tmp_path, files) == []


def test_a_text_that_is_not_utf8_is_read(tmp_path: Path, write: Write) -> None:
    write("a.py", b"# caf\xe9\r\nimport weaviate\r\n")
    assert found(tmp_path) == [("mend", "a.py", 2, "imports Weaviate")]
