"""Whether a model takes what the user asks of its sampler."""

from __future__ import annotations

from dataclasses import asdict

from utilities.errors import UsageError
from utilities.model_catalogue import ModelEntry
from utilities.models.interface import Sampling


def check_sampling(entry: ModelEntry, sampling: Sampling) -> None:
    """Raise UsageError where the model would reject a parameter; asks nobody."""
    accepts = entry.accepts
    if sampling.reasoning_effort == "none":
        accepts = accepts | entry.accepts_without_reasoning
    for name, value in asdict(sampling).items():
        if value is not None and name not in accepts:
            hint = f"leave out --{name}"
            if name in entry.accepts_without_reasoning:
                hint += ", or give --reasoning_effort none as well"
            raise UsageError(f"{entry.name} takes no {name}: {hint}")
    _check_values(entry, sampling)


def _check_values(entry: ModelEntry, sampling: Sampling) -> None:
    effort, efforts = sampling.reasoning_effort, entry.reasoning_efforts
    if effort is not None and efforts and effort not in efforts:
        raise UsageError(
            f"--reasoning_effort {effort}: {entry.name} takes one of {', '.join(efforts)}"
        )
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise UsageError(f"--max_tokens {sampling.max_tokens}: a reply has at least 1 token")
    if sampling.temperature is not None and not 0 <= sampling.temperature <= 2:
        raise UsageError(f"--temperature {sampling.temperature}: it lies between 0 and 2")
    if sampling.top_p is not None and not 0 < sampling.top_p <= 1:
        raise UsageError(f"--top_p {sampling.top_p}: it lies above 0 and up to 1")
