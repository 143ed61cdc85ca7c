"""A sample in several turns: the model runs Python between its thoughts, and then answers.

Each reply is journalled under a key that is made of the prompt and the replies before it, not of
what came of the calls: that may differ the next time, and nothing must be paid for twice for that.
What the model was shown stands in the journal beside the reply to it. A killed run shows the same
again for turns that were paid for, and runs their calls again only if it asks for another one.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from string import Template
from typing import Any, Literal

from agents.prompts.building import Answers, Showing, prompt_text
from agents.reply_parsing import extract_reasoning, extract_thinking
from agents.reply_parsing.markup import normalise_newlines, split_thinking
from utilities.errors import RequestFailed
from utilities.files.hashing import hash_of
from utilities.models.content import text_of
from utilities.models.interface import Message, Reply, ToolCall, Usage
from utilities.models.tool_calls import arguments_object
from utilities.models.tools import PYTHON, SUBMITS, fenced, results_in_text
from utilities.replies.asked_model import AskedModel, Turn
from utilities.results.entry import Sample
from utilities.sandbox.session import Session, Sessions
from utilities.tasks.task import Task

ToolKind = Literal["python", "python_text"]
"""Tools of the API, or blocks of the reply's text for servers that know no tools."""
Read = Callable[[Reply], Sample]
"""What an agent makes of a reply."""
Result = dict[str, Any]
"""What came of a call: `result`, the text that is shown; `status`; `duration_s`."""

_RUN_BLOCK = re.compile(
    r"^[ \t]{0,3}(?P<mark>`{3,}|~{3,})[ \t]*python[ \t]+run[ \t]*\n"
    r"(?P<code>.*?)(?:^[ \t]{0,3}(?P=mark)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_LAST = (
    "That was the last call: no other one will be answered. Give your final answer now, as you "
    "were told at the start."
)
_SILENT = "(no output)"


def tools_prompt(kind: ToolKind) -> str:
    """The name of the file with what the system prompt says of the tools."""
    return f"tools_{kind}_system"


@dataclass(frozen=True, slots=True)
class _Call:
    """A call as it is understood; `fault` says what is wrong with it."""

    told: ToolCall
    given: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None

    @property
    def name(self) -> str:
        return self.told["name"]


@dataclass(slots=True)
class _Talk:
    """How far a conversation is."""

    messages: list[Message]
    """What is sent."""
    named: list[Message]
    """What the key of the next request is made of."""
    replies: list[Reply] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    """The replies and what came of their calls, as entries have them."""
    results: Sequence[Result] = ()
    """What came of the last reply's calls."""
    session: Session | None = None
    """Opened by the first call that is run."""
    to_run_again: list[str] = field(default_factory=list)
    """Code of earlier turns that the open session has not run."""


