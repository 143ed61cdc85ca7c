"""Pushes an export to a data set on Hugging Face's Hub, in one commit, or says what it would push.

`huggingface_hub` (`pip install -e .[hub]`) finds the token: HF_TOKEN, or that of `hf auth login`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from utilities.errors import UsageError
from utilities.training_data.export import Exported

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]{0,95}")
_TOKEN = re.compile(r"hf_\w+")
_CARD = "README.md"
_STATUS_WORDS = {
    401: "the token is not accepted: set HF_TOKEN to one that may write",
    403: "the token may not write there",
    404: "it is not there, or the token may not see it: give --push new",
    409: "it is there already: give --push update, or another name",
}


def files_to_push(card: Path, exported: Exported) -> dict[str, Path]:
    """Name in the repository → file, the card first, where the Hub looks for it."""
    base = card.parent
    parts = [file.path for file in exported.parts.values() if file.rows]
    return {_CARD: card} | {path.relative_to(base).as_posix(): path for path in parts}


class Hub:
    """A data set's repository on the Hub (or at HF_ENDPOINT), and whether to push to it."""

    def __init__(self, repository: str, push: Literal["new", "update"] | None) -> None:
        """`repository` is OWNER/NAME; without `push` nothing is asked or sent."""
        self._repository = repository
        self._push = push

    def check(self) -> None:
        """Raise UsageError if it is clear before the export that nothing can be pushed."""
        if not _REPOSITORY.fullmatch(self._repository):
            raise UsageError(f"--push_to {self._repository} is no OWNER/NAME")
        if self._push is None:
            return
        if find_spec("huggingface_hub") is None:
            raise UsageError("--push needs huggingface_hub; install it: pip install -e .[hub]")
        with self._reported("nothing was exported"):
            self._api.whoami()
            is_there = self._api.repo_exists(self._repository, repo_type="dataset")
        if is_there is (self._push == "new"):
            words = _STATUS_WORDS[409 if is_there else 404]
            raise UsageError(f"--push_to {self._repository}: {words}; nothing was exported")

    def publish(self, files: Mapping[str, Path], *, is_public: bool) -> Iterator[str]:
        """Push the files if that was asked for; yields what to say of it.

        Raises UsageError if it fails. Then nothing is on the Hub that was not there before.
        """
        sizes = {name: path.stat().st_size for name, path in files.items()}
        told = [f"  {size:>12,} bytes  {name}" for name, size in sizes.items()]
        total = f"{len(files)} files, {sum(sizes.values()):,} bytes"
        if self._push is None:
            yield f"would push  {total} to {self._repository}; --push new or --push update does"
            yield from told
            return
        if self._push == "new":
            with self._reported("the rows are written, nothing is pushed"):
                self._api.create_repo(self._repository, repo_type="dataset", private=not is_public)
        address = self._commit(files)
        who = "" if self._push == "update" else ", public" if is_public else ", private"
        yield f"pushed      {total} to {address}{who}"
        yield from told

    def _commit(self, files: Mapping[str, Path]) -> str:
        """One commit of all files; a repository that was made for it goes if it fails."""
        from huggingface_hub import CommitOperationAdd

        adds = [CommitOperationAdd(name, path) for name, path in files.items()]
        is_done = False
        try:
            with self._reported("the rows are written, nothing is pushed"):
                commit = self._api.create_commit(
                    self._repository,
                    adds,
                    commit_message="Export verified ARC samples",
                    repo_type="dataset",
                )
            is_done = True
        finally:
            if not is_done and self._push == "new":
                with self._reported("the new repository is left there, empty: delete it"):
                    self._api.delete_repo(self._repository, repo_type="dataset")
        return str(commit.repo_url)

    @property
    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars, logging

        disable_progress_bars()
        logging.set_verbosity_error()  # it tells of each retry
        return HfApi(library_name="arc-reasoning-toolkit")

    @contextmanager
    def _reported(self, what_is_so: str) -> Iterator[None]:
        """Make one line of what the Hub or the network says; no token stands in it."""
        import httpx2
        from huggingface_hub.errors import LocalTokenNotFoundError

        try:
            yield
        except LocalTokenNotFoundError as error:
            raise UsageError(f"--push needs a token: set HF_TOKEN; {what_is_so}") from error
        except (httpx2.HTTPError, OSError, ValueError, KeyError) as error:  # odd answers, too
            reason = _STATUS_WORDS.get(_status_of(error)) or _without_token(
                str(error) or type(error).__name__
            )
            raise UsageError(f"--push_to {self._repository}: {reason}; {what_is_so}") from error


def _status_of(error: Exception) -> int:
    response: Any = getattr(error, "response", None)
    return int(getattr(response, "status_code", 0))


def _without_token(text: str) -> str:
    line = next(iter(text.strip().splitlines()), "no answer")
    secret = os.environ.get("HF_TOKEN") or "hf_"
    return _TOKEN.sub("…", line.replace(secret, "…") if len(secret) > 3 else line)
