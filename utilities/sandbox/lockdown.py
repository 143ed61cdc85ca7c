"""The layers of the sandbox, in the order in which a process can put them on itself."""

import ctypes
import os
import resource
import stat
import struct
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

from utilities.sandbox import namespaces, syscalls
from utilities.sandbox.seccomp import Filter, child_filter, fork_server_filter
from utilities.sandbox.syscalls import Unavailable
from utilities.sandbox.wire import RESULT_DESCRIPTOR

OPEN_FILES = 32
_MOST_THREADS = 64
_FILES_A_SESSION = 2
_SLACK = 512
"""So many more processes and threads the user may have later than when a fork server starts."""
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_PATH_BENEATH = 1
_ASK_VERSION = 1


class Lockdown:
    """What a fork server puts on itself once, for all its children, and on each child."""

    def __init__(self, withheld: Collection[str], sessions: int = 0) -> None:
        """Leave out the layers named in `withheld`: "namespaces", "landlock", "seccomp".

        `sessions` is how many children may live at a time, if more than one.
        """
        self._sessions = sessions
        wanted = {"namespaces", "landlock", "seccomp"} - set(withheld)
        self._wanted = wanted if syscalls.SUPPORTED else set()
        self._child_filter: Filter | None = None
        self._child_dies_too: syscalls.ReadyCall | None = None
        self._most_tasks = 0
        self.report: dict[str, Any] = {"landlock": 0, "seccomp": False, "namespaces": []}

    def files_stay_readable(self, visible: Sequence[str]) -> bool:
        """Whether a program will be able to import what is not loaded yet."""
        if "landlock" not in self._wanted or not landlock_version():
            return not self._wanted & {"seccomp"}
        return os.getuid() != 0 or (
            "namespaces" in self._wanted and namespaces.root_can_hide_files(visible)
        )

    def confine(self, visible: Sequence[str], readable: Sequence[str], memory_mb: int) -> None:
        """Put all layers on this process; it returns in the one that is to go on.

        Files below `visible` stay in sight, and only those below `readable` can be read. If there
        is a process namespace, the process that goes on is a child of the caller, which waits.
        """
        rules: ReadingRules | None = None
        if "landlock" in self._wanted:
            with suppress(Unavailable):
                rules = ReadingRules(readable)
        open_files = OPEN_FILES + _FILES_A_SESSION * self._sessions
        self.report["memory_limit"] = limit_resources(memory_mb, open_files)
        others = tasks_of(os.getuid() or namespaces.NOBODY)
        if "namespaces" in self._wanted:
            self.report["namespaces"] = list(namespaces.enter(visible))
        elif os.getuid() == 0:
            namespaces.become_nobody()
        counted_apart = "user" in self.report["namespaces"] and _kernel() >= (5, 14)
        others = 3 if counted_apart else others + _SLACK
        self._most_tasks = _MOST_THREADS + others + self._sessions
        self.report["user"] = "nobody" if os.getuid() == namespaces.NOBODY else "you"
        if "pid" in self.report["namespaces"]:
            _wait_as_parent_of_the_first_process()  # with which all in the namespace end
        elif syscalls.SUPPORTED:
            self._child_dies_too = syscalls.dying_with_parent()
        if not syscalls.SUPPORTED:
            return
        namespaces.drop_capabilities()
        syscalls.hide_from_tracers()
        if rules is not None:
            rules.enforce()
            self.report["landlock"] = rules.version
        if "seccomp" in self._wanted:
            self._filter_calls(may_open=rules is not None)

    def _filter_calls(self, *, may_open: bool) -> None:
        with suppress(Unavailable):  # the report tells, and the supervisor may refuse to go on
            syscalls.forgo_new_privileges()
            passes = bool(self._sessions)
            Filter(fork_server_filter(may_open=may_open, passes_descriptors=passes)).install()
            self._child_filter = Filter(child_filter())
            self.report["seccomp"] = True

    def follow_to_death(self) -> None:
        """Have this process end with its parent, unless a process namespace does that already."""
        if self._child_dies_too is not None:
            self._child_dies_too.make()

    def confine_child(self, cpu_s: float) -> None:
        """Put on a child what its fork server itself must be free of; raises Unavailable."""
        seconds = int(cpu_s + 1)
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        if self._child_filter is not None:
            most = self._most_tasks
        else:  # nothing else keeps it from starting processes; so it cannot have threads either
            os.set_blocking(RESULT_DESCRIPTOR, True)  # the program before may have changed that
            most = 0
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        if self._sessions:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
        if self._child_filter is not None:
            self._child_filter.install()


