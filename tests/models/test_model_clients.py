"""Both clients, with the real SDKs, against a provider on the loopback interface."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.support.loopback_server import (
    LoopbackServer,
    body,
    broken_json,
    cut_off,
    dropped,
    empty_choices,
    empty_reply,
    error_in_200,
    html,
    insufficient_quota,
    null_choices,
    reply,
    stalled,
    status,
    trickling,
)
from utilities.config import find_model
from utilities.errors import (
    BadKey,
    ContextTooLong,
    NotAsked,
    OutOfCredit,
    ProviderFailed,
    RateLimited,
    Refused,
    Rejected,
    ServerGone,
    ServerUnreachable,
    TimedOut,
    UnknownModel,
    UsageError,
    WrongAddress,
)
from utilities.models.factory import open_client
from utilities.models.interface import Sampling, Usage
from utilities.models.pacing.retry import RetryPolicy

KEY = "sk-test-0123456789"
QUICK = RetryPolicy(max_attempts=3, max_rate_limited=3, first_delay_s=0.001, max_delay_s=0.01)
APIS = {"openai": "GPT_MINI", "anthropic": "CLAUDE_OPUS"}

FINAL = {
    "401": (status(401), BadKey),
    "403": (status(403), BadKey),
    "400 key": (status(400, "API key not valid. Please pass one."), BadKey),
    "403 moderation": (status(403, "Your input was flagged"), Refused),
    "404": (status(404, "no such model"), UnknownModel),
    "404 page": (html(404), WrongAddress),
    "402": (status(402), OutOfCredit),
    "429 quota": (insufficient_quota(), OutOfCredit),
    "400 credit": (status(400, "Your credit balance is too low"), OutOfCredit),
    "400 usage limits": (
        status(400, "You have reached your specified API usage limits. You will regain access"),
        OutOfCredit,
    ),
    "403 spent": (status(403, "used all available credits or reached its limit"), OutOfCredit),
    "429 spend limit": (status(429, "the organization's monthly spend limit"), OutOfCredit),
    "400 context": (status(400, "maximum context length is 8 tokens"), ContextTooLong),
    "400 prompt": (status(400, "prompt is too long: 9 > 8 maximum"), ContextTooLong),
    "400 code": (status(400, error_code="context_length_exceeded"), ContextTooLong),
    "413": (status(413), ContextTooLong),
    "400": (status(400), Rejected),
    "400 no system": (status(400, "System role not supported"), Rejected),
    "500 no system": (status(500, "Jinja: System role not supported"), Rejected),
    "400 roles": (
        status(400, "After the optional system message, conversation roles must alternate"),
        Rejected,
    ),
    "422": (status(422), Rejected),
    "200 with 402": (error_in_200(402), OutOfCredit),
    "200 with 401": (error_in_200("authentication_error"), BadKey),
}
PASSING = {
    "429": (status(429, retry_after="0"), RateLimited),
    "429 gemini": (
        status(429, "check your plan and billing", error_type="RESOURCE_EXHAUSTED"),
        RateLimited,
    ),
    "529": (status(529), RateLimited),
    "503 overloaded": (status(503, "the engine is overloaded"), RateLimited),
    "200 with 429": (error_in_200(429), RateLimited),
    "200 overloaded": (error_in_200("overloaded_error"), RateLimited),
    "408": (status(408), TimedOut),
    "409": (status(409), ProviderFailed),
    "500": (status(500), ProviderFailed),
    "502 page": (html(502), ProviderFailed),
    "503": (status(503), ProviderFailed),
    "200 with 502": (error_in_200(502), ProviderFailed),
    "200 with words": (error_in_200("who_knows"), ProviderFailed),
    "dropped": (dropped(), ProviderFailed),
    "page": (html(), ProviderFailed),
    "broken": (broken_json(), ProviderFailed),
    "no body": (body(""), ProviderFailed),
    "a list": (body("[1]"), ProviderFailed),
    "not utf-8": (body('{"a": "\udcff"}'), ProviderFailed),
    "nothing": (empty_reply(), ProviderFailed),
    "nothing, stopped": (empty_reply("stop"), ProviderFailed),
    "cut": (cut_off(), ProviderFailed),
}
PASSING_OPENAI = {
    "no choices": (empty_choices(), ProviderFailed),
    "null choices": (null_choices(), ProviderFailed),
    "odd choices": (body('{"choices": [7]}'), ProviderFailed),
    "error choice": (
        body('{"choices": [{"message": {"content": "hal"}, "finish_reason": "error"}]}'),
        ProviderFailed,
    ),
    "choice with an error": (
        body('{"choices": [{"error": {"code": 429, "message": "x"}, "message": {}}]}'),
        RateLimited,
    ),
}
PASSING_ANTHROPIC = {
    "broken event": (body('data: {"type": \n\n', "text/event-stream"), ProviderFailed),
    "empty stream": (body("", "text/event-stream"), ProviderFailed),
    "odd event": (body("data: [1]\n\n", "text/event-stream"), ProviderFailed),
}
PASSING_OF = {"openai": PASSING | PASSING_OPENAI, "anthropic": PASSING | PASSING_ANTHROPIC}
SLOW = {"stalled": stalled(), "trickling": trickling(0.05)}


def _cases():
    """For each prompt text what it meets: an error for ever, or once and then a reply."""
    cases = {}
    for api in APIS:
        for name, (behaviour, _) in (FINAL | PASSING_OF[api]).items():
            cases[f"<{api} {name} for ever>"] = [behaviour]
            cases[f"<{api} {name} once>"] = [behaviour, reply("after all")]
        for name, behaviour in SLOW.items():
            cases[f"<{api} {name}>"] = [behaviour]
        cases[f"<{api} echoes the key>"] = [status(400, f"{KEY} did something odd")]
        cases[f"<{api} echoes the key late>"] = [status(400, "x" * 490 + KEY)]
        cases[f"<{api} length>"] = [reply("half a repl", finish_reason="length")]
        cases[f"<{api} empty length>"] = [reply("", finish_reason="length")]
        cases[f"<{api} refusal>"] = [reply("no", finish_reason="refusal")]
        cases[f"<{api} refusal without words>"] = [reply("", finish_reason="refusal")]
        cases[f"<{api} strange reason>"] = [reply("hm", finish_reason="pause_turn")]
        cases[f"<{api} cache>"] = [reply(cached_input_tokens=400, reasoning_tokens=50)]
        cases[f"<{api} seconds>"] = [status(429, retry_after="0.2"), reply()]
        cases[f"<{api} milliseconds>"] = [status(429, retry_after_ms="200"), reply()]
        cases[f"<{api} date>"] = [status(503, retry_after="+2"), reply()]
        for field in ("reasoning", "reasoning_content", "reasoning_details"):
            cases[f"<{api} {field}>"] = [reply(reasoning="because", reasoning_field=field)]
    cases["<no usage>"] = [reply(usage=False)]
    cases["<cost>"] = [reply(cost=0.125)]
    return cases


@pytest.fixture(scope="module")
def server():
    with LoopbackServer(prompts=_cases()) as the_server:
        yield the_server


@asynccontextmanager
async def client_of(server, api_or_name, *, retry=QUICK, **changes):
    entry = find_model(APIS.get(api_or_name, api_or_name), base_url=server.openai_url)
    entry = replace(entry, **changes)
    async with open_client(entry, KEY, max_connections=50, retry=retry) as client:
        yield client


async def ask(server, api, case, sampling=Sampling(), **options):  # noqa: B008 (frozen)
    async with client_of(server, api, **options) as client:
        return await client.complete([{"role": "user", "content": case}], sampling)


def requests_of(server, case):
    return [entry for entry in server.ledger() if case in str(entry.body["messages"])]


BOTH = pytest.mark.parametrize("api", APIS)


@BOTH
@pytest.mark.parametrize("name", FINAL)
async def test_what_no_retry_would_mend_is_asked_once(server, api, name):
    case, error = f"<{api} {name} for ever>", FINAL[name][1]
    with pytest.raises(error) as caught:
        await ask(server, api, case)
    assert type(caught.value) is error
    assert len(requests_of(server, case)) == 1
    assert APIS[api] in str(caught.value)


@pytest.mark.parametrize(("api", "name"), [(api, n) for api in APIS for n in PASSING_OF[api]])
async def test_what_may_pass_is_asked_until_the_attempts_are_spent(server, api, name):
    case, error = f"<{api} {name} for ever>", PASSING_OF[api][name][1]
    with pytest.raises(error) as caught:
        await ask(server, api, case)
    assert caught.value.attempts == len(requests_of(server, case)) == 3


@pytest.mark.parametrize(("api", "name"), [(api, n) for api in APIS for n in PASSING_OF[api]])
async def test_what_passes_ends_in_a_reply(server, api, name):
    answer = await ask(server, api, f"<{api} {name} once>")
    assert (answer.text, answer.attempts) == ("after all", 2)


@BOTH
@pytest.mark.parametrize("name", SLOW)
async def test_a_server_that_holds_a_request_is_left_after_the_time_in_total(server, api, name):
    case = f"<{api} {name}>"
    with pytest.raises(TimedOut) as caught:
        await ask(server, api, case, request_timeout_s=0.4, retry=replace(QUICK, max_attempts=2))
    assert caught.value.attempts == len(requests_of(server, case)) == 2


@BOTH
async def test_a_key_that_the_provider_repeats_is_kept_out_of_the_message(server, api):
    with pytest.raises(Rejected, match=r"\[key\] did something odd") as caught:
        await ask(server, api, f"<{api} echoes the key>")
    assert KEY not in str(caught.value)


@BOTH
async def test_a_message_that_is_cut_holds_no_half_of_the_key(server, api):
    with pytest.raises(Rejected) as caught:
        await ask(server, api, f"<{api} echoes the key late>")
    assert KEY[:6] not in str(caught.value)


@BOTH
@pytest.mark.parametrize(
    ("name", "text", "finish_reason"),
    [
        ("length", "half a repl", "length"),
        ("empty length", "", "length"),
        ("refusal", "no", "refusal"),
        ("refusal without words", "", "refusal"),
        ("strange reason", "hm", "unknown"),
    ],
)
async def test_a_reply_says_why_it_ended(server, api, name, text, finish_reason):
    answer = await ask(server, api, f"<{api} {name}>")
    assert (answer.text, answer.finish_reason) == (text, finish_reason)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "reasoning_details"])
async def test_reasoning_is_found_under_every_name(server, field):
    assert (await ask(server, "openai", f"<openai {field}>")).reasoning == "because"


async def test_thinking_is_reasoning(server):
    answer = await ask(server, "anthropic", "<anthropic reasoning>")
    assert (answer.reasoning, answer.text) == ("because", "hello")


@BOTH
async def test_without_reasoning_there_is_none(server, api):
    assert (await ask(server, api, "plain")).reasoning is None


@BOTH
async def test_usage_counts_the_whole_prompt_with_its_cached_part(server, api):
    usage = (await ask(server, api, f"<{api} cache>")).usage
    reasoning_tokens = 50 if api == "openai" else 0
    assert usage == Usage(1000, 400, 0, 200, reasoning_tokens)


async def test_a_total_beyond_prompt_and_completion_is_reasoning_that_was_generated():
    from utilities.models.chat_completions import read_usage

    usage = read_usage({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45})
    assert usage.output_tokens == 35


@BOTH
async def test_a_listed_model_has_a_cost(server, api):
    assert (await ask(server, api, "plain")).cost_usd > 0


async def test_without_usage_the_cost_is_unknown(server):
    answer = await ask(server, "openai", "<no usage>")
    assert (answer.cost_usd, answer.usage) == (None, Usage())


async def test_openrouters_own_cost_goes_before_the_list_price(server):
    answer = await ask(server, "openrouter:openai/gpt-6.1-sol", "<cost>")
    assert answer.cost_usd == 0.125


async def test_openrouter_is_told_not_to_drop_parameters(server):
    await ask(server, "GROK", "grok only")
    assert requests_of(server, "grok only")[0].body["provider"] == {"require_parameters": True}


async def test_nothing_is_sent_that_was_not_asked_for(server):
    await ask(server, "openai", "bare openai")
    (request,) = requests_of(server, "bare openai")
    assert set(request.body) == {"model", "messages", "stream", "stream_options"}


async def test_the_token_limit_has_the_name_that_the_model_knows(server):
    await ask(server, "GPT_MINI", "limit of gpt", Sampling(max_tokens=77))
    await ask(server, "LOCAL_0", "limit of local", Sampling(max_tokens=77, temperature=0.5))
    assert requests_of(server, "limit of gpt")[0].body["max_completion_tokens"] == 77
    local = requests_of(server, "limit of local")[0].body
    assert (local["max_tokens"], local["temperature"]) == (77, 0.5)


@BOTH
async def test_a_parameter_that_the_model_rejects_is_refused_before_anything_is_sent(server, api):
    with pytest.raises(UsageError, match=f"{APIS[api]} takes no temperature"):
        await ask(server, api, f"warm {api}", Sampling(temperature=0.7))
    assert requests_of(server, f"warm {api}") == []


@BOTH
async def test_what_was_right_for_one_request_is_looked_at_again_for_another(server, api):
    async with client_of(server, api) as client:
        messages = [{"role": "user", "content": f"first {api}"}]
        await client.complete(messages, Sampling())
        with pytest.raises(UsageError, match="takes no temperature"):
            await client.complete(messages, Sampling(temperature=0.7))


async def test_claude_is_asked_for_its_thinking_and_given_the_system_prompt(server):
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "claude only"},
    ]
    async with client_of(server, "anthropic") as client:
        await client.complete(messages, Sampling())
    sent = requests_of(server, "claude only")[0].body
    assert sent["system"] == "be brief"
    assert sent["messages"] == messages[1:]
    assert sent["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert sent["max_tokens"] == find_model("CLAUDE_OPUS").max_output_tokens


@BOTH
async def test_only_the_given_key_leaves_and_nothing_of_the_sdks_environment(
    server, api, monkeypatch
):
    secrets = {
        "OPENAI_API_KEY": "env-key",
        "OPENAI_ADMIN_KEY": "env-admin",
        "OPENAI_ORG_ID": "env-org",
        "OPENAI_PROJECT_ID": "env-project",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/env-url",
        "OPENAI_CUSTOM_HEADERS": "x-openai-custom: env-header",
        "ANTHROPIC_API_KEY": "env-key",
        "ANTHROPIC_AUTH_TOKEN": "env-token",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/env-url",
        "ANTHROPIC_CUSTOM_HEADERS": "x-anthropic-custom: env-header",
        "ANTHROPIC_PROFILE": "env-profile",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    await ask(server, api, f"secrets of {api}")
    headers = requests_of(server, f"secrets of {api}")[0].headers
    assert KEY in headers.get("authorization", "") + headers.get("x-api-key", "")
    assert "env-" not in str(headers)


@BOTH
@pytest.mark.parametrize(
    ("name", "seconds"), [("seconds", 0.2), ("milliseconds", 0.2), ("date", 1)]
)
async def test_the_next_attempt_waits_as_long_as_the_provider_asked(server, api, name, seconds):
    case = f"<{api} {name}>"
    await ask(server, api, case)
    first, second = requests_of(server, case)
    assert second.received_at - first.finished_at >= seconds - 0.01


def unused_url():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


@BOTH
@pytest.mark.parametrize("url", ["an unused port", "http://no-such-host.invalid/v1"])
async def test_a_server_that_nobody_ever_reached_ends_the_run(api, url):
    entry = find_model(APIS[api], base_url=unused_url() if url == "an unused port" else url)
    retry = RetryPolicy(max_attempts=50, first_delay_s=0.001)
    async with open_client(entry, KEY, max_connections=2, retry=retry) as client:
        with pytest.raises(ServerUnreachable, match=r"--base_url") as caught:
            await client.complete([{"role": "user", "content": "anybody?"}], Sampling())
    assert entry.base_url in str(caught.value)


@BOTH
async def test_a_server_that_goes_away_in_the_middle_is_waited_for_and_then_given_up(api):
    retry = RetryPolicy(first_delay_s=0.01, max_delay_s=0.02, max_silence_s=0.1)
    with LoopbackServer() as server:
        async with client_of(server, api, retry=retry) as client:
            await client.complete([{"role": "user", "content": "first"}], Sampling())
            server.stop()
            with pytest.raises(ServerGone, match=r"in [0-9]+ attempts") as caught:
                await client.complete([{"role": "user", "content": "second"}], Sampling())
    assert caught.value.attempts >= 10


@BOTH
async def test_a_stopping_run_sends_nothing(server, api):
    stopping = asyncio.Event()
    stopping.set()
    entry = find_model(APIS[api], base_url=server.openai_url)
    async with open_client(entry, KEY, max_connections=2, stopping=stopping) as client:
        with pytest.raises(NotAsked):
            await client.complete([{"role": "user", "content": f"late {api}"}], Sampling())
    assert requests_of(server, f"late {api}") == []


@BOTH
async def test_many_requests_at_once_all_get_their_reply_and_none_is_sent_twice_without_need(api):
    mixture = [(0.1, status(500)), (0.1, dropped()), (0.1, status(429)), (0.1, cut_off())]
    retry = RetryPolicy(max_attempts=20, first_delay_s=0.001, max_delay_s=0.01)
    with LoopbackServer(mixture=mixture, then=reply("fine"), seed=3) as server:
        async with client_of(server, api, retry=retry) as client:
            prompts = [[{"role": "user", "content": f"number {n}"}] for n in range(100)]
            replies = await asyncio.gather(*(client.complete(p, Sampling()) for p in prompts))
        assert {answer.text for answer in replies} == {"fine"}
        assert len(server.ledger()) == sum(answer.attempts for answer in replies) > 100


@BOTH
async def test_requests_leave_no_line_of_the_transport_in_the_log(server, api, caplog):
    caplog.set_level(logging.INFO)
    await ask(server, api, "plain")
    assert not [record for record in caplog.records if record.name.startswith("httpx2")]
