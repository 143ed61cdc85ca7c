"""Models from files, asked by the real scripts: each with its own key, which goes nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply, status
from tests.support.scripts import Run, entries

REASONING = "synthetic_data_generators/generate_reasoning_data.py"
BENCHMARK = "benchmark/run_direct_benchmark.py"
ANSWER = reply("```json\n[[0]]\n```", input_tokens=1000, cached_input_tokens=600, output_tokens=200)


def test_two_providers_in_one_call_each_get_their_own_key_and_parameters(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=ANSWER) as one, LoopbackServer(then=ANSWER) as other:
        (tmp_path / "models.toml").write_text(
            f"""
            [first]
            model = "acme/rocket"
            base_url = "{one.openai_url}"
            api_key_env = "FIRST_API_KEY"
            price = {{ in = 1.0, out = 10.0, cached = 0.1 }}
            extra_body = {{ top_k = 20 }}
            extra_headers = {{ X-Team = "team-of-the-first" }}
            temperature = 0.5

            [second]
            model = "acme-thinks"
            base_url = "{other.anthropic_url}"
            api = "messages"
            api_key_env = "SECOND_API_KEY"
            system_as_user = true
            seed = 4
            """
        )
        done = run_script(
            BENCHMARK, "--model_identifier", "first,second", "--dataset_directory",
            dataset(count=1), "--output_directory", tmp_path / "out", "--temperature", "0",
            "--verbose", FIRST_API_KEY="key-of-the-first", SECOND_API_KEY="key-of-the-second",
        )  # fmt: skip
        (to_first,), (to_second,) = one.ledger(), other.ledger()
    assert done.returncode == 0, done.stderr
    assert to_first.headers["authorization"] == "Bearer key-of-the-first"
    assert to_first.headers["x-team"] == "team-of-the-first"
    assert (to_first.body["model"], to_first.body["top_k"]) == ("acme/rocket", 20)
    assert to_first.body["temperature"] == 0
    assert to_second.headers["authorization"] == "Bearer key-of-the-second"
    assert "system" not in to_second.body
    assert (to_second.body["temperature"], to_second.body["seed"]) == (0, 4)
    assert "key-of-the-first" not in str(to_second)
    assert "key-of-the-second" not in str(to_first)
    first, second = entries(tmp_path / "out" / "direct_benchmark_results.jsonl", "metadata")
    assert (first["model_identifier"], first["model"]) == ("first", "first:acme/rocket")
    assert first["configuration"]["sampling"] == {
        "temperature": 0.0, "max_tokens": None, "extra_body": {"top_k": 20},
    }  # fmt: skip
    assert first["cost_usd"] == pytest.approx((400 * 1 + 600 * 0.1 + 200 * 10) / 1e6)
    assert second["configuration"]["sampling"]["system_as_user"] is True
    written = [path.read_text() for path in (tmp_path / "out").iterdir()]
    for secret in ("key-of-the-first", "key-of-the-second", "team-of-the-first"):
        assert not any(secret in text for text in (*written, done.stdout, done.stderr))


def test_a_secret_header_that_a_server_repeats_is_not_shown(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    secret = "the-secret-of-the-gateway"
    with LoopbackServer(then=status(400, f"bad header {secret}")) as server:
        (tmp_path / "own.toml").write_text(
            f'[mine]\nmodel = "m"\nbase_url = "{server.openai_url}"\n'
            f'extra_headers = {{ X-Gateway = "{secret}" }}\n'
        )
        done = run_script(
            REASONING, "--models", "own.toml", "--model_identifier", "mine",
            "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out",
        )  # fmt: skip
    assert "bad header [key]" in done.stderr
    assert not any(secret in path.read_text() for path in (tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("header", "repeated"),
    [
        ('X-Gateway = "Bearer the-secret-of-the-gateway"', "the-secret-of-the-gateway"),
        ('X-Gateway-Token = "short-1"', "short-1"),
    ],
)
def test_a_secret_header_that_a_reply_repeats_is_written_nowhere(
    header: str, repeated: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    said = reply(f"My gateway got {repeated} and key-of-mine-7.", reasoning=f"It is {repeated}.")
    with LoopbackServer(then=said) as server:
        (tmp_path / "own.toml").write_text(
            f'[mine]\nmodel = "m"\nbase_url = "{server.openai_url}"\n'
            f"extra_headers = {{ {header} }}\n"
        )
        done = run_script(
            REASONING, "--models", "own.toml", "--model_identifier", "mine", "--verbose",
            "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out",
            BASE_URL_API_KEY="key-of-mine-7",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = [path.read_text() for path in (tmp_path / "out").iterdir()]
    for secret in (repeated, "key-of-mine-7"):
        assert not any(secret in text for text in (*written, done.stdout, done.stderr))


def test_a_changed_parameter_in_the_file_is_asked_anew_and_a_changed_address_is_not(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    data, counts = dataset(count=1), []
    with LoopbackServer(then=reply("Because.")) as one, LoopbackServer(then=reply("So.")) as other:
        for server, top_k in ((one, 1), (one, 1), (other, 1), (other, 2)):
            (tmp_path / "models.toml").write_text(
                f'[mine]\nmodel = "m"\nbase_url = "{server.openai_url}"\n'
                f"extra_body = {{ top_k = {top_k} }}\n"
            )
            run_script(
                REASONING, "--model_identifier", "mine", "--dataset_directory", data,
                "--output_directory", tmp_path / "out",
            )  # fmt: skip
            counts.append((len(one.ledger()), len(other.ledger())))
    assert counts == [(1, 0), (1, 0), (1, 0), (1, 1)]


def test_models_of_arc_agi_benchmarking_are_dry_run_and_what_cannot_be_asked_says_so(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    file = Path(__file__).parents[1] / "model_files" / "models.yml"
    common = ["--models", file, "--dataset_directory", dataset(count=1), "--dry_run"]
    names = ("own-server", "gpt-limited", "claude-thinks", "gemini-thinks", "grok-limited")
    done = run_script(BENCHMARK, *common, "--model_identifier", ",".join(names))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("requests  1 to make") == len(names)
    done = run_script(BENCHMARK, *common, "--model_identifier", "own-server,agent")
    assert done.returncode == 2
    assert done.stderr == (
        "error: --model_identifier agent: it is an agent's command line (Codex), not a model's "
        "API\n"
    )


def test_a_missing_key_of_a_file_is_one_line_that_names_its_variable(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    (tmp_path / "models.toml").write_text(
        '[mine]\nmodel = "m"\nbase_url = "http://127.0.0.1:9"\napi_key_env = "MINE_API_KEY"\n'
    )
    done = run_script(
        REASONING, "--model_identifier", "mine", "--dataset_directory", dataset(count=1)
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: mine needs a key: set MINE_API_KEY")
    assert done.stderr.count("\n") == 1
