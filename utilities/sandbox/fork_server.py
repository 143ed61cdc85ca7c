"""A fork server: a process that locks itself down, then forks a confined child for each program.

It is started with a clean environment (see server_process.py) and shares no memory with the
supervisor, so it never holds an expected output.
"""

import gc
import marshal
import os
import sys
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, NoReturn

from utilities.sandbox.frontend import Frontend
from utilities.sandbox.lockdown import OPEN_FILES, Lockdown
from utilities.sandbox.preload import (
    PARTS,
    RARE,
    TYPICAL_PROGRAM,
    TYPICAL_PROGRAM_WITH_NUMPY,
    fill_below_arenas,
    preload,
)
from utilities.sandbox.program import Printed, run_program
from utilities.sandbox.syscalls import FORK, SUPPORTED, fork, give_back_free_memory
from utilities.sandbox.wire import (
    BORN,
    CANNOT_FORK,
    ENDED,
    FILE_NAME,
    GO,
    LENGTH,
    MEMORY_EXHAUSTED,
    RESULT_DESCRIPTOR,
    SOCKET_DESCRIPTOR,
    Pipes,
    Program,
    read_message,
)

_REQUESTS, _ORDERS, _BIRTHS, _ENDINGS = range(RESULT_DESCRIPTOR + 1, RESULT_DESCRIPTOR + 5)
"""Descriptors of the process that forks; it has no socket."""
_WARM_UPS = 20
_COLLECTIONS = (20_000, 10, 10)
"""Thresholds of the garbage collector: programs are short and their memory is limited."""


def forget_places(repository: str) -> None:
    """Hide where the toolkit lies, and how this process was started, from what runs here later.

    Call it before `main`, whose frame programs can see. The paths of Python and of its packages
    stay known: programs read the files there.
    """
    sys.argv[:], sys.orig_argv[:] = [""], []
    sys.executable = sys._base_executable = ""  # type: ignore[attr-defined]
    for folder in [name for name in sys.path_importer_cache if name.startswith(repository)]:
        del sys.path_importer_cache[folder]
    for name, module in sys.modules.items():
        if name.split(".")[0] == "utilities":
            for told in ("__file__", "__cached__", "__loader__", "__path__", "__spec__"):
                vars(module).pop(told, None)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(repository):
            each.__code__ = _named_from(repository, each.__code__)


def _named_from(repository: str, code: CodeType) -> CodeType:
    """The code, and all code inside it, with the file's name as seen from the repository."""
    constants = (
        _named_from(repository, each) if isinstance(each, CodeType) else each
        for each in code.co_consts
    )
    name = code.co_filename.removeprefix(repository).lstrip("/")
    return code.replace(co_filename=name, co_consts=tuple(constants))


def main(config: dict[str, Any]) -> NoReturn:
    """Get ready, lock down, report the layers in force, and serve until the supervisor is gone."""
    take_descriptors(config)
    pipes = Pipes(*(os.pipe() for _ in Pipes._fields))
    for descriptor in (pipes.results[0], pipes.requests[1]):
        os.set_blocking(descriptor, False)
    lockdown = Lockdown(config["withheld"])
    server = ForkServer(lockdown, config["stdout_bytes"])
    get_confined(config, lockdown, server.get_ready)
    _be_two(lockdown, pipes, config)
    del config
    server.serve()


def get_confined(config: dict[str, Any], lockdown: Lockdown, get_ready: Callable[[], None]) -> None:
    """Load what programs use, `get_ready`, lock down, and report the layers in force.

    Ends the process if seccomp is missing and must not be.
    """
    more = list(config["modules"])
    if not lockdown.files_stay_readable(config["visible"]):
        more += RARE
    more += [part for name in config["modules"] for part in PARTS.get(name, ())]
    preload(config["packages"], more, config["hash_seed"])
    for name in [name for name in sys.modules if name.split(".")[0] == "utilities"]:
        del sys.modules[name]  # a program finds nothing of the toolkit by name
    if SUPPORTED:
        fill_below_arenas()
    gc.set_threshold(*_COLLECTIONS)
    get_ready()
    lockdown.confine(config["visible"], config["readable"], config["memory_mb"])
    _say_what_is_in_force(lockdown.report)
    if not (lockdown.report["seccomp"] or config["unsafe_no_seccomp"]):
        os._exit(0)


