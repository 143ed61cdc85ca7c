"""A stand-in of Hugging Face's Hub on the loopback interface: what pushing a data set needs.

with hub_server() as hub:
    ... HF_ENDPOINT=hub.url, HF_TOKEN=hub.token; then hub.repositories, hub.calls

`fails` names a call (`create`, `validate`, `preupload`, `lfs`, `commit`, `delete`) and the status
that it answers with instead: 0 for a dropped connection, 200 for a page that is no JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import web

TOKEN = "hf_aTokenOfTheTestsOnly"


@dataclass
class HubServer:
    """What was asked and what came of it."""

    token: str = TOKEN
    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fails: dict[str, int] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    """Large files by their hash."""

    def application(self) -> web.Application:
        """The routes of the Hub's API that `huggingface_hub` calls."""
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 28)
        repository = "{owner}/{name}"
        app.add_routes(
            [
                web.get("/api/whoami-v2", self.whoami),
                web.post("/api/validate-yaml", self.validate),
                web.get(f"/api/datasets/{repository}", self.info),
                web.post("/api/repos/create", self.create),
                web.delete("/api/repos/delete", self.delete),
                web.post(f"/api/datasets/{repository}/preupload/main", self.preupload),
                web.post(f"/api/datasets/{repository}/commit/main", self.commit),
                web.post(f"/datasets/{repository}.git/info/lfs/objects/batch", self.lfs),
                web.put("/objects/{oid}", self.put),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        name = handler.__name__
        self.calls.append(name)
        if name != "put" and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "Invalid username or password."}, status=401)
        if (status := self.fails.get(name)) == 0:
            assert request.transport is not None
            request.transport.abort()
        if status == 200:
            return web.Response(text="<html>a proxy's page</html>")
        if status is not None:
            return web.json_response({"error": "as the test asked"}, status=status or 500)
        answer: web.StreamResponse = await handler(request)
        return answer

    async def whoami(self, request: web.Request) -> web.Response:
        return web.json_response({"type": "user", "name": "anna", "auth": {}})

    async def validate(self, request: web.Request) -> web.Response:
        """The card's front matter, which the Hub reads before a commit."""
        fields = yaml.safe_load((await request.json())["content"].split("---\n")[1])
        wrong = [] if fields["license"] else [{"message": "license"}]
        return web.json_response({"errors": wrong, "warnings": []})

    async def info(self, request: web.Request) -> web.Response:
        name = self._named(request)
        if name not in self.repositories:
            headers = {"X-Error-Code": "RepoNotFound"}
            return web.json_response({"error": "not found"}, status=404, headers=headers)
        return web.json_response({"id": name, "sha": "0" * 40, "siblings": []})

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
        assert asked["type"] == "dataset"
        if name in self.repositories:
            return web.json_response({"error": "You already created it"}, status=409)
        self.repositories[name] = {}
        self.private[name] = bool(asked.get("private") or asked.get("visibility") == "private")
        return web.json_response({"url": f"{self.url}/datasets/{name}", "id": name})

    async def delete(self, request: web.Request) -> web.Response:
        asked = await request.json()
        del self.repositories["/".join(filter(None, (asked.get("organization"), asked["name"])))]
        return web.Response()

    async def preupload(self, request: web.Request) -> web.Response:
        files = (await request.json())["files"]
        told = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".parquet") else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for file in files
        ]
        return web.json_response({"files": told})

    async def lfs(self, request: web.Request) -> web.Response:
        wanted = (await request.json())["objects"]
        return web.json_response(
            {
                "transfer": "basic",
                "objects": [
                    {**one, "actions": {"upload": {"href": f"{self.url}/objects/{one['oid']}"}}}
                    for one in wanted
                ],
            },
            content_type="application/vnd.git-lfs+json",
        )

    async def put(self, request: web.Request) -> web.Response:
        self.objects[request.match_info["oid"]] = await request.read()
        return web.Response()

    async def commit(self, request: web.Request) -> web.Response:
        files = self.repositories[self._named(request)]
        for line in (await request.read()).splitlines():
            said = json.loads(line)
            if said["key"] == "file":
                files[said["value"]["path"]] = base64.b64decode(said["value"]["content"])
            elif said["key"] == "lfsFile":
                files[said["value"]["path"]] = self.objects[said["value"]["oid"]]
        address = f"{self.url}/datasets/{self._named(request)}/commit/{'1' * 40}"
        return web.json_response({"commitUrl": address, "commitOid": "1" * 40, "success": True})

    def _named(self, request: web.Request) -> str:
        return f"{request.match_info['owner']}/{request.match_info['name']}"


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """A server in a thread of this process, on a free port."""
    hub, loop = HubServer(), asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(hub.application())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
