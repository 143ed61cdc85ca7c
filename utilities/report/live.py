"""The page that follows runs: a server on this machine alone, for one who watches."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from utilities.command_line.serving import listening
from utilities.command_line.terminal import say
from utilities.errors import UsageError
from utilities.files.json_lines import encode_line
from utilities.report.contents import ReportContents
from utilities.report.following import Watch
from utilities.report.page import live_page, page_of

LOOPBACK = "127.0.0.1"
_LOOK_EVERY_S = 1.0
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve(paths: Sequence[Path], port: int, contents: Callable[[], ReportContents]) -> None:
    """Follow the files and serve their page until cancelled.

    `contents` makes an empty report, for the whole page as it stands. Raises UsageError if the
    port cannot be had.
    """
    watch = Watch(paths)
    async with listening(application(watch, contents), LOOPBACK, port, option="--serve") as address:
        say(f"following {len(paths)} file{'s' * (len(paths) != 1)} at {address}; Ctrl-C ends it")
        while True:  # noqa: ASYNC110 - a file tells nobody that it grows
            await asyncio.sleep(0 if watch.look() else _LOOK_EVERY_S)


def application(watch: Watch, contents: Callable[[], ReportContents]) -> web.Application:
    """`/`: what the runs have come to; `/state`: the same as JSON; `/report`: the whole page."""

    async def page(_: web.Request) -> web.Response:
        return _uncached(live_page())

    async def state(_: web.Request) -> web.Response:
        return _uncached(encode_line(watch.state()), "application/json")

    async def report(_: web.Request) -> web.Response:
        paths = [file.path for file in watch.files if file.is_there]
        try:
            return _uncached(await asyncio.to_thread(_whole_page, paths, contents()))
        except UsageError as error:
            return web.Response(status=503, text=f"{error}\n")

    served = web.Application(middlewares=[_only_from_here])
    served.add_routes([web.get("/", page), web.get("/state", state), web.get("/report", report)])
    return served


@web.middleware
async def _only_from_here(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse what another site's page asks under a name of its own that leads here."""
    name = request.host.rpartition(":")[0] or request.host
    if name not in {LOOPBACK, "localhost"}:
        raise web.HTTPForbidden(text="this page is for this machine alone\n")
    return await handler(request)


def _whole_page(paths: Sequence[Path], contents: ReportContents) -> bytes:
    if not paths:
        raise UsageError("none of the files is there yet")
    contents.read(paths)
    return b"".join(page_of(contents, built_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"))


def _uncached(content: bytes, kind: str = "text/html") -> web.Response:
    return web.Response(
        body=content,
        content_type=kind,
        charset="utf-8",
        headers={"cache-control": "no-store", "x-content-type-options": "nosniff"},
    )
