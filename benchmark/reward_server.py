"""Serves rewards: `POST /reward`, `POST /batch_reward`, `GET /health`, `GET /metrics`."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from benchmark.rewards import Answer, AnswerKind, BadRequest, Reward, RewardRule, reward_of
from utilities.errors import WorkersLost
from utilities.tasks.task import Task
from utilities.verification.verifier import Verifier

LARGEST_BODY_BYTES = 64 << 20
_LATER = {"Retry-After": "1"}
_LATENCIES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class ServedRewards:
    """What is served: rewards for answers to these tasks, by one verifier."""

    tasks: Mapping[str, Task]
    verifier: Verifier
    answers: AnswerKind = "program"
    """What is looked for in completions."""
    rule: RewardRule = "solved"
    most_waiting: int = 4096
    """How many answers may be under way; requests that would exceed it get a 429."""
    token: str | None = None
    """What `Authorization: Bearer …` must hold, except for `/health`; None: nothing."""


class RewardServer:
    """Has answers judged side by side, and refuses more than may be under way."""

    def __init__(self, served: ServedRewards) -> None:
        """Nothing is under way yet."""
        self._served = served
        self.waiting = 0
        """Answers under way."""
        self._ending = False
        self._idle = asyncio.Event()
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "arc_reward_requests", "HTTP requests by status", ["code"], registry=self._registry
        )
        self._rewards = Counter(
            "arc_rewards", "rewards given, by label", ["label"], registry=self._registry
        )
        self._latency = Histogram(
            "arc_reward_seconds",
            "seconds from a request to its reply",
            buckets=_LATENCIES_S,
            registry=self._registry,
        )
        waiting = Gauge("arc_reward_waiting", "answers under way", registry=self._registry)
        waiting.set_function(lambda: self.waiting)

    async def drain(self) -> None:
        """Take no more requests, and return when each that was taken has its rewards."""
        self._ending = True
        if self.waiting:
            await self._idle.wait()

    def application(self) -> web.Application:
        """The routes, ready to be served."""
        app = web.Application(
            client_max_size=LARGEST_BODY_BYTES, middlewares=[self._counted, self._guarded]
        )
        app.router.add_post("/reward", self._reward)
        app.router.add_post("/batch_reward", self._batch_reward)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        return app

    @web.middleware
    async def _counted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            response = _refusal(status, error.reason)
        except WorkersLost as error:
            status = 503
            response = _refusal(status, str(error), _LATER)
        finally:
            self._requests.labels(status).inc()
            self._latency.observe(time.monotonic() - started)
        return response

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        token = self._served.token
        if token is not None and request.path != "/health":
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), token.encode()):
                return _refusal(401, "send the token as Authorization: Bearer TOKEN")
        if self._ending:
            return _refusal(503, "the server is ending", _LATER)
        return await handler(request)

    async def _reward(self, request: web.Request) -> web.Response:
        return await self._answered([await _content(request)], lambda rewards: rewards[0])

    async def _batch_reward(self, request: web.Request) -> web.Response:
        content = await _content(request)
        items = content.get("items") if isinstance(content, dict) else content
        if not isinstance(items, list):
            return _refusal(400, "send a list of items, or an object that has them as `items`")
        return await self._answered(items, lambda rewards: {"rewards": rewards})

    async def _answered(
        self, items: Sequence[object], form: Callable[[list[dict[str, Any]]], Any]
    ) -> web.Response:
        served = self._served
        if len(items) > served.most_waiting:
            return _refusal(413, f"send at most {served.most_waiting} items in a request")
        if self.waiting + len(items) > served.most_waiting:
            message = f"{self.waiting} answers are under way; ask again"
            return _refusal(429, message, _LATER)
        self.waiting += len(items)
        try:
            answers = self._read(items)
            rewards = await _all(map(self._rewarded, answers))
        except BadRequest as error:
            return _refusal(400, str(error))
        finally:
            self.waiting -= len(items)
            if not self.waiting:
                self._idle.set()
        return _json(form([reward.to_json() for reward in rewards]))

    def _read(self, items: Sequence[object]) -> list[Answer]:
        answers = []
        for number, item in enumerate(items):
            try:
                answers.append(Answer.of(item, self._served.tasks, self._served.answers))
            except BadRequest as error:
                raise BadRequest(f"item {number} {error}") from error
        return answers

    async def _rewarded(self, answer: Answer) -> Reward:
        reward = await reward_of(answer, self._served.verifier, self._served.rule)
        self._rewards.labels(reward.label).inc()
        return reward

    async def _health(self, _: web.Request) -> web.Response:
        served = self._served
        told = {"status": "ok", "tasks": len(served.tasks), "waiting": self.waiting}
        return _json({**told, "sandbox": served.verifier.layers})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(self._registry),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )


async def _all(works: Iterable[Awaitable[Reward]]) -> list[Reward]:
    """What all of them return; if one raises, the rest end first, so that they are counted."""
    done = await asyncio.gather(*works, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return cast("list[Reward]", done)


async def _content(request: web.Request) -> Any:
    """The request's JSON; raises HTTPBadRequest, or HTTPRequestEntityTooLarge."""
    try:
        return orjson.loads(await request.read())
    except web.HTTPRequestEntityTooLarge as error:
        error.set_status(413, f"send at most {LARGEST_BODY_BYTES >> 20} MiB in a request")
        raise
    except orjson.JSONDecodeError as error:
        raise web.HTTPBadRequest(reason=f"the body is no JSON ({error})") from error


def _json(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    body = orjson.dumps(content)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return _json({"error": message}, status, headers)
