"""Seccomp filters: which system calls a fork server and its children may make.

A filter is a program for the classic BPF machine (linux/filter.h) that sees the call's number and
arguments. All filters of a process are asked, and the strictest answer counts. From Linux 5.11 on,
calls that every filter always allows cost nothing, so a plain chain of comparisons will do.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence

from utilities.sandbox.syscalls import MACHINE, ReadyCall, number

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
ALLOW, KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_AUDIT_ARCHITECTURE = 0xC00000B7 if MACHINE == "aarch64" else 0xC000003E
_X32 = 0x40000000
"""Calls from this number on are those of the x32 interface: the same calls under other numbers."""
_SECCOMP_SET_MODE_FILTER = 1
_NEWEST_OLD_CALL = 435
"""For calls from this number on, the C library has a fallback when they answer ENOSYS."""
NEW_NAMESPACES = 0x7E020080
CLONE_THREAD = 0x00010000
_HARMLESS_FCNTLS = (0, 1, 2, 3, 1030)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC: about a descriptor of its own."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_MEMORY = ("brk", "madvise", "mmap", "mprotect", "mremap", "munmap")
_DESCRIPTORS = (
    *("access", "close", "close_range", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fcntl"),
    *("fstat", "getcwd", "getdents64", "lseek", "lstat", "newfstatat", "pipe", "pipe2", "poll"),
    *("ppoll", "pread64", "pselect6", "read", "readlink", "readlinkat", "readv", "select", "stat"),
    *("statx", "umask", "write", "writev"),
)
_CLOCKS_AND_SIGNALS = (
    *("alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday"),
    *("nanosleep", "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn"),
    *("setitimer", "sigaltstack", "time", "times"),
)
_THREADS = (
    *("arch_prctl", "exit", "exit_group", "futex", "membarrier", "rseq", "sched_getaffinity"),
    *("sched_getparam", "sched_getscheduler", "sched_yield", "set_robust_list"),
    "set_tid_address",
)
_QUESTIONS = (
    *("getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp", "getpid", "getppid"),
    *("getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "gettid"),
    *("getuid", "sysinfo", "uname"),
)
_FOR_THE_FORK_SERVER = (
    *("capset", "fork", "kill", "prctl", "prlimit64", "seccomp", "setrlimit", "wait4"),
)
"""What it needs to start, confine and end children; `child_filter` denies it to them."""
_TO_PASS_DESCRIPTORS = ("recvmsg", "sendmsg")
"""What a server of sessions needs as well; `child_filter` denies it to them."""
_ALLOWED = (*_MEMORY, *_DESCRIPTORS, *_CLOCKS_AND_SIGNALS, *_THREADS, *_QUESTIONS)
_NOT_FOR_CHILDREN = (
    *(*_FOR_THE_FORK_SERVER, *_TO_PASS_DESCRIPTORS, "tgkill", "tkill", "vfork", "waitid"),
)

Instruction = tuple[int, int, int, int]
"""Operation, how many to skip if true, how many if false, operand."""


def fork_server_filter(*, may_open: bool, passes_descriptors: bool) -> bytes:
    """Allow what is listed, opening files for reading if `may_open`, and refuse all else."""
    program = [*_right_machine()]
    more = _TO_PASS_DESCRIPTORS if passes_descriptors else ()
    for name in (*_ALLOWED, *_FOR_THE_FORK_SERVER, *more):
        program += _when(name, [_return(ALLOW)])
    program += _when("clone", _refuse_bits(0, NEW_NAMESPACES, errno.EPERM))
    if may_open:  # Landlock says what may be opened
        program += _when("openat", _refuse_bits(2, _WRITING, errno.EACCES))
        program += _when("open", _refuse_bits(1, _WRITING, errno.EACCES))
    program += _when("ioctl", [_error(errno.ENOTTY)])
    program += [(_AT_LEAST, 0, 1, _NEWEST_OLD_CALL), _error(errno.ENOSYS), _error(errno.EPERM)]
    return _assemble(program)


def child_filter() -> bytes:
    """On top of the fork server's: no process, no signal, no change of the limits.

    Nor any change of the pipe that children share: if it did not block, others would lose results.
    """
    program: list[Instruction] = [(_LOAD, 0, 0, _NUMBER)]
    for name in _NOT_FOR_CHILDREN:
        program += _when(name, [_error(errno.EPERM)])
    program += _when("clone", _demand_bits(0, CLONE_THREAD, errno.EPERM))
    program += _when("fcntl", _demand_value(1, _HARMLESS_FCNTLS, errno.EPERM))
    program += [_return(ALLOW)]
    return _assemble(program)


def refusing_filter(names: Iterable[str], clone_flags: int) -> bytes:
    """Refuse these calls and new processes with these flags (EPERM), as Docker does; for tests."""
    program = [*_right_machine()]
    for name in names:
        program += _when(name, [_error(errno.EPERM)])
    program += _when("clone", _refuse_bits(0, clone_flags, errno.EPERM))
    program += [(_EQUAL, 0, 1, _NEWEST_OLD_CALL), _error(errno.ENOSYS), _return(ALLOW)]
    return _assemble(program)


class Filter:
    """A filter in the kernel's layout, ready to be installed by this process or its children."""

    def __init__(self, program: bytes) -> None:
        """Keep the program in memory that the kernel can read."""
        self._program = ctypes.create_string_buffer(program, len(program))
        size = struct.calcsize("=HBBI")
        header = struct.pack("@HP", len(program) // size, ctypes.addressof(self._program))
        self._header = ctypes.create_string_buffer(header, len(header))
        address = ctypes.addressof(self._header)
        self._call = ReadyCall("seccomp", _SECCOMP_SET_MODE_FILTER, 0, address)

    def install(self) -> None:
        """Put it in force for good; raises Unavailable. Needs no_new_privs."""
        self._call.make()


def _right_machine() -> Iterable[Instruction]:
    """Kill a process that calls by another machine's numbers; load the number for the tests."""
    yield from ((_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, _AUDIT_ARCHITECTURE), _return(KILL))
    yield (_LOAD, 0, 0, _NUMBER)
    if MACHINE == "x86_64":
        yield from ((_AT_LEAST, 0, 1, _X32), _return(KILL))


def _when(name: str, then: list[Instruction]) -> list[Instruction]:
    """What to do for one call, ending with a return; nothing if this machine lacks the call."""
    call = number(name)
    return [] if call is None else [(_EQUAL, 0, len(then), call), *then]


def _refuse_bits(argument: int, bits: int, error: int) -> list[Instruction]:
    return [_load_argument(argument), (_ANY_BIT, 0, 1, bits), _error(error), _return(ALLOW)]


def _demand_bits(argument: int, bits: int, error: int) -> list[Instruction]:
    return [_load_argument(argument), (_ANY_BIT, 1, 0, bits), _error(error), _return(ALLOW)]


def _demand_value(argument: int, values: Sequence[int], error: int) -> list[Instruction]:
    tests = [(_EQUAL, len(values) - n, 0, value) for n, value in enumerate(values)]
    return [_load_argument(argument), *tests, _error(error), _return(ALLOW)]


def _load_argument(argument: int) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * argument)  # its lower half: both machines are little endian


def _error(error: int) -> Instruction:
    return _return(_ERROR | error)


def _return(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)


def _assemble(program: Iterable[Instruction]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