class ToolConversation:
    """How the samples of a run's agent become conversations."""

    def __init__(
        self, kind: ToolKind, max_turns: int, sessions: Sessions, answers: Answers, showing: Showing
    ) -> None:
        """At most `max_turns` replies a sample; `answers` is what the agent's prompt asks for."""
        self._kind = kind
        self._max_turns = max_turns
        self._sessions = sessions
        self._answers: Answers = answers
        text = prompt_text(tools_prompt(kind), showing.folders)
        self._prompt = Template(text).safe_substitute(max_turns=max_turns)
        self._tools = (PYTHON, SUBMITS[answers]) if kind == "python" else ()

    def identity(self) -> dict[str, Any]:
        """What a sample depends on because of the tools."""
        tools = [one.to_json() for one in self._tools]
        return {
            "tools": self._kind,
            "max_turns": self._max_turns,
            "tools_prompt_hash": hash_of([self._prompt, _LAST, tools]),
        }

    async def sample(
        self,
        model: AskedModel,
        task: Task,
        index: int,
        messages: list[Message],
        *,
        key_messages: list[Message] | None,
        read: Read,
    ) -> Sample:
        """Ask until there is an answer; raises FatalModelError if no request could succeed."""
        prompt = self._with_tools(messages)
        named = prompt if key_messages is None else self._with_tools(key_messages)
        talk = _Talk([*prompt], [*named])
        async with AsyncExitStack() as stack:
            while True:
                turn = Turn(len(talk.replies) + 1, self._tools, talk.results)
                try:
                    reply = await model.ask(
                        task, index, talk.messages, key_messages=talk.named, turn=turn
                    )
                    calls = self._take(talk, reply)
                    sample = self._answer(talk, calls, read)
                    if sample is not None:
                        return replace(sample, prompt_messages=prompt, turns=tuple(talk.turns))
                    self._name_next(talk, reply)
                    known = model.results_shown(task, index, talk.named, self._tools)
                except RequestFailed as error:
                    return _failed(task, index, prompt, talk, error)
                if known is not None and _are_results(known, calls):
                    talk.results = [dict(one) for one in known]
                    talk.to_run_again += _codes_of(calls)
                else:
                    await self._run(task, talk, calls, stack)
                self._show(talk, calls)

    async def _run(
        self, task: Task, talk: _Talk, calls: Sequence[_Call], stack: AsyncExitStack
    ) -> None:
        """Run a reply's calls, in a session that stays open until `stack` ends."""
        if talk.session is None and any(one.fault is None for one in calls):
            inputs = [pair.input for pair in task.test]
            opening = self._sessions.open(task.train, inputs)
            talk.session = await stack.enter_async_context(opening)
        talk.results = await _results_of(calls, talk.session, talk.to_run_again)
        if len(talk.replies) + 1 == self._max_turns:
            talk.results[-1]["result"] += f"\n\n{_LAST}"

    def _with_tools(self, messages: Sequence[Message]) -> list[Message]:
        """The prompt with what it says of the tools at the end of its system text."""
        system = [one for one in messages if one["role"] == "system"]
        rest = [one for one in messages if one["role"] != "system"]
        texts = [*(text_of(one["content"]) for one in system), self._prompt]
        return [Message(role="system", content="\n\n".join(texts)), *rest]

    def _take(self, talk: _Talk, reply: Reply) -> list[_Call]:
        """Take a reply as the next turn; the calls in it."""
        calls = [self._read_call(call) for call in self._calls_in(reply)]
        talk.replies.append(reply)
        talk.turns.append(
            {
                "text": reply.text,
                "thinking": reply.reasoning,
                "tool_calls": [{**one.told, **_NOT_RUN} for one in calls],
                "finish_reason": reply.finish_reason,
                "usage": reply.usage.to_json(),
                "cost_usd": reply.cost_usd,
                "latency_s": reply.latency_s,
            }
        )
        return calls

    def _calls_in(self, reply: Reply) -> Sequence[ToolCall]:
        if self._kind == "python":
            return reply.tool_calls
        _, visible = split_thinking(normalise_newlines(reply.text))
        return [
            ToolCall(
                id=f"block_{number}",
                name=PYTHON.name,
                arguments=json.dumps({"code": block["code"]}, ensure_ascii=False),
            )
            for number, block in enumerate(_RUN_BLOCK.finditer(visible), start=1)
        ]

    def _read_call(self, call: ToolCall) -> _Call:
        names = [one.name for one in self._tools] or [PYTHON.name]
        if call["name"] not in names:
            known = " and ".join(names)
            return _Call(call, fault=f"There is no tool {call['name']!r:.100}; there are {known}.")
        wants = "outputs" if (call["name"], self._answers) == ("submit", "grids") else "code"
        given = arguments_object(call["arguments"])
        how = f'Call {call["name"]} with one JSON object, {{"{wants}": …}}.'
        if given is None:
            return _Call(call, fault=f"The arguments of this call are no JSON object. {how}")
        value = given.get(wants)
        is_right = isinstance(value, list) if wants == "outputs" else _is_code(value)
        if not is_right:
            kind = "a list of grids" if wants == "outputs" else "a text with Python code"
            return _Call(call, fault=f"`{wants}` is missing, or is not {kind}. {how}")
        return _Call(call, given)

    def _answer(self, talk: _Talk, calls: list[_Call], read: Read) -> Sample | None:
        """The sample if the conversation ends with its last reply."""
        for place, call in enumerate(calls):
            if call.name != "submit" or call.fault is not None:
                continue
            sample = self._submitted(talk, call, read)
            if sample.status == "ok":
                talk.turns[-1]["tool_calls"][place]["status"] = "submitted"
                return sample
            what = "no program with solve_task" if self._answers == "program" else "no grid"
            calls[place] = replace(
                call, fault=f"Nothing was handed in: {what} could be read in it."
            )
        if calls and len(talk.replies) < self._max_turns:
            return None
        whole = whole_reply(talk.replies)
        last = read(self._readable(whole, talk.replies[-1]))
        if last.status == "ok":
            return last
        for reply in reversed(talk.replies[:-1]):  # "the program above is right" is no program
            earlier = read(self._readable(whole, reply))
            if earlier.status == "ok":
                return earlier
        return replace(last, status="out_of_turns") if calls else last

    def _submitted(self, talk: _Talk, call: _Call, read: Read) -> Sample:
        """What the agent makes of what was handed in."""
        if self._answers == "program":
            text = fenced(call.given["code"], "python")
        else:
            grids = enumerate(call.given["outputs"], start=1)
            text = "\n\n".join(f"Test output {n}:\n{fenced(json.dumps(one))}" for n, one in grids)
        reply = replace(whole_reply(talk.replies), text=text, finish_reason="stop")
        said = talk.replies[-1]
        return replace(
            read(reply),
            reasoning=extract_reasoning(said.text, said.reasoning),
            thinking=extract_thinking(said.text, said.reasoning),
        )

    def _readable(self, whole: Reply, said: Reply) -> Reply:
        """One of the replies, with tokens and cost of all; blocks to be run are no answer."""
        is_text = self._kind == "python_text"
        text = _RUN_BLOCK.sub("", normalise_newlines(said.text)) if is_text else said.text
        return replace(whole, text=text, reasoning=said.reasoning, finish_reason=said.finish_reason)

    def _name_next(self, talk: _Talk, reply: Reply) -> None:
        """Add the last reply to what the next request's key is made of."""
        calls = [[_held(call["name"]), _held(call["arguments"])] for call in reply.tool_calls]
        said = Message(role="assistant", content=_held(reply.text))
        is_last = len(talk.replies) + 1 == self._max_turns
        told = json.dumps({"calls": calls, **({"is_last": True} if is_last else {})})
        talk.named += [said, Message(role="tool", content=told)]

    def _show(self, talk: _Talk, calls: Sequence[_Call]) -> None:
        """Add the last reply and what came of its calls to what is sent next."""
        reply, results = talk.replies[-1], talk.results
        for told, result in zip(talk.turns[-1]["tool_calls"], results, strict=True):
            told.update(result)
        said = Message(role="assistant", content=reply.text)
        if self._kind == "python_text":
            shown = results_in_text([one["result"] for one in results])
            talk.messages += [said, Message(role="user", content=shown)]
            return
        said["tool_calls"] = reply.tool_calls
        if reply.replay is not None:
            said["replay"] = reply.replay
        talk.messages += [
            said,
            *(
                Message(role="tool", content=result["result"], tool_call_id=call.told["id"])
                for call, result in zip(calls, results, strict=True)
            ),
        ]


