"""Which model, with which key."""

from __future__ import annotations

import subprocess
import sys

import pytest

from utilities import config
from utilities.config import find_model, read_key
from utilities.errors import UsageError
from utilities.model_catalogue import CATALOGUE

KEY_VARIABLES = {entry.key_variable for entry in CATALOGUE.values()} - {None}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch, tmp_path):
    """A working directory without a `.env` file, and an environment without keys."""
    for name in KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_an_unknown_name_lists_the_nearest_ones():
    with pytest.raises(UsageError, match=r"CLAUDE_OPS: unknown model; did you mean CLAUDE_OPUS"):
        find_model("CLAUDE_OPS")


def test_a_providers_own_model_name_leads_to_the_catalogue_name():
    with pytest.raises(UsageError, match="did you mean GPT_MINI"):
        find_model("gpt-6-luna")


def test_an_unknown_provider_is_refused():
    with pytest.raises(UsageError, match="provider:model with a provider of openai, anthropic"):
        find_model("acme:rocket-1")


def test_a_provider_without_a_model_is_refused():
    with pytest.raises(UsageError):
        find_model("openai:")


def test_an_unlisted_model_of_a_known_provider_is_asked_there():
    entry = find_model("openrouter:mistralai/large:free")
    assert (entry.model_id, entry.base_url) == (
        "mistralai/large:free",
        "https://openrouter.ai/api/v1",
    )


def test_both_names_of_a_listed_model_are_one_entry():
    assert find_model("anthropic:claude-opus-5-5") == find_model("CLAUDE_OPUS")


def test_a_base_url_without_a_path_gets_v1_for_chat_completions():
    entry = find_model("local:llama3:8b", base_url="http://localhost:11434")
    assert (entry.model_id, entry.base_url) == ("llama3:8b", "http://localhost:11434/v1")


def test_a_base_url_loses_v1_for_anthropic():
    entry = find_model("CLAUDE_OPUS", base_url="http://localhost:4000/v1/")
    assert entry.base_url == "http://localhost:4000"


@pytest.mark.parametrize("more", ["?api_key=secret", "#secret"])
def test_a_base_url_that_goes_on_behind_its_path_is_refused_and_not_repeated(more):
    with pytest.raises(UsageError, match="ends at its path") as caught:
        find_model("LOCAL_0", base_url=f"http://localhost:8000/v1{more}")
    assert "secret" not in str(caught.value)


def test_openais_own_models_are_asked_for_responses_and_other_servers_for_completions():
    assert find_model("GPT").api == find_model("openai:gpt-9").api == "responses"
    elsewhere = [
        find_model("GPT", base_url="http://localhost:8000"),
        find_model("openai:gpt-9", base_url="https://proxy.example/v1"),
    ]
    assert {entry.api for entry in elsewhere} == {"chat"}


def test_a_base_url_that_is_no_address_is_refused():
    with pytest.raises(UsageError, match="localhost:8000"):
        find_model("LOCAL_0", base_url="localhost:8000")


def test_a_missing_key_names_the_variable_the_file_and_the_way_without():
    with pytest.raises(UsageError, match=r"OPENAI_API_KEY.*\.env.*program_search needs none"):
        read_key(find_model("GPT"))


def test_a_local_server_needs_no_key():
    assert read_key(find_model("LOCAL_0")) == "EMPTY"


def test_a_vendors_key_is_not_sent_to_another_host(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert read_key(find_model("GPT", base_url="https://proxy.example/v1")) == "EMPTY"


def test_a_vendors_key_is_not_sent_in_the_clear(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert read_key(find_model("GPT", base_url="http://api.openai.com/v1")) == "EMPTY"


def test_another_path_at_the_vendor_keeps_the_vendors_key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert read_key(find_model("GPT", base_url="https://api.openai.com/v2")) == "sk-secret"


def test_another_host_is_sent_the_key_meant_for_it(monkeypatch):
    monkeypatch.setenv("BASE_URL_API_KEY", "for-the-proxy")
    assert read_key(find_model("GPT", base_url="https://proxy.example/v1")) == "for-the-proxy"


def test_a_key_is_read_from_the_env_file_above_and_stays_out_of_the_environment(
    monkeypatch, tmp_path
):
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-$file\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert read_key(find_model("GPT")) == "sk-$file"
    child = [sys.executable, "-c", "import os; print(os.environ.get('OPENAI_API_KEY'))"]
    assert subprocess.run(child, capture_output=True, text=True).stdout == "None\n"


def test_the_environment_wins_over_the_env_file(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-file\n")
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    assert read_key(find_model("GPT")) == "from-environment"


def test_a_local_entry_takes_its_model_and_server_from_the_environment(monkeypatch):
    monkeypatch.setenv("LOCAL_1_MODEL", "qwen3:8b")
    monkeypatch.setenv("LOCAL_1_BASE_URL", "http://gpu:9000/v1")
    entry = find_model("LOCAL_1")
    assert (entry.model_id, entry.base_url) == ("qwen3:8b", "http://gpu:9000/v1")


def test_the_pause_before_a_request_is_asked_again_can_be_set(monkeypatch):
    monkeypatch.setenv("RETRY_DELAY_S", "2.5")
    assert config.read_retry_delay_s() == 2.5


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "61"])
def test_a_pause_that_is_none_is_refused_by_name(text, monkeypatch):
    monkeypatch.setenv("RETRY_DELAY_S", text)
    with pytest.raises(UsageError, match=f"RETRY_DELAY_S is '{text}'"):
        config.read_retry_delay_s()


def test_without_any_key_there_is_no_default_model():
    assert config.default_model_identifier() is None


def test_the_default_is_the_first_preferred_model_with_a_key(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert config.default_model_identifier() == "GPT"


def test_an_empty_key_counts_as_none(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", " ")
    assert config.default_model_identifier() is None


def test_the_sdks_variables_come_back_after_an_error(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    with pytest.raises(ZeroDivisionError), config.keys_hidden():
        assert "OPENAI_ORG_ID" not in config.os.environ
        _ = 1 // 0
    assert config.os.environ["OPENAI_ORG_ID"] == "org"


def test_env_example_names_every_key_variable():
    text = (config.REPOSITORY / ".env.example").read_text()
    assert {name for name in KEY_VARIABLES if f"\n{name}=" not in text} == set()


def test_every_catalogue_entry_can_be_found_and_priced_or_says_it_cannot():
    for name, entry in CATALOGUE.items():
        assert find_model(name).model_id == entry.model_id
        assert entry.price_override or entry.pricing_provider


def test_importing_the_configuration_loads_nothing_heavy():
    heavy = "{'dotenv', 'openai', 'anthropic', 'aiohttp', 'httpx2', 'numpy', 'genai_prices'}"
    code = f"import sys, utilities.config; print({heavy} & set(sys.modules))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.stdout == "set()\n"


def test_importing_the_clients_loads_no_sdk():
    heavy = "{'openai', 'anthropic', 'aiohttp', 'httpx2', 'numpy', 'genai_prices'}"
    code = f"import sys, utilities.models.factory; print({heavy} & set(sys.modules))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.stdout == "set()\n"
