"""The server of rewards, as a trainer's reward function asks it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from benchmark.reward_server import RewardServer, ServedRewards
from tests.support.scripts import Run, clean_environment, script_command
from utilities.errors import WorkersLost
from utilities.tasks.task import Task
from utilities.verification.verdict import Verdict

SCRIPT = "benchmark/serve_rewards.py"
MIRROR = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
TRAIN_ONLY = (
    "def solve_task(grid):\n    return [row[::-1] if row[0] < 3 else row for row in grid]\n"
)
VARYING = (
    "def solve_task(grid):\n"
    "    if grid[0][0] == 3:\n        return [[hash('a') % 10, hash('b') % 10]]\n"
    "    return [row[::-1] for row in grid]\n"
)
SLOW = "import time\ndef solve_task(grid):\n    time.sleep(1)\n    return grid\n# {}\n"
TASK = {
    "train": [{"input": [[1, 2, 0]], "output": [[0, 2, 1]]}],
    "test": [{"input": [[3, 4]], "output": [[4, 3]]}, {"input": [[5], [6]], "output": [[5], [6]]}],
}
ROWS = [[number, 0, number + 1] * 3 for number in range(1, 6)]
WIDE = {
    "train": [{"input": ROWS, "output": [row[::-1] for row in ROWS]}],
    "test": [{"input": [[1, 2]], "output": [[2, 1]]}],
}
TASKS = {"mirror": TASK, "wide": WIDE}
IN_PROCESS = {"mirror": Task.from_json("mirror", TASK)}
LOST = "lost"
ALL_RIGHT = Verdict((True,), (True, True), (), deterministic=True, hardcoded=False)


class Answered(NamedTuple):
    status: int
    content: Any
    headers: dict[str, str]


class Server:
    """The running script."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        (folder / "tasks").mkdir()
        for name, task in TASKS.items():
            (folder / "tasks" / f"{name}.json").write_text(json.dumps(task))
        words = ("--port", "0", "--dataset_directory", str(folder / "tasks"), *options)
        self.process = subprocess.Popen(
            script_command(SCRIPT, *words),
            env=clean_environment(**environment),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr
        said = self.process.stderr.readline()
        found = re.search(r"at (http://\S+);", said)
        assert found, said + self.process.stderr.read()
        self.url = found[1]

    def ask(self, path: str, content: Any = None, **headers: str) -> Answered:
        body = (
            content
            if content is None or isinstance(content, bytes)
            else json.dumps(content).encode()
        )
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return Answered(reply.status, _read(reply), dict(reply.headers))
        except urllib.error.HTTPError as error:
            return Answered(error.code, _read(error), dict(error.headers))

    def reward(self, **item: Any) -> dict[str, Any]:
        answered = self.ask("/reward", {"task_id": "mirror"} | item)
        assert answered.status == 200, answered
        return dict(answered.content)


def _read(reply: Any) -> Any:
    text = reply.read().decode()
    return json.loads(text) if "json" in reply.headers["Content-Type"] else text


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    server = Server(folder, *options, **environment)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("rewards")) as started:
        yield started


def test_a_right_program_earns_one_and_says_what_it_passed(server: Server) -> None:
    assert server.reward(code=MIRROR) == {
        "reward": 1.0,
        "train_passed": [True],
        "test_passed": [True, True],
        "status": "ok",
        "label": "verified",
    }


