"""Landlock: which files may be read; nothing may be written, and no network be used.

The kernel's interface: Documentation/userspace-api/landlock.rst of Linux.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from typing import TYPE_CHECKING

from utilities.sandbox.syscalls import LIBC, forgo_new_privileges, number, system_call

if TYPE_CHECKING:
    from collections.abc import Iterable

_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_PATH_BENEATH = 1
_ASK_VERSION = 1


def version() -> int:
    """The kernel's version of Landlock; 0 where it has none."""
    call = number("landlock_create_ruleset")
    flags = ctypes.c_uint32(_ASK_VERSION)
    return max(0, int(LIBC.syscall(call, None, ctypes.c_size_t(0), flags)))


class ReadingRules:
    """What may be read; made while the paths can still be reached, put in force later."""

    def __init__(self, readable: Iterable[str]) -> None:
        """Handle all rights that this kernel knows; raises Unavailable where it has none."""
        self.version = version()
        files = (1 << 13) - 1
        for bit, since in ((13, 2), (14, 3), (15, 5)):  # refer, truncate, ioctl on devices
            files |= (self.version >= since) << bit
        network = 3 if self.version >= 4 else 0  # bind and connect by TCP
        scopes = 3 if self.version >= 6 else 0  # abstract sockets and signals to the outside
        size = 8 if self.version < 4 else 16 if self.version < 6 else 24
        rights = struct.pack("=QQQ", files, network, scopes)[:size]
        self._rules = system_call("landlock_create_ruleset", rights, ctypes.c_size_t(size), 0)
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
            system_call("landlock_add_rule", self._rules, _PATH_BENEATH, rule, 0)
        finally:
            os.close(descriptor)

    def enforce(self) -> None:
        """Restrict this process and all that it starts, for good; raises Unavailable."""
        forgo_new_privileges()
        system_call("landlock_restrict_self", self._rules, 0)
        os.close(self._rules)
