"""Models from a TOML file: what a table may say, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from utilities.config import child_environment, find_model, read_key
from utilities.errors import UsageError
from utilities.model_catalogue import APIS, ModelEntry
from utilities.models.costs import cost_of, price_per_million
from utilities.models.factory import CLIENTS
from utilities.models.interface import Usage

VENDORS = "model = 'm'\napi_key_env = 'OPENAI_API_KEY'"
SERVER = 'model = "Qwen/Qwen3-8B"\nbase_url = "http://localhost:8000/v1"\n'


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "TOGETHER_API_KEY", "BASE_URL_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def entry_of(table: str, name: str = "qwen") -> ModelEntry:
    Path("models.toml").write_text(f"[{name}]\n{table}")
    return find_model(name)


def complaint(table: str) -> str:
    with pytest.raises(UsageError) as caught:
        entry_of(table)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_table_says_all_that_the_catalogue_knows_of_a_model() -> None:
    entry = entry_of(
        """
        model = "accounts/fireworks/models/deepseek-v3p2"
        base_url = "https://api.fireworks.ai/inference/v1/"
        api = "chat"
        api_key_env = "FIREWORKS_API_KEY"
        price = { in = 0.56, out = 1.68, cached = 0.28 }
        limits = { requests_per_minute = 60, tokens_per_minute = 100_000, request_timeout_s = 90 }
        context = 163_840
        accepts = ["temperature", "max_tokens"]
        max_tokens_parameter = "max_completion_tokens"
        reasoning_efforts = ["low", "high"]
        images = false
        tools = true
        extra_body = { top_k = 20 }
        extra_headers = { X-Team = "arc" }
        system_as_user = true
        temperature = 0.0
        seed = 0
        """
    )
    assert entry.model_id == "accounts/fireworks/models/deepseek-v3p2"
    assert entry.base_url == "https://api.fireworks.ai/inference/v1"
    assert (entry.key_variable, entry.key_required) == ("FIREWORKS_API_KEY", True)
    assert (entry.price_override, entry.cached_price) == ((0.56, 1.68), 0.28)
    assert (entry.requests_per_minute, entry.tokens_per_minute) == (60, 100_000)
    assert (entry.request_timeout_s, entry.context_tokens) == (90, 163_840)
    assert entry.accepts == {"temperature", "max_tokens", "seed"}
    assert entry.max_tokens_parameter == "max_completion_tokens"
    assert entry.reasoning_efforts == ("low", "high")
    assert (entry.images, entry.tools) == (False, True)
    assert entry.extra_headers == {"X-Team": "arc"}
    assert entry.asked == {
        "extra_body": {"top_k": 20}, "system_as_user": True, "temperature": 0.0, "seed": 0,
    }  # fmt: skip


def test_a_table_of_two_lines_is_enough_and_names_no_price_and_no_key() -> None:
    entry = entry_of(SERVER)
    assert (entry.api, entry.base_url) == ("chat", "http://localhost:8000/v1")
    assert price_per_million(entry) is None
    assert read_key(entry) == "EMPTY"
    assert (entry.images, entry.tools, entry.asked) == (None, None, {})


def test_a_server_of_ones_own_gets_the_key_for_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_URL_API_KEY", "for-the-server")
    assert read_key(entry_of(SERVER)) == "for-the-server"


def test_several_servers_of_a_model_are_a_list() -> None:
    entry = entry_of('model = "m"\nbase_url = ["http://a:1", "http://b:1/v1", "http://a:1/v1"]')
    assert (entry.base_url, entry.other_base_urls) == ("http://a:1/v1", ("http://b:1/v1",))


def test_a_models_name_is_its_provider_so_that_a_moved_server_buys_nothing_again() -> None:
    here = entry_of(SERVER)
    there = entry_of(SERVER.replace("localhost", "gpu-7"))
    assert (here.provider, here.model_id) == (there.provider, there.model_id) == (
        "qwen", "Qwen/Qwen3-8B",
    )  # fmt: skip


def test_a_known_provider_needs_no_address_and_keeps_its_prices_and_batches() -> None:
    entry = entry_of('model = "gpt-6-luna"\nprovider = "openai"\nreasoning_effort = "low"')
    assert (entry.provider, entry.base_url) == ("openai", "https://api.openai.com/v1")
    assert (entry.key_variable, entry.pricing_provider) == ("OPENAI_API_KEY", "openai")


def test_a_known_provider_at_another_address_is_another() -> None:
    entry = entry_of(f'provider = "openai"\n{SERVER}')
    assert (entry.provider, entry.pricing_provider) == ("qwen", None)


def test_a_model_of_the_messages_api_is_addressed_without_v1() -> None:
    assert entry_of(f'api = "messages"\n{SERVER}').base_url == "http://localhost:8000"


def test_a_price_may_be_a_list_and_cached_tokens_have_their_own() -> None:
    entry = entry_of(f"price = [1.0, 2.0, 0.1]\n{SERVER}")
    usage = Usage(input_tokens=1_000_000, cached_input_tokens=500_000, output_tokens=500_000)
    assert cost_of(entry, usage) == pytest.approx(0.5 + 0.05 + 1.0)
    assert cost_of(entry_of(f"price = [1.0, 2.0]\n{SERVER}"), usage) == pytest.approx(2.0)


def test_a_reply_is_no_longer_than_the_context() -> None:
    assert entry_of(f"context = 4096\n{SERVER}").max_output_tokens == 4096


def test_a_named_file_counts_instead_of_the_one_in_the_folder() -> None:
    Path("models.toml").write_text(f"[here]\n{SERVER}")
    Path("other.toml").write_text(f"[there]\n{SERVER}")
    assert find_model("there", models_path=Path("other.toml")).name == "there"
    with pytest.raises(UsageError, match="here: unknown model"):
        find_model("here", models_path=Path("other.toml"))


def test_a_broken_file_in_the_folder_does_not_keep_the_catalogues_models_away() -> None:
    Path("models.toml").write_text("[")
    assert find_model("GPT").name == "GPT"
    with pytest.raises(UsageError, match=r"models\.toml is no TOML"):
        find_model("mine")


def test_a_misspelt_name_leads_to_the_files_model() -> None:
    Path("models.toml").write_text(f"[qwen-local]\n{SERVER}")
    with pytest.raises(UsageError, match="did you mean qwen-local"):
        find_model("qwen-locl")


def test_a_base_url_of_the_command_line_gets_neither_the_key_nor_the_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", "of-together")
    table = SERVER.replace("http://localhost:8000", "https://api.together.xyz")
    Path("models.toml").write_text(
        f'[qwen]\napi_key_env = "TOGETHER_API_KEY"\nextra_headers = {{ X-A = "b" }}\n{table}'
    )
    assert read_key(find_model("qwen")) == "of-together"
    elsewhere = find_model("qwen", base_url="http://elsewhere:1/v1")
    assert (read_key(elsewhere), elsewhere.extra_headers) == ("EMPTY", {})


def test_the_same_address_on_the_command_line_keeps_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_TOKEN", "mine")
    Path("models.toml").write_text(f'[qwen]\napi_key_env = "MY_TOKEN"\n{SERVER}')
    assert read_key(find_model("qwen", base_url="http://localhost:8000/v1/")) == "mine"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("modle = 'm'", "unknown key modle; did you mean model?"),
        (f"contxt = 1\n{SERVER}", "unknown key contxt; did you mean context?"),
        (f"zzzzzzzzzzz = 1\n{SERVER}", "unknown key zzzzzzzzzzz; known: model, provider"),
        (f"price = {{ in = 1, aut = 2 }}\n{SERVER}", "unknown key price.aut; did you mean out?"),
        (f"limits = {{ request_per_minute = 1 }}\n{SERVER}", "did you mean requests_per_minute?"),
        ("base_url = 'http://a/v1'", "missing required field `model`"),
        ("model = 'm'", "base_url: it is missing"),
        ("model = 'm'\nbase_url = []", "base_url: it is missing"),
        ("model = 'm'\nbase_url = 'a:1'", "base_url 'a:1' is no address"),
        ("model = 'm'\nbase_url = 'http://u:p@a/v1'", "holds a password"),
        ("model = ''\nbase_url = 'http://a'", "model: Expected `str` of length >= 1"),
        (f"context = 'long'\n{SERVER}", "context: Expected `int"),
        (f"context = 0\n{SERVER}", "context: Expected `int` >= 1"),
        (f"price = 3\n{SERVER}", "price: Expected"),
        (f"price = [1.0]\n{SERVER}", "price: write { in = 0.5"),
        (f"price = [-1.0, 1.0]\n{SERVER}", "price[0]: Expected"),
        (f"price = [nan, 1.0]\n{SERVER}", "price"),
        (f"api = 'smoke'\n{SERVER}", "api: 'smoke' is none of chat, messages"),
        (f"provider = 'acme'\n{SERVER}", "provider: 'acme' is none of openai"),
        (f"accepts = ['temprature']\n{SERVER}", "accepts: 'temprature' is none of"),
        (f"api_key_env = 'sk-123'\n{SERVER}", "api_key_env: Expected `str` matching regex"),
        (f"api_key_env = 'HOME'\n{SERVER}", "HOME must have KEY, TOKEN, SECRET or PASSWORD"),
        (f"api_key_env = 'OPENAI_API_KEY'\n{SERVER}", "is sent to its vendor only"),
        (f"base_url = 'http://api.openai.com/v1'\n{VENDORS}",
         "is sent to its vendor only"),
        (f"base_url = ['https://api.openai.com/v1', 'http://a/v1']\n{VENDORS}",
         "is sent to its vendor only"),
        (f"extra_headers = {{ Authorization = 'x' }}\n{SERVER}", "Authorization is set here"),
        (f"extra_headers = {{ 'a b' = 'x' }}\n{SERVER}", "is no HTTP header"),
        (f"extra_headers = {{ a = \"x\\ny\" }}\n{SERVER}", "is no HTTP header"),
        (f"extra_body = {{ a = nan }}\n{SERVER}", "extra_body: it cannot be sent as JSON"),
        (f"extra_body = {{ a = 2020-01-01 }}\n{SERVER}", "extra_body: it cannot be sent"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line_that_names_file_model_and_key(
    table: str, words: str
) -> None:
    found = complaint(table)
    assert words in found
    assert "models.toml" in found


@pytest.mark.parametrize(
    "name", ["GPT", "openai", "'local:x'", "'a,b'", "' a'", "''", "'a\\u0007'"]
)
def test_a_name_that_cannot_be_asked_for_is_refused(name: str) -> None:
    Path("own.toml").write_text(f"[{name.replace(chr(39), chr(34))}]\n{SERVER}")
    with pytest.raises(UsageError, match="name"):
        find_model("GPT", models_path=Path("own.toml"))


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"a = 1", b"[a", b"a" * 10, b"[[a]]", b"x=" + b"[" * 5000]
)
def test_what_is_no_file_of_models_is_one_line(content: bytes) -> None:
    Path("odd.toml").write_bytes(content)
    with pytest.raises(UsageError, match=r"odd\.toml"):
        find_model("GPT", models_path=Path("odd.toml"))


@pytest.mark.parametrize("path", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_one_line(path: str) -> None:
    with pytest.raises(UsageError, match="cannot read the models of"):
        find_model("GPT", models_path=Path(path))


def test_a_files_key_stays_out_of_children(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MY_TOKEN_2", "A_SECRET", "X_KEY", "KEY_OF_MINE"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    assert "hidden" not in child_environment().values()
    assert "TOKENIZERS_PARALLELISM" in child_environment()


def test_headers_are_not_in_what_a_log_would_print() -> None:
    entry = entry_of(f'extra_headers = {{ X-A = "very-secret" }}\n{SERVER}')
    assert "very-secret" not in repr(entry)


def test_a_file_can_name_every_api_that_has_a_client() -> None:
    assert set(APIS) == set(CLIENTS)
