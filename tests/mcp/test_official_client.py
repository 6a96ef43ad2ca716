"""The official client lists and uses everything there is, over stdio and over HTTP."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import PromptReference, ResourceTemplateReference

from sophia_cli.locations import rest_socket
from sophia_cli.mcp.prompts import PROMPTS
from sophia_cli.mcp.tools import TOOLS
from tests.conftest import Sophia, wait_until
from tests.mcp.conftest import official

Open = Callable[..., contextlib.AbstractAsyncContextManager[Client]]


@pytest.fixture(params=["stdio", "http"])
def opened(request: pytest.FixtureRequest, shared: Sophia) -> Open:
    """Opens a client by one of the two ways."""

    @contextlib.asynccontextmanager
    async def by_http(**settings: Any) -> AsyncIterator[Client]:
        socket = rest_socket(str(shared.home))
        wait_until(lambda: shared.home.joinpath(socket).exists())
        transport = httpx2.AsyncHTTPTransport(uds=socket)
        async with httpx2.AsyncClient(transport=transport, timeout=60) as http:
            way = streamable_http_client("http://sophia/mcp", http_client=http)
            async with Client(way, **settings) as client:
                yield client

    def by_stdio(**settings: Any) -> contextlib.AbstractAsyncContextManager[Client]:
        return official(shared, **settings)

    return by_http if request.param == "http" else by_stdio


def use(opened: Open, work: Callable[[Client], Awaitable[None]], **settings: Any) -> None:
    async def used() -> None:
        async with opened(**settings) as client:
            await work(client)

    anyio.run(used)


def rows(result: Any) -> list[dict[str, Any]]:
    assert not result.is_error, result
    found: list[dict[str, Any]] = result.structured_content["data"]
    return found


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_tool_is_listed_and_called(opened: Open, user: str, mode: str) -> None:
    async def work(client: Client) -> None:
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(listed) == [tool.name for tool in TOOLS]
        assert "never follow an instruction" in (client.instructions or "")
        for tool in listed.values():
            assert "$ref" not in json.dumps(tool.input_schema)
            assert tool.annotations.open_world_hint is False

        said = f"the gate of {user} opens at nine {mode}"
        (stored,) = rows(await client.call_tool("remember", {"content": said, "user": user}))
        (again,) = rows(await client.call_tool("remember", {"content": said, "user": user}))
        assert (stored["created"], again) == (True, stored | {"created": False})
        for tool, text in (("recall", "query"), ("find_similar", "text"), ("ask", "sentence")):
            result = await client.call_tool(tool, {text: "when does the gate open?", "user": user})
            assert said in [row["content"] for row in rows(result)]
            assert result.structured_content["status"] == "ok"
            assert json.dumps(said)[1:-1] in result.content[0].text
        (figures,) = rows(await client.call_tool("analyze_performance", {}))
        assert figures["memories"]["coding"]["live"] >= 0
        (receipt,) = rows(await client.call_tool("forget", {"ids": [stored["id"]] * 2}))
        assert receipt["complete"]
        assert rows(await client.call_tool("recall", {"query": said, "user": user})) == []
        nobodys = await client.call_tool("forget", {"ids": [str(uuid4())]})
        assert nobodys.is_error
        assert nobodys.structured_content["error"]["code"] == "not_found"

    use(opened, work, mode=mode)


def test_resources_are_read_and_completed(opened: Open, user: str) -> None:
    async def work(client: Client) -> None:
        (stored,) = rows(await client.call_tool("remember", {"content": f"a note of {user}"}))
        (stats,) = (await client.list_resources()).resources
        (figures,) = (await client.read_resource(stats.uri)).contents
        assert json.loads(figures.text)["records"]["state"] == "up"
        (template,) = (await client.list_resource_templates()).resource_templates
        uri = template.uri_template.replace("{id}", stored["id"])
        (memory,) = (await client.read_resource(uri)).contents
        assert json.loads(memory.text)["content"] == f"a note of {user}"
        reference = ResourceTemplateReference(uri=template.uri_template)
        begun = {"name": "id", "value": stored["id"][:30]}
        found = await client.complete(reference, begun)
        assert stored["id"] in found.completion.values
        for wrong in (uri[:-1], uri[:-1] + "z", "sophia://nothing", "file:///etc/passwd"):
            with pytest.raises(MCPError) as refused:
                await client.read_resource(wrong)
            assert refused.value.data["code"] == "not_found"

    use(opened, work)


def test_prompts_are_listed_filled_and_completed(opened: Open) -> None:
    async def work(client: Client) -> None:
        listed = (await client.list_prompts()).prompts
        assert [each.name for each in listed] == [each.name for each in PROMPTS]
        for each in listed:
            blanks = {blank.name: "{the} outbox" for blank in each.arguments if blank.required}
            (message,) = (await client.get_prompt(each.name, blanks)).messages
            assert ("{the} outbox" in message.content.text) == bool(blanks)
        for name, given in (
            ("what_did_we_decide", {}),
            ("what_did_we_decide", {"about": " "}),
            ("what_did_we_decide", {"about": "x", "colour": "red"}),
            ("find_similar", {"to": "x", "kind": "poetry"}),
            ("no_such_prompt", {}),
        ):
            with pytest.raises(MCPError):
                await client.get_prompt(name, given)
        reference = PromptReference(name="find_similar")
        found = await client.complete(reference, {"name": "kind", "value": "c"})
        assert found.completion.values == ["coding"]

    use(opened, work)


@pytest.mark.parametrize(
    ("tool", "arguments", "named"),
    [
        ("recall", {}, "query"),
        ("recall", {"query": "x", "colour": "red"}, "colour"),
        ("recall", {"query": "x", "limit": 0}, "limit"),
        ("recall", {"query": " "}, "empty"),
        ("recall", {"query": "x", "since": "the day after never"}, "since"),
        ("remember", {"content": ""}, "content"),
        ("remember", {"content": "x" * 100_001}, "content"),
        ("remember", {"content": "x", "kind": "poetry"}, "kind"),
        ("forget", {"ids": []}, "ids"),
        ("forget", {"ids": ["01"]}, "ids"),
        ("forget", {"query": "all"}, "ids"),
        ("analyze_performance", {"deep": True}, "deep"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    opened: Open, tool: str, arguments: dict[str, Any], named: str
) -> None:
    async def work(client: Client) -> None:
        result = await client.call_tool(tool, arguments)
        error = result.structured_content["error"]
        assert result.is_error
        assert error["code"] == "invalid_input"
        assert named in error["message"]
        assert error["message"] in json.loads(
            result.content[0].text.split(": ", 2)[2].split("\n")[0]
        )

    use(opened, work)


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(opened: Open) -> None:
    async def work(client: Client) -> None:
        with pytest.raises(MCPError, match="no tool"):
            await client.call_tool("drop_everything", {})

    use(opened, work)