def take_descriptors(config: dict[str, Any]) -> None:
    """Put the socket in its place and /dev/null in the results' place; close all others above.

    Stay on the processor that the configuration names, if any.
    """
    os.dup2(config["socket"], SOCKET_DESCRIPTOR + 1)
    os.dup2(SOCKET_DESCRIPTOR + 1, SOCKET_DESCRIPTOR)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, RESULT_DESCRIPTOR)
    os.closerange(SOCKET_DESCRIPTOR + 1, OPEN_FILES)
    if config["processor"] is not None:
        os.sched_setaffinity(0, {config["processor"]})


def _say_what_is_in_force(report: dict[str, Any]) -> None:
    for descriptor in range(3):
        os.dup2(RESULT_DESCRIPTOR, descriptor)
    said = marshal.dumps(report)
    os.write(SOCKET_DESCRIPTOR, LENGTH.pack(len(said)) + said)


def _be_two(lockdown: Lockdown, pipes: Pipes, config: dict[str, Any]) -> None:
    """Fork the process that forks children, and become its frontend; returns in the former."""
    server = fork()
    if server != 0:
        for descriptor in (pipes.results[1], pipes.orders[0], pipes.births[1], pipes.endings[1]):
            os.close(descriptor)
        Frontend(pipes, config).serve()
    lockdown.follow_to_death()
    ends = (pipes.results[1], pipes.requests[0], pipes.orders[0], pipes.births[1], pipes.endings[1])
    places = (RESULT_DESCRIPTOR, _REQUESTS, _ORDERS, _BIRTHS, _ENDINGS)
    for descriptor, place in zip(ends, places, strict=True):
        os.dup2(descriptor, place)
    os.closerange(_ENDINGS + 1, OPEN_FILES)
    share_memory()


def share_memory() -> None:
    """Leave as little as can be that a child would have to copy."""
    gc.collect()
    give_back_free_memory()
    gc.freeze()  # else the collector would touch, and so copy, every object in every child


class ForkServer:
    """Forks a child, which reads programs and runs them; waits for its end, and begins again.

    Each memory page that this process writes to between two forks costs a page fault, so its loop
    does no more than it must.
    """

    def __init__(self, lockdown: Lockdown, stdout_bytes: int) -> None:
        """Nothing is forked before `serve`."""
        self._lockdown = lockdown
        self._printed = Printed(stdout_bytes)

    def get_ready(self) -> None:
        """Do what a child does a few times, to warm up; descriptor 3 is still /dev/null."""
        grid = (5, bytes((0, 1, 2, 0, 3)) * 5)
        sources = [TYPICAL_PROGRAM]
        if "numpy" in sys.modules:
            sources.append(TYPICAL_PROGRAM_WITH_NUMPY)
        streams = sys.stdout, sys.stderr
        for source in sources * _WARM_UPS:
            code = compile(source, FILE_NAME, "exec", dont_inherit=True)
            program = (source, marshal.dumps(code), (grid,) * 2)
            run_program(_unpacked(marshal.dumps((1.0, False, program)))[-1], self._printed)
        sys.stdout, sys.stderr = streams

    def serve(self) -> NoReturn:
        """Fork when told to; ends when the frontend ends."""
        self._printed.capture()
        while os.read(_ORDERS, len(GO)):
            child = FORK()
            if child == 0:
                self._be_a_child()
            os.write(_BIRTHS, BORN.pack(child))
            status = os.waitpid(child, 0)[1] if child > 0 else CANNOT_FORK
            os.write(_ENDINGS, ENDED.pack(status))
        os._exit(0)

    def _be_a_child(self) -> NoReturn:
        """Run a program, and others that follow it if it is shared; never returns."""
        try:
            self._lockdown.follow_to_death()
            cpu_s, shared, program = _unpacked(read_message(_REQUESTS))
            os.closerange(_ORDERS if shared else _REQUESTS, OPEN_FILES)
            self._lockdown.confine_child(cpu_s)
            run_program(program, self._printed)
            while shared:
                program = _unpacked(read_message(_REQUESTS))[-1]
                run_program(program, self._printed, hold_back=True)
            os._exit(0)  # without the program's own exit handlers
        except MemoryError:
            os._exit(MEMORY_EXHAUSTED)
        finally:
            os._exit(1)


def _unpacked(message: bytes) -> tuple[float, bool, Program]:
    """A message of the frontend: the child's processor seconds, whether it is shared, a program."""
    load = marshal.loads  # safe: the message comes from the frontend
    cpu_s, shared, (source, code, inputs) = load(message)
    return cpu_s, shared, (source, code and load(code), inputs)
