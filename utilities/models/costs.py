"""What a request costs, in US dollars; None if the price is unknown, which is not 0.

List prices are those bundled with genai-prices. A model on your own server costs 0. A price given
by the user (`price_override`) replaces the list price, and holds for all input tokens alike,
cached or not, unless `cached_price` says what those of the cache cost.
"""

from dataclasses import replace

from utilities.model_catalogue import ModelEntry
from utilities.models.interface import Reply, Usage

_MILLION = 1_000_000
_NO_USAGE = Usage()
_DEAREST_REPLY_USD = 1e6
"""A higher cost is an error of the server's, as are NaN and negative ones."""


def priced(
    entry: ModelEntry,
    reply: Reply,
    *,
    cost_usd: float | None = None,
    body: str | None = None,
    body_zlib: str | None = None,
) -> Reply:
    """The reply with its cost, its model's name, and the body that it was read of.

    A cost that the provider put into the reply counts, else the given one, else the list price.
    """
    cost_usd = cost_usd if reply.cost_usd is None else reply.cost_usd
    if cost_usd is None and reply.usage != _NO_USAGE:
        cost_usd = cost_of(entry, reply.usage)
    model = reply.model or entry.model_id
    return replace(reply, model=model, cost_usd=cost_usd, body=body, body_zlib=body_zlib)


def named_cost(value: object) -> float | None:
    """The cost of a reply that a server names, a number or the text of one; None if it is none."""
    try:
        cost = float(value) if isinstance(value, int | float | str) else -1.0
    except (ValueError, OverflowError):
        return None
    return cost if not isinstance(value, bool) and 0 <= cost < _DEAREST_REPLY_USD else None


def cost_of(entry: ModelEntry, usage: Usage) -> float | None:
    """The cost of one request by its usage."""
    if entry.price_override is not None:
        per_input, per_output = entry.price_override
        per_cached = per_input if entry.cached_price is None else entry.cached_price
        fresh = usage.input_tokens - usage.cached_input_tokens
        dollars = fresh * per_input + usage.output_tokens * per_output
        dollars += usage.cached_input_tokens * per_cached
        return entry.price_factor * dollars / _MILLION
    if entry.pricing_provider is None:
        return None
    list_price = _list_price(entry.pricing_provider, entry.model_id, usage)
    return None if list_price is None else entry.price_factor * list_price


def price_per_million(entry: ModelEntry) -> tuple[float, float] | None:
    """USD per million input and output tokens, the dearest tier, to estimate a worst case."""
    if entry.price_override is not None:
        per_input, per_output = entry.price_override
        per_input = max(per_input, entry.cached_price or 0.0)
        return entry.price_factor * per_input, entry.price_factor * per_output
    # A prompt of a million tokens is in the dearest tier if a model charges by length.
    prompt = cost_of(entry, Usage(input_tokens=_MILLION))
    both = cost_of(entry, Usage(input_tokens=_MILLION, output_tokens=_MILLION))
    # Writing a prompt to a cache costs more than sending it.
    written = cost_of(entry, Usage(input_tokens=_MILLION, cache_write_tokens=_MILLION))
    if prompt is None or both is None or written is None:
        return None
    return max(prompt, written), both - prompt


def _list_price(provider: str, model_id: str, usage: Usage) -> float | None:
    import genai_prices  # 0.3 s of CPU

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    try:
        calculation = genai_prices.calc_price(tokens, model_id, provider_id=provider)
    except LookupError:
        return None
    return float(calculation.total_price)


def cost_text(known_usd: float, unknown: int, *, may_be_more: bool = False) -> str:
    """A cost as a person reads it; that of `unknown` samples is said to be so, never shown as 0.

    `may_be_more` says that attempts without a reply may have been billed, nobody knows how much.
    """
    if not unknown and not (may_be_more and known_usd == 0.0):
        return f"${known_usd:.4f}" if known_usd else "$0"
    if known_usd == 0.0:
        return "unknown"
    return f"${known_usd:.4f} and {unknown} samples of unknown cost"
