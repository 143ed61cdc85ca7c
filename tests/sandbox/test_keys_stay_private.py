"""No key in any file, log line, message or child process; none to a stranger's server."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.loopback_server import (
    LoopbackServer,
    cut_off,
    dropped,
    error_in_200,
    reply,
    status,
)
from tests.support.loopback_server import body as raw_body
from tests.support.scripts import clean_environment, entries, script_command

BENCHMARK = "benchmark/run_code_benchmark.py"
KEY = "sk-own-canary-0123456789"
OTHERS = {
    "OPENAI_API_KEY": "sk-other-canary-openai",
    "OPENAI_ORG_ID": "org-other-canary",
    "OPENAI_CUSTOM_HEADERS": "x-other: other-canary",
    "ANTHROPIC_API_KEY": "sk-other-canary-anthropic",
    "ANTHROPIC_AUTH_TOKEN": "other-canary-token",
    "GEMINI_API_KEY": "other-canary-gemini",
    "HF_TOKEN": "other-canary-hf",
}
SOON = "0.02"
FAULTS = [
    status(500, f"while looking up {KEY}: " + "x" * 470 + KEY, retry_after=SOON),
    status(429, f"key {KEY} asks too often", retry_after=SOON),
    raw_body(f"<html>{KEY}</html>", "text/html", 502),
    raw_body(f'{{"error": "{KEY}', code=503),
    error_in_200(502, f"upstream would not have {KEY}"),
    dropped(),
]


def children_of(pid: int) -> Iterator[Path]:
    """The /proc folders of all processes below this one."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(folder.name)] = int(fields[1])
    below = {pid}
    for _ in parents:
        more = {child for child, parent in parents.items() if parent in below}
        if more <= below:
            break
        below |= more
    yield from (Path("/proc", str(child)) for child in below - {pid})


def environments(process: subprocess.Popen[str]) -> Iterator[tuple[bytes, bytes]]:
    """Command lines and environments of this process's children, until it ends."""
    assert isinstance(process.args, list)
    own = b"".join(os.fsencode(word) + b"\0" for word in process.args)
    while process.poll() is None:
        time.sleep(0.02)
        for folder in children_of(process.pid):
            try:
                before, environment, after = (
                    (folder / name).read_bytes() for name in ("cmdline", "environ", "cmdline")
                )
            except OSError:
                continue
            # Between fork and exec a child is still its parent, and in the middle nobody.
            if before == after and before not in {b"", own}:
                yield before, environment


def fake_git(folder: Path) -> Path:
    """A git that writes its environment down, where the toolkit finds it first."""
    (folder / "bin").mkdir()
    script = folder / "bin" / "git"
    script.write_text(f"#!/bin/sh\nenv > {folder}/git_environment\necho 0123abcd\n")
    script.chmod(0o755)
    return folder / "bin"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("api", "source"),
    [("openai", "environment"), ("anthropic", "environment"), ("anthropic", ".env")],
)
def test_no_key_gets_anywhere_after_a_run_with_failures(
    api: str, source: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    with LoopbackServer(
        first=FAULTS,
        globally=[status(401, f"no {KEY}")] if source == ".env" else [],
        prompts={} if source == ".env" else {"12 12": [cut_off()]},
        then=reply(maker="identity_program"),
    ) as server:
        if source == ".env":
            (tmp_path / ".env").write_text(f"BASE_URL_API_KEY={KEY}\n")
        own = {} if source == ".env" else {"BASE_URL_API_KEY": KEY}
        path = f"{fake_git(tmp_path)}{os.pathsep}{os.environ['PATH']}"
        process = subprocess.Popen(
            script_command(
                BENCHMARK, "--model_identifier", "anthropic:m" if api == "anthropic" else "local:m",
                "--base_url", server.anthropic_url, "--dataset_directory", dataset(count=2),
                "--verbose", "--snapshot", "--output_directory", tmp_path / "out",
            ),
            cwd=tmp_path, env=clean_environment(**OTHERS, **own, PATH=path),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        seen = list(environments(process))
        output, errors = process.communicate(timeout=60)
        sent = json.dumps([request.headers for request in server.ledger()])
    assert process.returncode == (2 if source == ".env" else 0), errors
    assert KEY in sent
    assert "canary" not in sent.replace(KEY, "")
    assert seen, "no child was seen"
    assert not [command for command, environment in seen if b"canary" in environment]
    assert "canary" not in (tmp_path / "git_environment").read_text()
    assert "canary" not in output + errors
    written = [file for file in (tmp_path / "out").iterdir() if file.is_file()]
    assert len(written) >= 3
    for file in written:
        assert b"canary" not in file.read_bytes(), file
    if source == "environment":
        (entry, _) = entries(tmp_path / "out" / "code_benchmark_results.jsonl")
        assert len(entry["failed_attempts"][0]) >= 5
