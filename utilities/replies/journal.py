"""The journal of raw replies: what was paid for, written before anything is made of it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from utilities.errors import RequestFailed
from utilities.files.hashing import KEY_DIGITS, hash_of
from utilities.files.json_lines import JsonLinesFile, packed, unpacked
from utilities.models.interface import Message, Reply, Tool, recorded
from utilities.replies import batch_ledger as ledger
from utilities.results.result_entry import SCHEMA_VERSION
from utilities.tasks.task import Task

_KEY_START = b'{"key":"'
_SPACED_KEY_START = b'{"key": "'
"""How earlier versions began the line of a reply that UTF-8 cannot hold."""
_FAILURE = "failed_request"
_FAILURE_START = f'{{"entry_type":"{_FAILURE}"'.encode("ascii")
_BODY = "unread_body"
_BODY_START = f'{{"entry_type":"{_BODY}"'.encode("ascii")
_RESPONSE = "background_response"
_RESPONSE_START = f'{{"entry_type":"{_RESPONSE}"'.encode("ascii")
_KEY_IN_LINE = b',"key":"'

_log = logging.getLogger(__name__)


class Journal:
    """Replies by request key; what is here was paid for and is never asked again.

    The index holds a place in the file for each key, not the replies themselves.
    """

    def __init__(self, file: JsonLinesFile, *, run_id: str, resume: bool) -> None:
        """`file` is open; without `resume` the replies of earlier runs are not recalled."""
        self._file = file
        self._run_id = run_id
        self._places: dict[bytes, int] = {}  # packed: half as much memory as pairs
        self._failures: dict[bytes, int] = {}
        self._bodies: dict[bytes, list[int]] = {}
        self._responses: dict[bytes, int] = {}
        self.batches = ledger.BatchLedger()
        if resume:
            for offset, line in file.lines():
                place = packed(offset, len(line))
                if line.startswith((_KEY_START, _SPACED_KEY_START)):
                    start = line.index(b'"', len(_KEY_START) - 1) + 1
                    self._places[line[start : start + KEY_DIGITS]] = place
                elif line.startswith(_FAILURE_START):
                    self._failures[_key_in(line)] = place
                elif line.startswith(_BODY_START):
                    self._bodies.setdefault(_key_in(line), []).append(place)
                elif line.startswith(_RESPONSE_START):
                    self._responses[_key_in(line)] = place
                elif line.startswith(ledger.LINE_START):
                    self._take_batch(offset, line)

    def recall_failure(self, key: str) -> Mapping[str, Any] | None:
        """What an earlier run wrote of its last request under this key, if it had no reply."""
        place = self._failures.get(key.encode("ascii"))
        try:
            return None if place is None else self._file.read(*unpacked(place))
        except orjson.JSONDecodeError:
            return None

    def recall(self, key: str) -> Reply | None:
        """The reply that an earlier run journalled under this key, if any."""
        place = self._places.get(key.encode("ascii"))
        if place is None:
            return None
        offset, length = unpacked(place)
        try:
            stored = self._file.read(offset, length)["reply"]
            return Reply.from_json(stored)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            _log.warning("the journal's line at byte %d is no reply; it is asked again", offset)
            return None

    def told_about(self, key: str) -> Mapping[str, Any] | None:
        """What the journal says of a request that has brought, or begun, anything."""
        name = key.encode("ascii")
        bodies = self._bodies.get(name, ())
        places = (self._places.get(name), self._responses.get(name), *reversed(bodies))
        for place in places:
            with suppress(orjson.JSONDecodeError):
                if place is not None:
                    return self._file.read(*unpacked(place))
        return None

    async def record_failure(
        self, key: str, error: RequestFailed, about: Mapping[str, Any]
    ) -> None:
        """Write that a request has no reply, and what each attempt at it may have cost.

        The line begins differently from a reply's, so that it cannot be taken for one.
        """
        await self._file.append(
            {
                **self._line(_FAILURE, key, about),
                "failed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "status": error.status,
                "error": str(error),
                "failed_attempts": error.failed_attempts,
            }
        )

    def holds(self, key: str) -> bool:
        """Whether there is a reply under this key."""
        return key.encode("ascii") in self._places

    def _take_batch(self, offset: int, line: bytes) -> None:
        try:
            self.batches.take(orjson.loads(line))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            _log.warning("the journal's line at byte %d is no step of a batch; ignored", offset)

    async def note_batch(self, event: Mapping[str, Any]) -> None:
        """Write a step of a batch; it is on the disk when this returns."""
        more = {"schema_version": SCHEMA_VERSION, "run_id": self._run_id}
        self._file.write({**event, **more})
        self.batches.take(event)
        await self._file.save()

    def record_body(self, key: str, about: Mapping[str, Any], body: str) -> None:
        """Write what has come of a success that has become no reply; it may be paid for.

        Not a coroutine: it may be a cancellation that cut it short.
        """
        came_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = self._line(_BODY, key, about) | {"received_at": came_at, "body": body}
        place = packed(*self._file.post(line))
        self._bodies.setdefault(key.encode("ascii"), []).append(place)

    def recall_bodies(self, key: str) -> Iterator[str]:
        """The bodies under this key that could not be read as replies, in the order they came."""
        for place in self._bodies.get(key.encode("ascii"), ()):
            with suppress(orjson.JSONDecodeError, KeyError):
                yield str(self._file.read(*unpacked(place))["body"])

    async def note_response(self, key: str, about: Mapping[str, Any], response_id: str) -> None:
        """Write the id of a response in the background; it is on the disk when this returns."""
        line = self._line(_RESPONSE, key, about) | {"response_id": response_id}
        self._responses[key.encode("ascii")] = packed(*self._file.write(line))
        await self._file.save()

    def response_of(self, key: str) -> str | None:
        """The id of the last response that was begun in the background under this key, if any."""
        place = self._responses.get(key.encode("ascii"))
        try:
            return None if place is None else str(self._file.read(*unpacked(place))["response_id"])
        except (orjson.JSONDecodeError, KeyError):
            return None

    def _line(self, kind: str, key: str, about: Mapping[str, Any]) -> dict[str, Any]:
        """What each line about a request begins with, but for replies, which begin with the key."""
        return {
            "entry_type": kind,
            "schema_version": SCHEMA_VERSION,
            "run_id": self._run_id,
            "key": key,
            **about,
        }

    async def record(self, key: str, reply: Reply, about: Mapping[str, Any]) -> None:
        """Write the raw reply, before anything is made of it."""
        place = await self._file.append(
            {
                "key": key,
                "entry_type": "reply",
                "schema_version": SCHEMA_VERSION,
                "run_id": self._run_id,
                **about,
                "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "reply": reply,
            }
        )
        self._places[key.encode("ascii")] = packed(*place)


def _key_in(line: bytes) -> bytes:
    """The key in a line that does not begin with it."""
    start = line.find(_KEY_IN_LINE) + len(_KEY_IN_LINE)
    return line[start : start + KEY_DIGITS]


def request_key(
    task: Task,
    messages: Sequence[Message],
    model: str,
    sampling: Mapping[str, Any],
    index: int,
    *,
    tools: Sequence[Tool] = (),
) -> str:
    """The identity of a request: what was asked, of whom, how, and which sample it is."""
    offered = [[one.to_json() for one in tools]] if tools else []
    asked = [task.to_json(), recorded(messages), model, dict(sampling), index]
    return hash_of([*asked, *offered])