_NOT_RUN: Result = {"result": None, "status": "not_run", "duration_s": None}


async def _results_of(
    calls: Sequence[_Call], session: Session | None, to_run_before: list[str]
) -> list[Result]:
    """Run the calls, in their order; those that cannot be understood are answered all the same."""
    while session is not None and to_run_before:
        await session.run(to_run_before.pop(0))
    results = []
    for call in calls:
        if call.fault is not None or session is None:
            results.append({"result": call.fault, "status": "malformed", "duration_s": 0.0})
            continue
        came = await session.run(call.given["code"])
        seconds = round(came.duration_s, 6)
        results.append(
            {"result": _held(came.text or _SILENT), "status": came.status, "duration_s": seconds}
        )
    return results


def _are_results(known: Sequence[Any], calls: Sequence[_Call]) -> bool:
    """Whether a journal's line has a result for each call."""
    shown = [one.get("result") for one in known if isinstance(one, dict)]
    return len(shown) == len(calls) and all(isinstance(text, str) for text in shown)


def _codes_of(calls: Sequence[_Call]) -> Iterator[str]:
    return (one.given["code"] for one in calls if one.fault is None)


def _failed(
    task: Task, index: int, prompt: list[Message], talk: _Talk, error: RequestFailed
) -> Sample:
    """The sample of a conversation that broke off; what was paid for counts."""
    sample = Sample(
        task_id=task.task_id,
        index=index,
        prompt_messages=prompt,
        status=error.status,
        error=str(error),
        failed_attempts=error.failed_attempts,
    )
    if not talk.replies:
        return sample
    whole = whole_reply(talk.replies)
    failed = (*whole.failed_attempts, *error.failed_attempts)
    reply = replace(whole, failed_attempts=failed, attempts=whole.attempts + error.attempts)
    return replace(sample, reply=reply, turns=tuple(talk.turns))


def whole_reply(replies: Sequence[Reply]) -> Reply:
    """The last reply with tokens, cost, waiting time and attempts of all.

    The cost is unknown if that of any of them is.
    """
    costs = [one.cost_usd for one in replies if one.cost_usd is not None]
    used = [one.usage.to_json() for one in replies]
    return replace(
        replies[-1],
        usage=Usage(**{name: sum(one[name] for one in used) for name in used[0]}),
        cost_usd=sum(costs) if len(costs) == len(replies) else None,
        latency_s=sum(one.latency_s for one in replies),
        attempts=sum(one.attempts for one in replies),
        failed_attempts=tuple(failed for one in replies for failed in one.failed_attempts),
    )


def _is_code(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _held(text: str) -> str:
    """The text as a journal holds it: lone surrogates are question marks there."""
    return text.encode("utf-8", "replace").decode("utf-8")
