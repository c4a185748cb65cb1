"""Clients of the Model Context Protocol in Python: that of its SDK (`mcp`), and FastMCP (`fastmcp`).

    peer.py mcp|mcp-document|fastmcp URL TOOL ARGUMENTS-IN-JSON

Each is told the address of a protected server and nothing else about it. It opens a browser, which is Alice's here, and
calls the tool. Prints {"text", "tools"} in JSON.
"""

import asyncio
import http.cookiejar
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

REDIRECT = "http://127.0.0.1:9/callback"
DOCUMENT = "https://client.example/oauth/client.json"


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def browse(address, until):
    """Follows where the browser is sent, and goes on as Alice where it is asked who it is."""
    opener = urllib.request.build_opener(Stay, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    for _ in range(20):
        if address.startswith(until):
            return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
        try:
            response = opener.open(address)
        except urllib.error.HTTPError as error:
            response = error
        page = response.read().decode()
        link = re.search(r'href="([^"]*alice[^"]*)"', page)
        goes_on = response.headers.get("location") or (link and link[1].replace("&amp;", "&"))
        if not goes_on:
            raise RuntimeError(f"the browser stays at {address}: {page[:500]}")
        address = urllib.parse.urljoin(address, goes_on)
    raise RuntimeError("too many redirects")


class Memory:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def call_by_mcp(url, tool, arguments, document):
    import httpx2
    from mcp import ClientSession
    from mcp.client.auth import OAuthClientProvider
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

    answers = []

    async def redirect(address):
        answers.append(await asyncio.to_thread(browse, address, REDIRECT))

    async def callback():
        answer = answers.pop()
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    metadata = OAuthClientMetadata(
        client_name="peer",
        redirect_uris=[REDIRECT],
        grant_types=["authorization_code"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    named = {"client_metadata_url": DOCUMENT} if document else {}
    auth = OAuthClientProvider(url, metadata, Memory(), redirect, callback, **named)
    async with httpx2.AsyncClient(auth=auth, timeout=30) as http_client:
        async with streamable_http_client(url, http_client=http_client) as streams:
            async with ClientSession(streams[0], streams[1]) as session:
                await session.initialize()
                tools = [tool.name for tool in (await session.list_tools()).tools]
                result = await session.call_tool(tool, arguments)
                return {"text": result.content[0].text, "tools": sorted(tools)}


async def call_by_fastmcp(url, tool, arguments):
    from fastmcp import Client
    from fastmcp.client.auth import OAuth

    class Person(OAuth):
        async def redirect_handler(self, authorization_url):
            # The last step goes to the listener that FastMCP has started.
            asyncio.get_running_loop().run_in_executor(None, self.browse, authorization_url)

        @staticmethod
        def browse(address):
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
            answer = urllib.parse.urlencode(browse(address, query["redirect_uri"]))
            while True:
                try:
                    return urllib.request.urlopen(f"{query['redirect_uri']}?{answer}").read()
                except urllib.error.URLError:
                    # It listens a moment later.
                    time.sleep(0.05)

    async with Client(url, auth=Person(callback_host="127.0.0.1")) as client:
        tools = [tool.name for tool in await client.list_tools()]
        result = await client.call_tool(tool, arguments)
        return {"text": result.content[0].text, "tools": sorted(tools)}


def main():
    kind, url, tool, arguments = sys.argv[1:]
    if kind == "fastmcp":
        called = call_by_fastmcp(url, tool, json.loads(arguments))
    else:
        called = call_by_mcp(url, tool, json.loads(arguments), kind == "mcp-document")
    print(json.dumps(asyncio.run(asyncio.wait_for(called, 60))))


main()
