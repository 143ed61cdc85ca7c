"""What a model does when it is asked: one request a question, and what the answer gives away.

A chat template or a server that drops a part of the prompt does not fail: the model answers
something, and looks dumb. So the prompt's tokens are compared with what was sent.
"""

import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from utilities.errors import AttemptFailed, ToolkitError
from utilities.models.api_client import APIClient
from utilities.models.bodies import unpacked_text
from utilities.models.costs import price_per_million
from utilities.models.interface import FREE, Message, Reply, Sampling, Tool, system_in_user

Verdict = Literal["yes", "no", "wrong", "unknown"]
"""`wrong`: the server takes it, and something is amiss all the same."""

_QUESTION = "What is 2 + 3? Answer with the number only."
_SYSTEM = (
    "You are a careful assistant of a library, and you have one duty. Whatever you are asked, by "
    "whomever and about whatever, be it a sum, a colour, a town or a word, you write the word "
    "OSPREY and nothing else: in capital letters, without any explanation, without a greeting, "
    "and without an answer to the question. You do so in every turn, and never make an exception."
)
_LEAST_SYSTEM_TOKENS = 15
"""What the system text adds at least, also to a template that has one of its own for want of it."""
_COUNTING = "Write the numbers from 1 to 60, with a comma behind each."
_FEW_TOKENS = 8
_DIGITS = "Write twelve random digits, and nothing else."
_LEAKS = re.compile(
    r"<\|?(im_start|im_end|eot_id|start_header_id|assistant|user|end)\|?>|"
    r"\[/?INST\]|</?s>|<(start|end)_of_turn>"
)
"""Marks of chat templates, which a server takes off a reply."""
_RED = (
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQC"
    "gUAgEAgEgi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC"
)
"""A red square of 32 pixels a side, as PNG in base64."""
_LIMIT = re.compile(r"\d[\d,_]{2,8}\d")
_CONTEXT_FIELDS = ("max_model_len", "context_length", "context_window", "n_ctx")
_MOST_SHOWN = 160
_AT_ONCE_S = 0.5
"""A connection that is lost within this time was idle and closed; the request is made again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one question brought to light."""

    about: str
    verdict: Verdict
    said: str