@pytest.mark.parametrize(
    "completion",
    [
        f"<think>a mirror</think>\nSo:\n```python\n{MIRROR}```",
        [{"role": "assistant", "content": f"```python\n{MIRROR}```"}],
        [{"role": "assistant", "content": ""}, {"role": "assistant", "content": MIRROR}],
    ],
)
def test_a_completion_is_read_as_replies_are(server: Server, completion: Any) -> None:
    assert server.reward(completion=completion)["reward"] == 1


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ({"code": TRAIN_ONLY}, "train_only"),
        ({"code": "def solve_task(grid):\n    return grid\n"}, "wrong"),
        ({"code": "def solve_task(grid):\n    return 1 / 0\n"}, "wrong"),
        ({"code": "import os\nos._exit(0)"}, "wrong"),
        ({"code": ""}, "wrong"),
        ({"completion": "I do not know."}, "no_answer"),
        ({"completion": ""}, "no_answer"),
        ({"completion": []}, "bad"),
        ({"grids": [[[4, 3]], [[5], [6]]]}, "verified"),
        ({"grids": [[[4, 3]], None]}, "wrong"),
    ],
)
def test_each_answer_gets_its_label(server: Server, item: dict[str, Any], label: str) -> None:
    if label == "bad":
        assert server.ask("/reward", {"task_id": "mirror", **item}).status == 400
        return
    told = server.reward(**item)
    assert (told["label"], told["reward"]) == (label, float(label == "verified"))


def test_a_program_that_holds_an_output_earns_nothing(server: Server) -> None:
    told = server.reward(
        task_id="wide", code=f"def solve_task(grid):\n    return {[row[::-1] for row in ROWS]}\n"
    )
    assert told["train_passed"] == [True]
    assert (told["label"], told["reward"]) == ("hardcoded", 0)


def test_a_program_whose_outputs_vary_earns_nothing(server: Server) -> None:
    told = server.reward(code=VARYING)
    assert told["train_passed"] == [True]
    assert (told["label"], told["reward"]) == ("nondeterministic", 0)


def test_rewards_of_a_batch_come_in_its_order(server: Server) -> None:
    codes = [MIRROR, TRAIN_ONLY, "", MIRROR] * 5
    items = [{"task_id": "mirror", "code": code} for code in codes]
    for content in ({"items": items}, items):
        answered = server.ask("/batch_reward", content)
        rewards = [one["reward"] for one in answered.content["rewards"]]
        assert rewards == [1, 0, 0, 1] * 5


@pytest.mark.parametrize(
    ("path", "content", "status", "said"),
    [
        ("/reward", b"{", 400, "no JSON"),
        ("/reward", [1], 400, "item 0 is no object"),
        ("/reward", {"task_id": "x", "code": ""}, 400, "'x', which is not in the dataset"),
        ("/reward", {"task_id": ["x"], "code": ""}, 400, "not in the dataset"),
        ("/reward", {"task_id": "mirror"}, 400, "needs one of"),
        ("/reward", {"task_id": "mirror", "code": "", "grids": []}, 400, "needs one of"),
        ("/reward", {"task_id": "mirror", "code": 7}, 400, "no text"),
        ("/reward", {"task_id": "mirror", "grids": [[[1]]]}, 400, "1 grids; its task has 2"),
        ("/reward", {"task_id": "mirror", "grids": [[[11]], [[1]]]}, 400, "grids[0], which"),
        ("/batch_reward", 7, 400, "send a list"),
        ("/batch_reward", {"items": [{"task_id": "mirror", "code": ""}, 7]}, 400, "item 1 is no"),
        ("/nothing", 7, 404, "Not Found"),
    ],
)
def test_a_request_of_another_form_is_told_what_is_wrong(
    server: Server, path: str, content: Any, status: int, said: str
) -> None:
    answered = server.ask(path, content)
    assert answered.status == status
    assert said in answered.content["error"]


def test_health_and_metrics_tell_what_happened(server: Server) -> None:
    server.reward(code=MIRROR)
    assert server.ask("/health").content["tasks"] == 2
    families = text_string_to_metric_families(server.ask("/metrics").content)
    samples = [sample for family in families for sample in family.samples]
    (verified,) = (
        sample.value
        for sample in samples
        if (sample.name, sample.labels) == ("arc_rewards_total", {"label": "verified"})
    )
    assert verified >= 1
    assert {sample.name: sample.value for sample in samples}["arc_reward_waiting"] == 0


