"""The models.yml of arc-agi-benchmarking, read as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from utilities.config import find_model, models_of_file
from utilities.errors import UsageError
from utilities.model_catalogue import APIS

FILE = Path(__file__).parent / "models.yml"
MODEL = {
    "name": "m", "model_name": "m", "provider": "openai", "api_key_env": "OPENAI_API_KEY",
    "pricing": {"input": 1, "output": 1},
}  # fmt: skip


def test_every_model_is_there_and_what_cannot_be_asked_says_why() -> None:
    reasons = {name: one.unsupported for name, one in models_of_file(FILE).items()}
    can_respond = "responses" in APIS
    assert {name for name, reason in reasons.items() if reason is None} == {
        "own-server", "gpt-limited", "claude-thinks", "gemini-thinks", "grok-limited",
        "qwen-slow", "routed", *(["thinks-by-responses"] if can_respond else []),
    }  # fmt: skip
    assert "asks no model" in str(reasons["guesses"])
    assert "command line (Codex)" in str(reasons["agent"])
    assert "'smoke_signals'" in str(reasons["odd-api"])
    assert "'nobody' is not known here; give it a base_url" in str(reasons["of-nobody"])


def test_to_ask_a_model_that_cannot_be_asked_is_one_line() -> None:
    with pytest.raises(UsageError, match="--model_identifier agent: it is an agent's command"):
        find_model("agent", models_path=FILE)


def test_a_server_of_ones_own_is_asked_there_with_its_key_and_price() -> None:
    entry = find_model("own-server", models_path=FILE)
    assert (entry.provider, entry.model_id) == ("own-server", "acme/Rocket-1")
    assert (entry.base_url, entry.key_variable) == ("http://127.0.0.1:1/v1", "ACME_API_KEY")
    assert (entry.price_override, entry.max_tokens_parameter) == ((1.0, 5.0), "max_tokens")
    assert entry.asked == {"temperature": 0, "max_tokens": 900, "extra_body": {"top_k": 20}}


def test_a_model_is_asked_in_the_api_that_its_file_names_whatever_is_usual_here() -> None:
    models = models_of_file(FILE)
    apis = {name: one.api for name, one in models.items() if one.unsupported is None}
    assert apis.pop("claude-thinks") == "messages"
    assert apis.pop("thinks-by-responses", "responses") == "responses"
    assert set(apis.values()) == {"chat"}


@pytest.mark.parametrize(
    ("name", "provider", "asked"),
    [
        ("gpt-limited", "openai", {"max_tokens": 75000, "reasoning_effort": "high"}),
        ("claude-thinks", "anthropic", {
            "max_tokens": 64000, "temperature": 0.5,
            "extra_body": {"thinking": {"type": "enabled", "budget_tokens": 8000}},
        }),
        ("gemini-thinks", "google", {
            "max_tokens": 65535,
            "extra_body": {
                "extra_body": {"google": {"thinking_config": {"thinking_budget": 1024}}}
            },
        }),
        ("qwen-slow", "qwen-slow", {"extra_body": {"enable_thinking": True}}),
    ],
)  # fmt: skip
def test_parameters_have_the_names_that_the_toolkit_knows(
    name: str, provider: str, asked: dict[str, object]
) -> None:
    entry = find_model(name, models_path=FILE)
    assert (entry.provider, entry.asked) == (provider, asked)
    assert asked.keys() - {"extra_body"} <= entry.accepts


def test_the_limit_on_tokens_keeps_its_name_at_servers_of_others() -> None:
    grok = find_model("grok-limited", models_path=FILE)
    assert grok.max_tokens_parameter == "max_completion_tokens"
    assert grok.asked == {"max_tokens": 8192, "top_p": 0.9}
    assert grok.base_url == "https://api.x.ai/v1"


def test_a_rate_is_one_a_minute() -> None:
    assert find_model("qwen-slow", models_path=FILE).requests_per_minute == 20


def test_hugging_face_is_told_whom_to_pass_the_request_on_to() -> None:
    assert find_model("routed", models_path=FILE).model_id == "acme/Rocket-1:fireworks-ai"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("models: [", "it is no YAML"),
        ("a: !!python/object/apply:os.getcwd []", "it is no YAML"),
        ("", "no list `models`"),
        ("- a", "no list `models`"),
        ("models: 3", "no list `models`"),
        ("models: [3]", "model 1 has no name"),
        ("models: [{name: 1.5}]", "model 1 has no name"),
        ("models: [{name: a}]", "model 'a' has no model_name"),
        ("models: [{name: a, model: b}]", "is model meant for it?"),
        ("models: [{name: a, model_name: b, provider: openai, pricing: 3}]", "needs input"),
        ("models: [{name: a, model_name: b, provider: [x], pricing: {input: 1, output: 1}}]", "a"),
        (f"models: [{MODEL}, {MODEL}]", "two models are named 'm'"),
        (f"models: [{MODEL | {'pricing': {'input': 'x', 'output': 1}}}]", "price[0]: Expected"),
        (f"models: [{MODEL | {'rate_limit': {'rate': 'x'}}}]", "rate_limit needs numbers"),
        (f"models: [{MODEL | {'model_name': 3}}]", "model: Expected `str`, got `int`"),
        (f"models: [{MODEL | {'api_key_env': 'HOME'}}]", "HOME must have KEY"),
        (f"models: [{MODEL | {'base_url': 'http://a/v1'}}]", "is sent to its vendor only"),
    ],
)
def test_what_is_no_such_file_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "models.yml").write_text(text)
    with pytest.raises(UsageError) as caught:
        models_of_file(tmp_path / "models.yml")
    assert words in str(caught.value)
    assert str(tmp_path / "models.yml") in str(caught.value)
    assert "\n" not in str(caught.value)
