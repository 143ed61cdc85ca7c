"""What the journal knows of batches: which requests each holds, and how far it is.

A batch is planned, then being created, then created, then closed. Each step is on the disk before
the next begins, so that the next run can find every batch of a killed one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from utilities.errors import UsageError

LINE_START = b'{"entry_type":"batch"'
"""How the journal's lines about batches begin."""

Step = Literal["planned", "creating", "created", "closed"]


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of a batch: what its reply belongs to, and what it costs at worst."""

    about: Mapping[str, Any]
    worst_usd: float


@dataclass(slots=True)
class OpenBatch:
    """A batch whose results are not all in the journal; times are seconds since 1970."""

    token: str
    model: str
    base_url: str
    requests: Mapping[str, PlannedRequest]
    creating_at: float | None = None
    batch_id: str | None = None
    created_at: float = 0.0


class BatchLedger:
    """The batches of a journal that are still open, whichever run planned them."""

    def __init__(self) -> None:
        """Knows of no batch."""
        self._open: dict[str, OpenBatch] = {}
        self.known_ids: set[str] = set()
        """The provider's ids of all batches in this journal, closed ones too."""

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one step of a batch, in the order of the journal."""
        step, token = event["step"], event["token"]
        if step == "planned":
            self._open[token] = _planned(event)
        elif step == "closed":
            self._open.pop(token, None)
        elif (batch := self._open.get(token)) is not None:
            at = datetime.fromisoformat(event["at"]).timestamp()
            if step == "creating":
                batch.creating_at = at
            else:
                batch.batch_id, batch.created_at = event["batch_id"], at
        if event.get("batch_id"):
            self.known_ids.add(event["batch_id"])

    def get(self, token: str) -> OpenBatch:
        """The open batch of this token."""
        return self._open[token]

    def open_of(self, model: str) -> list[OpenBatch]:
        """The open batches of a model, `provider:id`."""
        return [batch for batch in self._open.values() if batch.model == model]

    def check_is_in_none(self, key: str) -> None:
        """Raise UsageError if an open batch holds this request: its reply is being bought."""
        if (batch := self.batch_of(key)) is not None:
            name = batch.batch_id or "one that was being created"
            raise UsageError(
                f"an earlier run submitted these samples in a batch ({name}) whose replies "
                "are not collected; give --batch to take it up, or --no_resume to buy anew"
            )

    def batch_of(self, key: str) -> OpenBatch | None:
        """The open batch that holds this request, if there is one."""
        return next((batch for batch in self._open.values() if key in batch.requests), None)


def event_of(step: Step, token: str, **more: Any) -> dict[str, Any]:
    """The journal's line for a step of a batch."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"entry_type": "batch", "step": step, "token": token, "at": at, **more}


def planned_event(
    token: str, model: str, base_url: str, requests: Iterable[tuple[str, PlannedRequest]]
) -> dict[str, Any]:
    """The journal's line for a batch that is about to be submitted."""
    items = [
        {"key": key, "worst_usd": request.worst_usd, **request.about} for key, request in requests
    ]
    # Fields that are the same for all requests are written once.
    shared = {"model_identifier": items[0]["model_identifier"], "model": model}
    rest = [{name: item[name] for name in item if name not in shared} for item in items]
    return event_of("planned", token, **shared, base_url=base_url, requests=rest)


def _planned(event: Mapping[str, Any]) -> OpenBatch:
    shared = {"model_identifier": event["model_identifier"], "model": event["model"]}
    requests = {}
    for item in event["requests"]:
        about = {name: item[name] for name in item if name not in {"key", "worst_usd"}}
        requests[item["key"]] = PlannedRequest({**about, **shared}, item["worst_usd"])
    return OpenBatch(event["token"], event["model"], event["base_url"], requests)