def test_grids_in_completions_and_shares_are_rewarded_on_request(tmp_path: Path) -> None:
    with serving(tmp_path, "--answers", "grids", "--reward", "share") as server:
        half = server.reward(completion="Test output 1:\n4 3\n\nTest output 2:\n6\n5")
        assert (half["reward"], half["test_passed"]) == (0.5, [True, False])
        assert server.reward(code=TRAIN_ONLY)["reward"] == pytest.approx(2 / 3)


def test_who_has_no_token_gets_no_reward(tmp_path: Path) -> None:
    with serving(tmp_path, REWARD_SERVER_TOKEN="a-long-token") as server:
        item = {"task_id": "mirror", "code": MIRROR}
        assert server.ask("/reward", item).status == 401
        assert server.ask("/reward", item, Authorization="Bearer other").status == 401
        assert server.ask("/metrics").status == 401
        assert server.ask("/health").status == 200
        assert server.ask("/reward", item, Authorization="Bearer a-long-token").status == 200


def test_a_killed_worker_costs_no_reward(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        items = [{"task_id": "mirror", "code": f"{MIRROR}# {number}"} for number in range(120)]
        with ThreadPoolExecutor(8) as pool:
            replies = [pool.submit(server.ask, "/reward", item) for item in items]
            replies[30].result()
            listed = Path(f"/proc/{server.process.pid}/task").glob("*/children")
            workers = [int(pid) for path in listed for pid in path.read_text().split()]
            os.kill(workers[0], signal.SIGKILL)
            rewards = [reply.result().content["reward"] for reply in replies]
    assert rewards == [1] * 120


def test_others_are_let_in_only_with_a_token(run_script: Run) -> None:
    done = run_script(SCRIPT, "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "set REWARD_SERVER_TOKEN first" in done.stderr


def test_a_port_that_is_taken_is_one_line(run_script: Run, tmp_path: Path) -> None:
    (tmp_path / "mirror.json").write_text(json.dumps(TASK))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_script(SCRIPT, "--port", port, "--dataset_directory", tmp_path)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_evaluation_tasks_are_left_out(run_script: Run) -> None:
    done = run_script(SCRIPT, "--dataset", "arc2_evaluation")
    assert done.returncode == 2
    assert "left out: 120 tasks of ARC-AGI's evaluation sets" in done.stderr


@pytest.mark.slow
def test_what_was_accepted_is_answered_before_a_signal_ends_the_server(tmp_path: Path) -> None:
    with serving(tmp_path, "--wall_s", "3") as server, ThreadPoolExecutor() as pool:
        slow = [
            {"task_id": "mirror", "code": SLOW.format(1)},
            {"task_id": "mirror", "code": MIRROR},
        ]
        accepted = pool.submit(server.ask, "/batch_reward", slow)
        while server.ask("/health").content["waiting"] < 2:
            pass
        server.process.send_signal(signal.SIGTERM)
        while (refused := server.ask("/reward", slow[1])).status == 200:
            pass
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert [one["reward"] for one in accepted.result().content["rewards"]] == [0, 1]
        _, said = server.process.communicate(timeout=30)
    assert (server.process.returncode, said) == (143, "stopped\n")


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_rewards(tmp_path: Path) -> None:
    with serving(tmp_path, "--wall_s", "60") as server, ThreadPoolExecutor() as pool:
        endless = {"task_id": "mirror", "code": SLOW.replace("1)", "50)")}
        lost = pool.submit(server.ask, "/reward", endless)
        while server.ask("/health").content["waiting"] < 1:
            pass
        server.process.send_signal(signal.SIGTERM)
        while server.ask("/health").status == 200:
            pass
        server.process.send_signal(signal.SIGTERM)
        _, said = server.process.communicate(timeout=30)
        assert lost.exception() or lost.result().status >= 500
    assert (server.process.returncode, said) == (
        143,
        "stopped: 1 answers under way have no reward\n",
    )


class PausedVerifier:
    """Judges nothing before it is let."""

    layers = "none"
    programs_ahead = 1

    def __init__(self) -> None:
        """Nothing is let."""
        self.goes_on = asyncio.Event()

    async def judge(self, task: Task, codes: Sequence[str | None], **_: Any) -> Any:
        """Wait, and find every program right."""
        if LOST in codes:
            raise WorkersLost("workers died; try again later")
        await self.goes_on.wait()
        return [ALL_RIGHT for _ in codes]


async def until_waiting(server: RewardServer, count: int) -> None:
    while server.waiting != count:
        await asyncio.sleep(0)


async def test_more_than_may_wait_is_refused_until_there_is_room() -> None:
    verifier = PausedVerifier()
    server = RewardServer(ServedRewards(IN_PROCESS, verifier, most_waiting=4))
    item = {"task_id": "mirror", "code": MIRROR}
    async with TestClient(TestServer(server.application())) as client:
        assert (await client.post("/batch_reward", json=[item] * 8)).status == 413
        first = asyncio.create_task(client.post("/batch_reward", json=[item] * 4))
        await until_waiting(server, 4)
        refused = await client.post("/reward", json=item)
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        verifier.goes_on.set()
        assert (await first).status == 200
        assert (await client.post("/reward", json=item)).status == 200


async def test_an_ending_server_gives_accepted_rewards_and_takes_no_more() -> None:
    verifier = PausedVerifier()
    server = RewardServer(ServedRewards(IN_PROCESS, verifier))
    item = {"task_id": "mirror", "code": MIRROR}
    async with TestClient(TestServer(server.application())) as client:
        accepted = asyncio.create_task(client.post("/batch_reward", json=[item] * 2))
        await until_waiting(server, 2)
        draining = asyncio.create_task(server.drain())
        await asyncio.sleep(0)
        refused = await client.post("/reward", json=item)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert not draining.done()
        verifier.goes_on.set()
        rewards = (await (await accepted).json())["rewards"]
        assert [one["reward"] for one in rewards] == [1, 1]
        await draining


async def test_those_beside_a_lost_answer_are_counted_and_waited_for() -> None:
    verifier = PausedVerifier()
    server = RewardServer(ServedRewards(IN_PROCESS, verifier))
    items = [{"task_id": "mirror", "code": code} for code in (MIRROR, LOST, MIRROR)]
    async with TestClient(TestServer(server.application())) as client:
        asked = asyncio.create_task(client.post("/batch_reward", json=items))
        await until_waiting(server, 3)
        await client.get("/health")  # meanwhile the lost one has raised
        assert server.waiting == 3
        verifier.goes_on.set()
        assert (await asked).status == 503
        told = await (await client.get("/metrics")).text()
    assert 'arc_rewards_total{label="verified"} 2.0' in told
    assert server.waiting == 0


class LostVerifier:
    """All its workers have died."""

    layers = "none"
    programs_ahead = 1

    async def judge(self, *_: Any, **__: Any) -> Any:
        raise WorkersLost("workers died; try again later")


async def test_lost_workers_are_no_wrong_reward_but_a_503_that_says_when_to_ask() -> None:
    application = RewardServer(ServedRewards(IN_PROCESS, LostVerifier())).application()
    async with TestClient(TestServer(application)) as client:
        item = {"task_id": "mirror", "code": MIRROR}
        reply = await client.post("/batch_reward", json=[item, item])
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert await reply.json() == {"error": "workers died; try again later"}
        grids = {"task_id": "mirror", "grids": [[[4, 3]], [[5], [6]]]}
        assert (await (await client.post("/reward", json=grids)).json())["reward"] == 1


async def test_a_body_that_is_too_large_is_told_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.reward_server.LARGEST_BODY_BYTES", 1 << 20)
    application = RewardServer(ServedRewards(IN_PROCESS, LostVerifier())).application()
    async with TestClient(TestServer(application)) as client:
        reply = await client.post("/reward", data=b" " * (1 << 20) + b" ")
        assert reply.status == 413
        assert await reply.json() == {"error": "send at most 1 MiB in a request"}


def test_ctrl_c_ends_the_server_with_one_line(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.process.send_signal(signal.SIGINT)
        _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 130
    assert said.startswith("stopped")
    assert len(said.splitlines()) == 1
