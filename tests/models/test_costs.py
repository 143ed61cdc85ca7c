"""What requests cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from utilities.config import find_model
from utilities.models.costs import cost_of, price_per_million
from utilities.models.interface import Usage


def test_a_listed_model_costs_its_list_price():
    usage = Usage(input_tokens=1000, output_tokens=100)
    assert cost_of(find_model("CLAUDE_OPUS"), usage) == pytest.approx(0.004 + 0.002)


def test_cached_input_costs_less():
    entry = find_model("CLAUDE_OPUS")
    cold = cost_of(entry, Usage(input_tokens=10_000))
    warm = cost_of(entry, Usage(input_tokens=10_000, cached_input_tokens=10_000))
    assert 0 < warm < cold


def test_an_unlisted_model_has_an_unknown_cost_and_not_none_at_all():
    assert cost_of(find_model("openai:gpt-unheard-of"), Usage(input_tokens=10)) is None
    assert price_per_million(find_model("openai:gpt-unheard-of")) is None


def test_a_price_given_by_the_user_makes_the_cost_known():
    entry = replace(find_model("openai:gpt-unheard-of"), price_override=(1.0, 4.0))
    assert cost_of(entry, Usage(input_tokens=500_000, output_tokens=250_000)) == 1.5
    assert price_per_million(entry) == (1.0, 4.0)


def test_a_server_of_ones_own_costs_nothing():
    assert cost_of(find_model("LOCAL_0"), Usage(input_tokens=10, output_tokens=10)) == 0.0


def test_the_worst_case_takes_the_dearest_tier():
    per_input, per_output = price_per_million(find_model("CLAUDE_HAIKU"))
    short = cost_of(find_model("CLAUDE_HAIKU"), Usage(input_tokens=1000, output_tokens=1000))
    assert (per_input + per_output) * 1000 / 1e6 >= short > 0


def test_a_list_price_is_known_for_every_model_that_has_a_pricing_provider():
    unknown = [n for n in _named() if price_per_million(find_model(n)) is None]
    assert unknown == ["QWEN"], "OpenRouter tells the cost of this one itself"


def _named():
    from utilities.model_catalogue import CATALOGUE

    return list(CATALOGUE)
