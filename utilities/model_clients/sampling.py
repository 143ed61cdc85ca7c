"""Whether a model takes what the user asks of its sampler."""

from __future__ import annotations

from utilities.errors import UsageError
from utilities.model_catalogue import ModelEntry
from utilities.model_clients.base import Sampling


def check_sampling(entry: ModelEntry, sampling: Sampling) -> None:
    """Raise UsageError where the model would reject a parameter; asks nobody."""
    asked = {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens}
    for name, value in asked.items():
        if value is not None and name not in entry.accepts:
            raise UsageError(f"{entry.name} takes no {name}: leave out --{name}")
    if sampling.max_tokens is not None and sampling.max_tokens < 1:
        raise UsageError(f"--max_tokens {sampling.max_tokens}: a reply has at least 1 token")
    if sampling.temperature is not None and not 0 <= sampling.temperature <= 2:
        raise UsageError(f"--temperature {sampling.temperature}: it lies between 0 and 2")
