"""Serves HTTP for as long as a script wants to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from utilities.errors import UsageError


@asynccontextmanager
async def listening(
    application: web.Application, host: str, port: int, *, option: str = "--port"
) -> AsyncIterator[str]:
    """Serve while the context lasts; gives the address. Raises UsageError if that fails.

    Port 0 is any that is free. `option` is the one that chooses another port.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
        except OSError as error:
            raise UsageError(
                f"cannot listen at {host}, port {port}: {error.strerror}; choose another {option}"
            ) from error
        bound = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await runner.cleanup()
