"""Linux system calls by their numbers, through ctypes; x86-64 and arm64.

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
"""

import ctypes
import os
import sys
from contextlib import suppress

MACHINE = os.uname().machine
SUPPORTED = sys.platform == "linux" and MACHINE in {"x86_64", "aarch64"}
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
_CALL = ctypes.PyDLL(None).syscall
_CALL.restype = ctypes.c_long
FORK = ctypes.PyDLL(None).fork
"""fork(2) without Python's hooks: they reseed `random`, and cost more than the fork itself."""

_TABLE = """
access 21 -                     alarm 37 -                      arch_prctl 158 -
brk 12 214                      capset 126 91                   clock_getres 229 114
clock_gettime 228 113           clock_nanosleep 230 115         clone 56 220
close 3 57                      close_range 436 436             dup 32 23
dup2 33 -                       dup3 292 24                     exit 60 93
exit_group 231 94               faccessat 269 48                faccessat2 439 439
fcntl 72 25                     fork 57 -                       fstat 5 80
futex 202 98                    getcwd 79 17                    getdents64 217 61
getegid 108 177                 geteuid 107 175                 getgid 104 176
getgroups 115 158               getitimer 36 102                getpgid 121 155
getpgrp 111 -                   getpid 39 172                   getppid 110 173
getrandom 318 278               getresgid 120 150               getresuid 118 148
getrlimit 97 163                getrusage 98 165                getsid 124 156
gettid 186 178                  gettimeofday 96 169             getuid 102 174
ioctl 16 29                     kill 62 129                     landlock_add_rule 445 445
landlock_create_ruleset 444 444 landlock_restrict_self 446 446  lseek 8 62
lstat 6 -                       madvise 28 233                  membarrier 324 283
mmap 9 222                      mount 165 40                    mprotect 10 226
mremap 25 216                   munmap 11 215                   nanosleep 35 101
newfstatat 262 79               open 2 -                        openat 257 56
pipe 22 -                       pipe2 293 59                    pivot_root 155 41
poll 7 -                        ppoll 271 73                    prctl 157 167
pread64 17 67                   prlimit64 302 261               pselect6 270 72
read 0 63                       readlink 89 -                   readlinkat 267 78
readv 19 65                     restart_syscall 219 128         rseq 334 293
rt_sigaction 13 134             rt_sigprocmask 14 135           rt_sigreturn 15 139
sched_getaffinity 204 123       sched_getparam 143 121          sched_getscheduler 145 120
sched_yield 24 124              recvmsg 47 212                  sendmsg 46 211
seccomp 317 277                 select 23 -
set_robust_list 273 99          set_tid_address 218 96          setitimer 38 103
setns 308 268                   setrlimit 160 164               sigaltstack 131 132
stat 4 -                        statx 332 291                   sysinfo 99 179
tgkill 234 131                  time 201 -                      times 100 153
tkill 200 130                   umask 95 166                    uname 63 160
unshare 272 97                  vfork 58 -                      wait4 61 260
waitid 247 95                   write 1 64                      writev 20 66
"""
"""Name, number on x86-64, number on arm64; a dash if the machine has no such call."""
_NUMBERS = {
    name: tuple(None if number == "-" else int(number) for number in numbers)
    for name, *numbers in zip(*[iter(_TABLE.split())] * 3, strict=True)
}


class Unavailable(Exception):
    """This system lacks or refuses a layer; the message says which call, and why."""


def number(name: str) -> int | None:
    """The number of a system call on this machine; None if it has no such call."""
    return _NUMBERS[name][MACHINE == "aarch64"]


def system_call(name: str, *arguments: object) -> int:
    """Make a system call; raises Unavailable if it fails."""
    call = number(name)
    if call is None:
        raise Unavailable(f"{name}: no such system call here")
    return checked(name, LIBC.syscall(call, *arguments))


def checked(name: str, result: int) -> int:
    """Hand on what a function of the C library returned; raises Unavailable for -1."""
    if result < 0:
        raise Unavailable(f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


class ReadyCall:
    """A system call with its arguments made beforehand.

    A child that makes it writes to a quarter of the memory pages that `system_call` writes to, and
    each page that a child writes to must be copied for it.
    """

    def __init__(self, name: str, *arguments: int) -> None:
        """Take integers and addresses; the caller must keep alive what is at the addresses."""
        self._name = name
        self._arguments = tuple(ctypes.c_long(each) for each in (number(name) or -1, *arguments))

    def make(self) -> None:
        """Make the call; raises Unavailable if it fails."""
        if _CALL(*self._arguments) < 0:
            raise Unavailable(f"{self._name}: refused")


def fork() -> int:
    """Fork; returns the child's process, and 0 in the child. Raises Unavailable."""
    child = int(FORK())
    if child < 0:
        raise Unavailable("fork: the system has no process or memory left")
    return child


def prctl(name: str, option: int, value: int) -> None:
    """Set an attribute of this process; raises Unavailable."""
    checked(name, LIBC.prctl(option, value, 0, 0, 0))


def map_zeros(address: int, size: int) -> None:
    """Map zeros at this range of addresses, unless something is there."""
    rights, flags = 1 | 2, 0x02 | 0x20 | 0x100000  # to read and write; private, fixed, no replacing
    call = number("mmap")
    arguments = (address, size, rights, flags, -1, 0)
    LIBC.syscall(call, *map(ctypes.c_long, arguments))


def give_back_free_memory() -> None:
    """Return what is free inside the C library's heap, so that no fork copies its page tables."""
    with suppress(AttributeError):  # not in every C library
        LIBC.malloc_trim(0)


def dying_with_parent() -> ReadyCall:
    """The call that has the kernel kill the caller when its parent ends (PR_SET_PDEATHSIG)."""
    return ReadyCall("prctl", 1, 9, 0, 0, 0)


def end_at_once_on(signal_number: int) -> None:
    """Have a signal end this process, whatever it is doing.

    By default no signal ends the first process of a namespace, and Python's own handlers run only
    when the current C function has returned.
    """
    LIBC.signal(signal_number, ctypes.cast(LIBC._exit, ctypes.c_void_p))


def forgo_new_privileges() -> None:
    """No program started from here gains rights by its file; needed by seccomp and Landlock."""
    prctl("PR_SET_NO_NEW_PRIVS", 38, 1)


def hide_from_tracers() -> None:
    """No process of the same user may trace this one or read its memory."""
    prctl("PR_SET_DUMPABLE", 4, 0)