class ModelCheck:
    """Asks one question after the other; what was learnt is in the attributes, for a table."""

    def __init__(self, client: APIClient, sampling: Sampling, long_prompt_tokens: int) -> None:
        """`client` is open; each request is made once, with this sampling."""
        self._client, self._sampling = client, sampling
        self._long_prompt_tokens = long_prompt_tokens
        self._plain: Reply | None = None
        self.costs: list[float | None] = []
        """Of the replies, in US dollars; None if unknown."""
        self.context_tokens = client.entry.context_tokens
        self.max_tokens_parameter: str | None = None
        self.takes: dict[str, bool] = {}
        """Whether it takes `system`, `tools`, `images` and `seed`, as far as it is known."""

    async def findings(self, described: Mapping[str, Any]) -> AsyncIterator[Finding]:
        """Ask; without an answer to the first question nothing else is asked.

        `described` is what the server says of the model in its list of models.
        """
        first = await self._answers()
        yield first
        if self._plain is None:
            return
        yield self._tokens()
        yield self._thinking()
        yield await self._streams()
        yield await self._system()
        yield await self._turns()
        yield await self._tools()
        yield await self._images()
        yield await self._seed()
        yield await self._limit()
        yield self._context(described)
        yield await self._long_prompt()
        yield self._price()

    async def _ask(
        self, messages: Sequence[Mapping[str, Any]], sampling: Sampling | None = None, **more: Any
    ) -> Reply | ToolkitError:
        """One request; `more` are further fields of its body, or others in their place."""
        asked: list[Message] = [{"role": "user", "content": ""}]
        body = self._client.body(asked, sampling or self._sampling)
        if self._client.entry.api == "messages":
            system = [one["content"] for one in messages if one["role"] == "system"]
            more = {"system": system[0], **more} if system else more
            messages = [one for one in messages if one["role"] != "system"]
        named = "input" if self._client.entry.api == "responses" else "messages"
        body |= {named: list(messages), **more}
        began = time.monotonic()
        try:
            try:
                reply = await self._client.send(body, FREE, _nothing)
            except AttemptFailed as error:
                if error.status_code is not None or time.monotonic() - began > _AT_ONCE_S:
                    raise
                reply = await self._client.send(body, FREE, _nothing)
        except ToolkitError as error:
            return error
        self.costs.append(reply.cost_usd)
        return reply

    async def _answers(self) -> Finding:
        began = time.monotonic()
        reply = await self._ask([_user(_QUESTION)])
        if isinstance(reply, ToolkitError):
            return Finding("answers", "no", _words(str(reply)))
        self._plain = reply
        leak = _LEAKS.search(reply.text)
        if leak is not None:
            said = f"{_quoted(reply.text)}: {leak[0]} belongs to the chat template, not to a reply"
            return Finding("answers", "wrong", said)
        if not reply.text.strip():
            why = "all tokens went into thinking; give --max_tokens" if reply.reasoning else "empty"
            return Finding("answers", "wrong", f"nothing ({why})")
        if reply.finish_reason == "length":
            said = f"{_quoted(reply.text)}, and does not stop: its end of turn is not known"
            return Finding("answers", "wrong", said)
        if "5" not in reply.text:
            return Finding("answers", "unknown", f"{_quoted(reply.text)}, asked for 2 + 3")
        took_s = time.monotonic() - began
        return Finding("answers", "yes", f"{_quoted(reply.text)} in {took_s:.1f} s")

    def _tokens(self) -> Finding:
        assert self._plain is not None, "the first question was answered"
        usage = self._plain.usage
        if not usage.input_tokens or not usage.output_tokens:
            said = "no usage in the reply: costs and caps cannot count it"
            return Finding("counts tokens", "no", said)
        said = f"{usage.input_tokens} of the prompt, {usage.output_tokens} of the reply"
        if usage.reasoning_tokens:
            said += f", {usage.reasoning_tokens} of these for thinking"
        return Finding("counts tokens", "yes", said)

    def _thinking(self) -> Finding:
        assert self._plain is not None, "the first question was answered"
        reply = self._plain
        if reply.reasoning:
            return Finding("thinking", "yes", f"comes apart: {_quoted(reply.reasoning)}")
        if "</think>" in reply.text or "<think>" in reply.text:
            return Finding("thinking", "yes", "comes in the text, between <think> and </think>")
        hidden = reply.usage.reasoning_tokens
        return Finding("thinking", "no", "is counted, not shown" if hidden else "none came")

    async def _streams(self) -> Finding:
        more: dict[str, Any] = {}
        if self._client.entry.api == "chat":
            more["stream_options"] = {"include_usage": True}
        reply = await self._ask([_user(_QUESTION)], stream=True, **more)
        if isinstance(reply, ToolkitError):
            return _refused("streams", reply)
        if not _raw(reply).lstrip().startswith(("data:", "event:", ":", "id:")):
            return Finding("streams", "no", "a whole answer came, although a stream was asked for")
        if not reply.usage.output_tokens:
            return Finding("streams", "wrong", "without a count of tokens at its end")
        return Finding("streams", "yes", f"{_raw(reply).count('data:')} events")

    async def _system(self) -> Finding:
        system: Message = {"role": "system", "content": _SYSTEM}
        reply = await self._ask([system, _user(_QUESTION)])
        if isinstance(reply, ToolkitError):
            if _is_lost(reply):
                return _refused("system role", reply)
            self.takes["system"] = False
            merged = await self._ask(system_in_user([system, _user(_QUESTION)]))
            hint = "" if isinstance(merged, ToolkitError) else "; --system_as_user works"
            return Finding("system role", "no", f"{_words(str(reply))}{hint}")
        added = self._added(reply)
        if added is not None and added < _LEAST_SYSTEM_TOKENS:
            self.takes["system"] = False
            said = f"is dropped: it added {added} tokens to the prompt; use --system_as_user"
            return Finding("system role", "wrong", said)
        self.takes["system"] = True
        if "OSPREY" in reply.text.upper():
            return Finding("system role", "yes", "is followed")
        tokens = "" if added is None else f" (it added {added} tokens)"
        return Finding("system role", "unknown", f"reaches the model{tokens}, which answered "
                       f"{_quoted(reply.text)} in place of OSPREY")  # fmt: skip

    async def _turns(self) -> Finding:
        talk = [
            _user("My code word is OSPREY. Please remember it, I shall ask for it later on."),
            {"role": "assistant", "content": "I shall remember it."},
            _user("Which one is my code word? Answer with the word only."),
        ]
        reply = await self._ask(talk)
        if isinstance(reply, ToolkitError):
            return _refused("turns", reply)
        added = self._added(reply)
        if added is not None and added < _LEAST_SYSTEM_TOKENS:
            return Finding("turns", "wrong", "earlier turns are dropped")
        if "OSPREY" in reply.text.upper():
            return Finding("turns", "yes", "an earlier turn is remembered")
        return Finding("turns", "unknown", f"reach the model, which answered {_quoted(reply.text)}")

    def _added(self, reply: Reply) -> int | None:
        """How many tokens a prompt has more than the plain one; None if they are not counted."""
        assert self._plain is not None, "the first question was answered"
        plain, more = self._plain.usage.input_tokens, reply.usage.input_tokens
        return more - plain if plain and more else None

    async def _tools(self) -> Finding:
        schema = {
            "type": "object",
            "properties": {"town": {"type": "string"}},
            "required": ["town"],
            "additionalProperties": False,
        }
        tool = Tool("weather_of", "The weather of a town, now.", schema)
        reply = await self._ask(
            [_user("How is the weather in Bergen now? Call weather_of to find out.")],
            **self._client.tool_fields([tool]),
        )
        if isinstance(reply, ToolkitError):
            self.takes |= {} if _is_lost(reply) else {"tools": False}
            return _refused("tools", reply)
        self.takes["tools"] = bool(reply.tool_calls)
        if any(call["name"] == tool.name for call in reply.tool_calls):
            return Finding("tools", "yes", f"it called {tool.name}")
        if tool.name in reply.text:
            said = f"the call came as text: {_quoted(reply.text)}; the server has no parser for it"
            return Finding("tools", "wrong", said)
        added = self._added(reply)
        dropped = added is not None and added < 2 * _LEAST_SYSTEM_TOKENS
        what = "the tools are dropped from the prompt" if dropped else "no call came"
        return Finding("tools", "no", f"{what}; it answered {_quoted(reply.text)}")

    async def _images(self) -> Finding:
        if self._client.entry.api == "messages":
            source = {"type": "base64", "media_type": "image/png", "data": _RED}
            picture: dict[str, Any] = {"type": "image", "source": source}
        elif self._client.entry.api == "responses":
            picture = {"type": "input_image", "image_url": f"data:image/png;base64,{_RED}"}
        else:
            url = f"data:image/png;base64,{_RED}"
            picture = {"type": "image_url", "image_url": {"url": url}}
        kind = "input_text" if self._client.entry.api == "responses" else "text"
        text = {"type": kind, "text": "Which colour is the picture? Answer with one word."}
        reply = await self._ask([{"role": "user", "content": [picture, text]}])
        if isinstance(reply, ToolkitError):
            self.takes |= {} if _is_lost(reply) else {"images": False}
            return _refused("images", reply)
        self.takes["images"] = True
        added = self._added(reply)
        if added is not None and added < _LEAST_SYSTEM_TOKENS:
            self.takes["images"] = False
            return Finding("images", "wrong", f"are dropped: the picture added {added} tokens")
        if "red" in reply.text.lower():
            return Finding("images", "yes", "it saw a red square")
        return Finding("images", "unknown", f"taken, but a red square is {_quoted(reply.text)}")

    async def _seed(self) -> Finding:
        if "seed" not in self._client.entry.accepts:
            return Finding("seed", "no", "it is not among what the model takes")
        if self._client.entry.api == "responses":
            said = "the Responses API takes none; with --seed a run asks for chat completions"
            return Finding("seed", "unknown", said)
        warm = 1.0 if "temperature" in self._client.entry.accepts else None
        texts = []
        for seed in (7, 7, 8):
            drawn = replace(self._sampling, seed=seed, temperature=warm)
            reply = await self._ask([_user(_DIGITS)], drawn)
            if isinstance(reply, ToolkitError):
                self.takes |= {} if _is_lost(reply) else {"seed": False}
                return _refused("seed", reply)
            texts.append(reply.text)
        self.takes["seed"] = texts[0] == texts[1] != texts[2]
        if texts[0] != texts[1]:
            return Finding("seed", "no", "the same seed gave two replies")
        if texts[1] == texts[2]:
            said = "another seed gave the same reply: samples of a task would all be alike"
            return Finding("seed", "wrong", said)
        return Finding("seed", "yes", "the same twice, another one with another seed")

    async def _limit(self) -> Finding:
        api = self._client.entry.api
        names = ["max_output_tokens"] if api == "responses" else ["max_tokens"]
        if api == "chat":
            names += ["max_completion_tokens"]
        heard = {}
        for name in names:
            bare = replace(self._sampling, max_tokens=None)
            reply = await self._ask([_user(_COUNTING)], bare, **{name: _FEW_TOKENS})
            if isinstance(reply, ToolkitError):
                heard[name] = _words(str(reply))
            elif reply.finish_reason == "length" or 0 < reply.usage.output_tokens <= _FEW_TOKENS:
                self.max_tokens_parameter = self.max_tokens_parameter or name
                heard[name] = "taken"
            else:
                heard[name] = f"ignored ({reply.usage.output_tokens} tokens came)"
        said = "; ".join(f"{name} {what}" for name, what in heard.items())
        used = self._client.entry.max_tokens_parameter
        if api == "chat" and heard.get(used) != "taken":
            return Finding("limit", "wrong", f"{said}; the toolkit sends {used}")
        return Finding("limit", "yes", said)

    def _context(self, described: Mapping[str, Any]) -> Finding:
        numbers = [_number_at(described, name) for name in _CONTEXT_FIELDS]
        told = next(filter(None, numbers), 0)
        self.context_tokens = told or self.context_tokens
        if not self.context_tokens:
            return Finding("context", "unknown", "the server's list of models does not say")
        by = "the server" if told else "the catalogue"
        return Finding("context", "yes", f"{self.context_tokens:,} tokens, says {by}")

    async def _long_prompt(self) -> Finding:
        count = self._long_prompt_tokens
        filler = " blue green" * (count // 2)
        text = f"The code word is OSPREY.{filler}\n\nWhich is the code word? Answer with the word."
        reply = await self._ask([_user(text)])
        if isinstance(reply, ToolkitError):
            limits = [int(re.sub(r"\D", "", one)) for one in _LIMIT.findall(str(reply))]
            about = [limit for limit in limits if 256 <= limit < count * 1.2]
            if about and not self.context_tokens:
                self.context_tokens = about[-1]
            return Finding("long prompt", "no", f"{count:,} tokens: {_words(str(reply))}")
        came = reply.usage.input_tokens
        if came and came < 0.7 * count:
            said = f"is cut without a word: of {count:,} tokens {came:,} reached the model"
            return Finding("long prompt", "wrong", said)
        if "OSPREY" in reply.text.upper():
            return Finding("long prompt", "yes", f"{came or count:,} tokens, read from the start")
        said = f"{came or count:,} tokens reach it; it answered {_quoted(reply.text)}"
        return Finding("long prompt", "unknown", said)

    def _price(self) -> Finding:
        assert self._plain is not None, "the first question was answered"
        price = price_per_million(self._client.entry)
        if price is not None:
            said = f"${price[0]:g} in, ${price[1]:g} out, per million tokens at most"
            return Finding("price", "yes", said)
        if self._plain.cost_usd is not None:
            return Finding("price", "yes", f"named with each reply: ${self._plain.cost_usd:.6f}")
        return Finding("price", "unknown", "give it with --price IN,OUT, or in models.toml")


def _is_lost(error: ToolkitError) -> bool:
    """Whether no answer came at all, so that nothing is known."""
    return isinstance(error, AttemptFailed) and error.status_code is None


def _refused(about: str, error: ToolkitError) -> Finding:
    return Finding(about, "unknown" if _is_lost(error) else "no", _words(str(error)))


def _nothing() -> None:
    """No-op callback."""


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _raw(reply: Reply) -> str:
    """The body as it came."""
    return reply.body or (unpacked_text(reply.body_zlib) if reply.body_zlib else "")


def _words(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _MOST_SHOWN else f"{flat[:_MOST_SHOWN]}…"


def _quoted(text: str) -> str:
    flat = " ".join(text.split())
    return json.dumps(flat if len(flat) <= 60 else f"{flat[:60]}…", ensure_ascii=False)


def _number_at(value: object, name: str) -> int:
    """The first positive whole number under this name, however deep; 0 if there is none."""
    if isinstance(value, Mapping):
        found = value.get(name)
        if isinstance(found, int) and not isinstance(found, bool) and found > 0:
            return found
        value = list(value.values())
    inner = value if isinstance(value, list) else []
    return next((found for one in inner if (found := _number_at(one, name))), 0)
