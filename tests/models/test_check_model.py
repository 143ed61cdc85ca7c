"""`check_model.py`: what a model can do, and the faults of servers that no error tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback_server import LoopbackServer, status
from tests.support.scripts import Run
from tests.support.template_server import TemplateServer
from utilities.config import models_of_file

CHECK = "auxiliary_utilities/check_model.py"
Check = Callable[..., tuple[dict[str, tuple[str, str]], Any]]


@pytest.fixture
def check(run_script: Run) -> Check:
    """Check the model of a server; returns verdict and words by question, and the process."""

    def run(server: TemplateServer, *more: str) -> tuple[dict[str, tuple[str, str]], Any]:
        done = run_script(CHECK, "local:m", "--base_url", server.url, *more)
        assert "Traceback" not in done.stderr
        lines = done.stdout.partition("\n\n")[0].splitlines()[1:]
        cells = [(line[2:16].strip(), line[17:25].strip(), line[26:]) for line in lines]
        return {about: (verdict, said) for about, verdict, said in cells}, done

    return run


def test_a_server_without_a_fault_is_all_yes_and_its_table_can_be_read(
    check: Check, tmp_path: Path
) -> None:
    with TemplateServer(thinking="I add.") as server:
        found, done = check(server, "--extra_body", '{"top_k": 20}')
    assert done.returncode == 0, done.stdout
    del found["cost"]
    assert {verdict for verdict, _ in found.values()} == {"yes"}, found
    assert set(found) == {
        "answers", "counts tokens", "thinking", "streams", "system role", "turns", "tools",
        "images", "seed", "limit", "context", "long prompt", "price",
    }  # fmt: skip
    assert all(body["top_k"] == 20 for body in server.bodies)
    table = done.stdout.partition("For models.toml:\n")[2]
    (tmp_path / "models.toml").write_text(table)
    entry = models_of_file(tmp_path / "models.toml")["m"]
    assert (entry.model_id, entry.base_url, entry.api) == ("m", server.url, "chat")
    assert (entry.context_tokens, entry.images, entry.tools) == (4096, True, True)
    assert entry.price_override == (0.0, 0.0)
    assert entry.asked == {"extra_body": {"top_k": 20}}


@pytest.mark.parametrize(
    ("fault", "about", "verdict", "words"),
    [
        ({"drops_system": True}, "system role", "wrong", "is dropped.*--system_as_user"),
        ({"refuses_system": True}, "system role", "no", "not supported.*--system_as_user works"),
        ({"drops_turns": True}, "turns", "wrong", "earlier turns are dropped"),
        ({"drops_pictures": True}, "images", "wrong", "the picture added"),
        ({"sees": False}, "images", "no", "image input is not supported"),
        ({"cuts_prompt_at": 500}, "long prompt", "wrong", "is cut without a word.*500 reached"),
        ({"refuses_prompts_of": 2000}, "long prompt", "no", "maximum context length is 2000"),
        ({"leaks": "<|im_end|>"}, "answers", "wrong", "belongs to the chat template"),
        ({"never_stops": True}, "answers", "wrong", "does not stop"),
        ({"counts_nothing": True}, "counts tokens", "no", "costs and caps cannot count it"),
        ({"ignores_seed": True}, "seed", "no", "the same seed gave two replies"),
        ({"repeats_itself": True}, "seed", "wrong", "another seed gave the same reply"),
        ({"ignores_stream": True}, "streams", "no", "although a stream was asked for"),
        ({"limit_name": "max_completion_tokens"}, "limit", "wrong", "max_tokens ignored"),
        ({"tools": "text"}, "tools", "wrong", "the call came as text"),
        ({"tools": "none"}, "tools", "no", "it answered"),
        ({"model": {"id": "other"}}, "context", "unknown", "does not say"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_fault_is_found_and_named(
    fault: dict[str, Any], about: str, verdict: str, words: str, check: Check
) -> None:
    with TemplateServer(**fault) as server:
        found, done = check(server)
    assert found[about][0] == verdict, done.stdout
    assert words.partition(".*")[0] in found[about][1]
    assert words.rpartition(".*")[2] in found[about][1]
    wrong = [name for name, (verdict, _) in found.items() if verdict == "wrong"]
    assert done.returncode == (1 if wrong else 0)


def test_what_was_learnt_stands_in_the_table(check: Check, tmp_path: Path) -> None:
    faults = {"refuses_system": True, "sees": False, "tools": "none", "ignores_seed": True}
    with TemplateServer(**faults, limit_name="max_completion_tokens", model={"id": "o"},
                        refuses_prompts_of=2000) as server:  # fmt: skip
        _, done = check(server)
    (tmp_path / "models.toml").write_text(done.stdout.partition("For models.toml:\n")[2])
    entry = models_of_file(tmp_path / "models.toml")["m"]
    assert entry.asked == {"system_as_user": True}
    assert (entry.images, entry.tools) == (False, False)
    assert "seed" not in entry.accepts
    assert entry.max_tokens_parameter == "max_completion_tokens"
    assert entry.context_tokens == 2000


def test_a_cost_that_a_proxy_names_is_a_known_price(
    check: Check, tmp_path: Path, run_script: Run
) -> None:
    with TemplateServer(cost_header="0.000125") as server:
        (tmp_path / "models.toml").write_text(
            f'[proxied]\nmodel = "m"\nbase_url = "{server.url}"\n'
        )
        done = run_script(CHECK, "proxied")
    assert "named with each reply: $0.000125" in done.stdout
    assert "cost           $0.00" in done.stdout


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_without_an_answer_nothing_else_is_asked(api: str, run_script: Run) -> None:
    with LoopbackServer(then=status(404, "no such model")) as server:
        url = server.openai_url if api == "openai" else server.anthropic_url
        done = run_script(CHECK, f"{api if api == 'anthropic' else 'local'}:m", "--base_url", url)
        assert len(server.ledger()) == 1
    assert done.returncode == 1
    assert "no such model" in done.stdout
    assert "models.toml" not in done.stdout


def test_a_server_that_is_not_there_is_one_line(run_script: Run) -> None:
    done = run_script(CHECK, "local:m", "--base_url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "no server answers at" in done.stdout
    assert "Traceback" not in done.stderr
