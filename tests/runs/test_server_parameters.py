"""What a server alone knows, asked for on the command line: `--extra_body`, `--system_as_user`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply, status
from tests.support.scripts import Run, entries

REASONING = "synthetic_data_generators/generate_reasoning_data.py"
CODE_BENCHMARK = "benchmark/run_code_benchmark.py"
EXTRA = '{"top_k": 20, "chat_template_kwargs": {"enable_thinking": false}}'


def arguments(server: LoopbackServer, data: Path, output: Path) -> list[str | Path]:
    return [
        "--model_identifier", "local:m", "--base_url", server.openai_url,
        "--dataset_directory", data, "--output_directory", output,
    ]  # fmt: skip


def test_extra_fields_are_sent_kept_and_part_of_what_is_bought(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=reply("Because.")) as server:
        common = arguments(server, dataset(count=2), tmp_path / "out")
        for more in (["--extra_body", EXTRA], ["--extra_body", EXTRA], []):
            assert run_script(REASONING, *common, *more).returncode == 0
        bodies = [request.body for request in server.ledger()]
    with_extra = [body for body in bodies if body.get("top_k") == 20]
    assert (len(bodies), len(with_extra)) == (4, 2)
    assert with_extra[0]["chat_template_kwargs"] == {"enable_thinking": False}
    first, again, without = entries(tmp_path / "out" / "reasoning_data_results.jsonl", "metadata")
    assert first["configuration"]["sampling"]["extra_body"]["top_k"] == 20
    assert first["options"]["extra_body"]["top_k"] == 20
    assert again["configuration_hash"] == first["configuration_hash"]
    assert set(without["configuration"]["sampling"]) == {"temperature", "max_tokens"}


def test_a_run_is_started_again_with_its_extra_fields(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=reply("no code")) as server:
        common = arguments(server, dataset(count=1), tmp_path / "out")
        run_script(CODE_BENCHMARK, *common, "--extra_body", EXTRA, "--system_as_user")
        done = run_script(
            CODE_BENCHMARK, "--from_metadata", tmp_path / "out" / "code_benchmark_results.jsonl"
        )
        assert len(server.ledger()) == 1
    assert "configuration" not in done.stderr
    assert "extra_body" not in done.stderr


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ('{"messages": []}', "messages cannot be set there"),
        ('{"max_tokens": 1}', "give --max_tokens"),
        ("[1]", "no JSON object"),
        ("top_k=1", "is no JSON"),
    ],
)
def test_what_is_set_by_the_toolkit_or_is_no_json_is_one_line(
    extra: str, words: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        REASONING, "--model_identifier", "local:m", "--dataset_directory", dataset(count=1),
        "--output_directory", tmp_path / "out", "--extra_body", extra,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_a_server_without_a_system_role_gets_one_message(
    api: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=reply("Because.")) as server:
        common = arguments(server, dataset(count=1), tmp_path / "out")
        if api == "anthropic":
            common[1], common[3] = "anthropic:m", server.anthropic_url
        assert run_script(REASONING, *common).returncode == 0
        assert run_script(REASONING, *common, "--system_as_user").returncode == 0
        usual, merged = (request.body for request in server.ledger())
    system = usual.get("system") or usual["messages"][0]["content"]
    text = f"{system}\n\n{usual['messages'][-1]['content']}"
    assert merged["messages"] == [{"role": "user", "content": text}]
    assert "system" not in merged
    before, after = entries(tmp_path / "out" / "reasoning_data_results.jsonl", "metadata")
    assert "system_as_user" not in before["configuration"]["sampling"]
    assert after["configuration"]["sampling"]["system_as_user"] is True
    assert after["options"]["system_as_user"] is True


def test_a_server_that_refuses_the_system_role_is_told_with_the_way_out(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=status(500, "Jinja error: System role not supported")) as server:
        done = run_script(REASONING, *arguments(server, dataset(count=1), tmp_path / "out"))
        assert len(server.ledger()) == 1
    assert "System role not supported; --system_as_user" in done.stderr