def limit_resources(memory_mb: int, open_files: int = OPEN_FILES) -> bool:
    """Limit what this process and each of its children may use; False if memory has no limit."""
    limits = {"RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_MSGQUEUE": 0, "RLIMIT_MEMLOCK": 0}
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits["RLIMIT_NOFILE"] = open_files if most < 0 else min(open_files, most)
    with suppress(OSError), open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - costs 5 ms
        in_use = int(statm.read().split()[0]) * resource.getpagesize()
        limits["RLIMIT_AS"] = in_use + memory_mb * 2**20
    for name, value in limits.items():
        with suppress(AttributeError, ValueError, OSError):  # macOS lacks some of them
            resource.setrlimit(getattr(resource, name), (value, value))
    return "RLIMIT_AS" in limits


def tasks_of(user: int) -> int:
    """How many processes and threads a user has: the kernel's limit on new ones counts them all.

    Since Linux 5.14 it counts those of each user namespace apart.
    """
    count = 0
    with suppress(OSError):
        for process in os.scandir("/proc"):
            with suppress(OSError):  # it has ended
                if process.name.isdigit() and process.stat().st_uid == user:
                    count += len(list(os.scandir(f"{process.path}/task")))
    return count


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])


def _wait_as_parent_of_the_first_process() -> None:
    """Fork: the child is the first process of a new namespace, which ends with it."""
    child = syscalls.fork()
    if child == 0:
        syscalls.dying_with_parent().make()
        return
    os.closerange(0, OPEN_FILES)
    os.waitpid(child, 0)
    os._exit(0)


def landlock_version() -> int:
    """The kernel's version of Landlock; 0 if it has none."""
    call = syscalls.number("landlock_create_ruleset")
    flags = ctypes.c_uint32(_ASK_VERSION)
    return max(0, int(syscalls.LIBC.syscall(call, None, ctypes.c_size_t(0), flags)))


class ReadingRules:
    """Landlock: which files may be read; nothing may be written, and no network be used.

    Made while the paths can still be reached, put in force later. The kernel's interface:
    Documentation/userspace-api/landlock.rst of Linux.
    """

    def __init__(self, readable: Iterable[str]) -> None:
        """Handle all rights that this kernel knows; raises Unavailable if it has no Landlock."""
        self.version = landlock_version()
        files = (1 << 13) - 1
        for bit, since in ((13, 2), (14, 3), (15, 5)):  # refer, truncate, ioctl on devices
            files |= (self.version >= since) << bit
        network = 3 if self.version >= 4 else 0  # bind and connect by TCP
        scopes = 3 if self.version >= 6 else 0  # abstract sockets and signals to the outside
        size = 8 if self.version < 4 else 16 if self.version < 6 else 24
        rights = struct.pack("=QQQ", files, network, scopes)[:size]
        self._rules = syscalls.system_call(
            "landlock_create_ruleset", rights, ctypes.c_size_t(size), 0
        )
        for path in readable:
            self._allow(path)

    def _allow(self, path: str) -> None:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # what cannot be reached now cannot be read later either
            return
        try:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            rights = _READ_FILE | _READ_FOLDER if is_folder else _READ_FILE
            rule = struct.pack("=Qi", rights, descriptor)
            syscalls.system_call("landlock_add_rule", self._rules, _PATH_BENEATH, rule, 0)
        finally:
            os.close(descriptor)

    def enforce(self) -> None:
        """Restrict this process and all that it starts, for good; raises Unavailable."""
        syscalls.forgo_new_privileges()
        syscalls.system_call("landlock_restrict_self", self._rules, 0)
        os.close(self._rules)
