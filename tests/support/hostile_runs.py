"""Runs the programs of tests/hostile and says which came out other than their first line demands.

The first line of each is `# MUST: DEMANDS :: why`, with `|` between demands of which one must
hold: a status, "ok GRID" (ran to its end, every attack refused; a 9 tells that one worked), or
"ok but judged wrong". Run as a script, it prints a JSON object of what failed, as whom it is told:

    python -m tests.support.hostile_runs --folder tests/hostile --refuse_namespaces --user 12345
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from utilities.sandbox.execution import Execution, Limits
from utilities.sandbox.sandbox import Sandbox
from utilities.sandbox.session import CallResult, SessionLimits, Sessions
from utilities.tasks.task import Grid, Pair

HOSTILE = Path(__file__).parents[1] / "hostile"
GRID: Grid = [[0, 1], [2, 3]]
INPUTS = 4
EXPECTED: Grid = [[2, 7, 1, 8, 2, 8, 1, 8]]
SWIFT = Limits(cpu_s=0.4, wall_s=1.5)
CONTROL = """
import math
from collections import Counter
def solve_task(grid):
    common = Counter([2, 2, 1]).most_common(1)[0][0]
    return [sorted([0] + [common + int(math.sqrt(1))]) for _ in range(1)]
"""
WITH_NUMPY = "import numpy as np\n" + CONTROL.replace("[0] +", "np.zeros(1, int).tolist() +")
CONTROLS = (CONTROL, WITH_NUMPY)
"""Programs with and without numpy have fork servers of their own."""
CONTROL_OUTPUT: Grid = [[0, 3]]
PLACES_FOR_FILES = ("/", "/tmp", "/var/tmp", "/dev/shm")


def passes(executions: Sequence[Execution], expected: Grid = EXPECTED) -> bool:
    return all(execution.output == expected for execution in executions)


def meets(demand: str, executions: Sequence[Execution]) -> bool:
    """Whether one demand holds."""
    status = next((one.status for one in executions if one.status != "ok"), "ok")
    wanted, _, more = demand.strip().partition(" ")
    if more == "and judged right":
        return passes(executions)
    if more.startswith("["):
        return status == "ok" and passes(executions, json.loads(more))
    return status == wanted and not passes(executions)


def make_canaries(folder: Path) -> dict[str, str]:
    """Files that everybody may write, and that must stay as they are."""
    folder.chmod(0o777)
    contents = {".env": "OPENAI_API_KEY=sk-CANARY", "solutions.json": json.dumps(EXPECTED)}
    for name, content in contents.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o666)
    os.environ |= {"OPENAI_API_KEY": "sk-CANARY", "SECRET_CANARY": "CANARY"}
    return contents


def contents_of(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def programs(folder: Path, canaries: Path) -> dict[str, str]:
    """The hostile programs by name."""
    files = sorted(folder.glob("*.py"))
    return {file.stem: file.read_text().replace("CANARY_FOLDER", str(canaries)) for file in files}


def left_behind() -> list[str]:
    """Files that a program made outside."""
    return [str(file) for place in PLACES_FOR_FILES for file in Path(place).glob("PWNED*")]


async def failures(
    folder: Path,
    canaries: Path,
    withheld: Collection[str] = (),
    mode: Literal["strict", "batch"] = "strict",
) -> list[str]:
    """What went wrong, a line each; nothing where all demands are met."""
    contents = make_canaries(canaries)
    found = []
    async with Sandbox(SWIFT, workers=1, mode=mode, withheld_layers=withheld) as sandbox:
        servers: set[int] = set()
        for name, code in programs(folder, canaries).items():
            demands = code.splitlines()[0].removeprefix("# MUST: ").split(" :: ")[0].split("|")
            executions = await sandbox.run(code, [GRID] * INPUTS)
            if not any(meets(demand, executions) for demand in demands):
                found.append(f"{name}: {demands}, but {executions}")
            for program in CONTROLS:
                control = await sandbox.run(program, [GRID])
                if not passes(control, CONTROL_OUTPUT):
                    found.append(f"{name} spoils the next program: {control}")
            if contents_of(canaries) != contents:
                found.append(f"{name} changes the canaries: {contents_of(canaries)}")
            if servers - set(sandbox.server_process_ids):
                found.append(f"{name} ends a fork server")
            servers = set(sandbox.server_process_ids)
    return found + left_behind()


IN_A_SESSION = {
    "exception": ("error", "memory"),
    "syntax_error": ("error",),
    "no_entry_point": ("error",),
    "timeout": ("timed_out",),
    "crashed": ("died", "timed_out"),
    "memory_limit": ("memory", "died"),
    "output_limit": ("ok", "died", "timed_out"),
    "invalid_output": ("ok", "error", "died"),
    "forbidden": ("ok", "error", "refused"),
    "ok": ("ok", "died"),
}
"""What the demands on a program mean for a call that runs it: what it prints and returns is
shown, not judged."""
SWIFT_CALLS = SessionLimits(cpu_s=0.4, wall_s=1.5)
CALL_CONTROL = "kept += 1\n[int(np.zeros(1)[0]), kept]"


def meets_in_a_session(demand: str, calls: Sequence[CallResult]) -> bool:
    """Whether one demand holds for the calls that define a program and run it."""
    status = next((call.status for call in calls if call.status != "ok"), "ok")
    wanted, _, more = demand.strip().partition(" ")
    if more == "and judged right":
        return str(EXPECTED) in calls[-1].text
    if str(EXPECTED)[1:-1] in calls[-1].text:
        return False
    if more.startswith("["):
        shown = calls[-1].text.removeprefix("array(").split(", dtype")[0]
        return status == "ok" and shown.splitlines()[-1].strip() == more
    return status in IN_A_SESSION[wanted]


async def session_failures(
    folder: Path, canaries: Path, withheld: Collection[str] = ()
) -> list[str]:
    """As `failures`, each program as the calls of a session of its own; nothing if all is well.

    Another session, open all the time, must answer after each, from what it has kept.
    """
    contents = make_canaries(canaries)
    found = []
    limits = replace(SWIFT_CALLS, calls=10_000, session_cpu_s=10_000)
    async with (
        Sessions(limits, most_open=4, withheld_layers=withheld) as sessions,
        sessions.open([Pair(input=GRID, output=[[5]])], [GRID]) as neighbour,
    ):
        await neighbour.run("kept = 0")
        server = sessions.server_process_ids
        for count, (name, code) in enumerate(programs(folder, canaries).items(), 1):
            demands = code.splitlines()[0].removeprefix("# MUST: ").split(" :: ")[0].split("|")
            async with sessions.open([], [GRID]) as session:
                calls = [await session.run(code)]
                if calls[0].status == "ok":
                    calls.append(await session.run("solve_task(test_inputs[0])"))
                after = await session.run("print('here')")
            if not any(meets_in_a_session(demand, calls) for demand in demands):
                found.append(f"{name}: {demands}, but {calls}")
            if after.status == "refused" or max(len(call.text) for call in calls) > 8000:
                found.append(f"{name}: then {after}")
            control = await neighbour.run(CALL_CONTROL)
            if control.text != f"[0, {count}]\n":
                found.append(f"{name} spoils its neighbour: {control}")
            if contents_of(canaries) != contents:
                found.append(f"{name} changes the canaries: {contents_of(canaries)}")
            if sessions.server_process_ids != server:
                found.append(f"{name} ends the server")
                server = sessions.server_process_ids
    return found + left_behind()


def refuse_namespaces() -> None:
    """Do as Docker's default profile does: no namespaces and no mounts for this process."""
    from utilities.sandbox.seccomp import NEW_NAMESPACES, Filter, refusing_filter
    from utilities.sandbox.syscalls import forgo_new_privileges

    forgo_new_privileges()
    Filter(refusing_filter(("unshare", "setns", "mount", "pivot_root"), NEW_NAMESPACES)).install()


def main() -> None:
    """Run them all and print what failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=HOSTILE)
    parser.add_argument("--refuse_namespaces", action="store_true")
    parser.add_argument("--user", type=int, help="become this user first")
    parser.add_argument("--withheld", nargs="*", default=[], help="layers to leave out")
    parser.add_argument("--mode", choices=["strict", "batch"], default="strict")
    parser.add_argument("--sessions", action="store_true", help="run them as calls of sessions")
    options = parser.parse_args()
    if options.user is not None:
        os.setgroups([])
        os.setgid(options.user)
        os.setuid(options.user)
    if options.refuse_namespaces:
        refuse_namespaces()
    with tempfile.TemporaryDirectory() as canaries:
        if options.sessions:
            whole = session_failures(options.folder, Path(canaries), options.withheld)
        else:
            whole = failures(options.folder, Path(canaries), options.withheld, options.mode)
        found = asyncio.run(whole)
    count = len(list(options.folder.glob("*.py")))
    print(json.dumps({"user": os.getuid(), "programs": count, "failures": found}))


if __name__ == "__main__":
    main()
