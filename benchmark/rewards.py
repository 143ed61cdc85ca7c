"""What an answer to a task earns: a completion, a program or grids, judged as in the benchmarks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.reply_parsing import extract_code, extract_grids
from utilities.scoring.outcomes import score_attempts
from utilities.tasks.grids import check_grid
from utilities.tasks.task import Grid, Task
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import Verifier

AnswerKind = Literal["program", "grids"]
RewardRule = Literal["solved", "share"]
Label = Literal["verified", "hardcoded", "nondeterministic", "train_only", "wrong", "no_answer"]
_FORMS = ("completion", "code", "grids")
_MOST_GRIDS = 100


class BadRequest(ValueError):
    """A request is not of the form that is served; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a task, read out of a request; without `code` and `grids` there was none."""

    task: Task
    code: str | None = None
    grids: tuple[Grid | None, ...] | None = None

    @classmethod
    def of(cls, item: object, tasks: Mapping[str, Task], kind: AnswerKind) -> "Answer":
        """Read `{"task_id", "completion" | "code" | "grids"}`.

        A completion is a text, or a list of messages whose last one counts; an answer of this
        `kind` is looked for in it. `grids` has one for each test input. Raises BadRequest.
        """
        if not isinstance(item, dict):
            raise BadRequest("is no object with task_id and completion, code or grids")
        task_id = item.get("task_id")
        task = tasks.get(task_id) if isinstance(task_id, str) else None
        if task is None:
            raise BadRequest(f"has the task_id {task_id!r}, which is not in the dataset")
        given = [name for name in _FORMS if item.get(name) is not None]
        if len(given) != 1:
            raise BadRequest("needs one of completion, code and grids")
        value = item[given[0]]
        if given == ["grids"]:
            return cls(task, grids=_checked_grids(value, task))
        text = _text_of(value) if given == ["completion"] else value
        if not isinstance(text, str):
            raise BadRequest(f"has a {given[0]} that is no text")
        if given == ["code"]:
            return cls(task, code=text)
        if kind == "grids":
            grids = extract_grids(text, len(task.test))
            return cls(task, grids=grids if any(grids) else None)
        found = extract_code(text)
        return cls(task, code=None if found is None else found.python_code)


def _text_of(completion: object) -> object:
    """The text of a completion; of messages that of the last."""
    match completion:
        case [*_, {"content": str(text)}]:
            return text
        case _:
            return completion


def _checked_grids(value: object, task: Task) -> tuple[Grid | None, ...]:
    if not isinstance(value, list) or len(value) > _MOST_GRIDS:
        raise BadRequest("has grids that are no list, one grid for each test input")
    for number, grid in enumerate(value):
        if grid is not None and (fault := check_grid(grid)):
            raise BadRequest(f"has grids[{number}], which {fault}")
    if len(value) != len(task.test):
        raise BadRequest(f"has {len(value)} grids; its task has {len(task.test)} test inputs")
    return tuple(value)


@dataclass(frozen=True, slots=True)
class Reward:
    """What an answer earned: `status` says how its program ended, `label` what it is worth."""

    reward: float
    label: Label
    status: str
    train_passed: tuple[bool, ...] = ()
    test_passed: tuple[bool | None, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All fields, as they are served."""
        return {
            "reward": self.reward,
            "train_passed": self.train_passed,
            "test_passed": self.test_passed,
            "status": self.status,
            "label": self.label,
        }


async def reward_of(answer: Answer, verifier: Verifier, rule: RewardRule) -> Reward:
    """The reward of an answer.

    By the rule `solved` it is 1 for an answer that is right on every pair, else 0. By `share` it
    is the share of its task's pairs that are right; of the test outputs, for grids. A program
    whose source holds an output, or whose outputs vary from run to run, earns 0.
    """
    if answer.grids is not None:
        expected = [pair.output for pair in answer.task.test]
        right = score_attempts([[grid] for grid in answer.grids], expected)
        label: Label = "verified" if all(right) else "wrong"
        return Reward(_earned(right, rule), label, "ok", (), right)
    if answer.code is None:
        return Reward(0.0, "no_answer", "no_answer")
    (verdict,) = await verifier.judge(answer.task, [answer.code])
    assert verdict is not None
    label = _label_of(verdict)
    earns = label not in {"hardcoded", "nondeterministic"}
    reward = _earned((*verdict.train, *verdict.test), rule) if earns else 0.0
    return Reward(reward, label, verdict.execution_status, verdict.train, verdict.test)


def _earned(right: tuple[bool | None, ...], rule: RewardRule) -> float:
    share = sum(map(bool, right)) / len(right)
    return share if rule == "share" else float(share == 1)


def _label_of(verdict: Verdict) -> Label:
    if not verdict.passed_train:
        return "wrong"
    if verdict.hardcoded is not False:
        return "hardcoded"
    if verdict.deterministic is not True:
        return "nondeterministic"
    return "verified" if verdict.passed_all else "train_only"
