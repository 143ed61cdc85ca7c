"""Namespaces and capabilities: no network, no other process, only the listed files in sight.

An ordinary user makes them inside a user namespace (user_namespaces(7)), if the system allows it.
Root makes the mount namespace with its own rights before it becomes nobody, who may not be able to
reach the interpreter's files.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from utilities.sandbox.syscalls import (
    LIBC,
    SUPPORTED,
    Unavailable,
    checked,
    fork,
    prctl,
    system_call,
)

NOBODY = 65534
_FLAGS = {
    "mnt": 0x00020000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}
_BY_RIGHT = ("net", "ipc", "uts", "pid")
_WITHOUT_MOUNTS = ("user", *_BY_RIGHT)
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
_NO_SETUID_NO_DEVICES_NO_PROGRAMS = 2 | 4 | 8
_DETACH = 2
_ROOM_FOR_A_ROOT = ("/tmp", "/var", "/mnt")  # noqa: S108 - only to mount on, out of others' sight


def enter(visible: Sequence[str]) -> tuple[str, ...]:
    """Enter all namespaces that this system grants, and become nobody if root; returns their names.

    `visible` are the folders and files that stay in sight. A new process namespace takes effect
    for the children that are forked next.
    """
    processes = os.open("/proc", os.O_PATH)  # it will be out of sight soon
    try:
        if os.getuid() == 0:
            return _enter_as_root(visible, processes)
        for seen, names in ((visible, (*_WITHOUT_MOUNTS, "mnt")), ((), _WITHOUT_MOUNTS)):
            if _works(partial(_enter_as_user, seen, processes)):
                _enter_as_user(seen, processes)
                return names
        return ()
    finally:
        os.close(processes)


def root_can_hide_files(visible: Sequence[str]) -> bool:
    """Whether root may show its children only these files, wherever they lie."""
    return _works(partial(_see_only, visible))


def _enter_as_root(visible: Sequence[str], processes: int) -> tuple[str, ...]:
    entered: tuple[str, ...] = ()
    if root_can_hide_files(visible):
        _see_only(visible)
        entered = ("mnt",)
    as_nobody = _works(partial(_enter_as_nobody, processes))
    if not as_nobody and _works(partial(_unshare, *_BY_RIGHT)):
        _unshare(*_BY_RIGHT)
        entered = (*_BY_RIGHT, *entered)
    become_nobody()
    if as_nobody:
        _enter_as_user((), processes)
        entered = (*_WITHOUT_MOUNTS, *entered)
    return entered


def _enter_as_nobody(processes: int) -> None:
    become_nobody()
    _enter_as_user((), processes)


def _works(attempt: Callable[[], None]) -> bool:
    """Try it in a throwaway child: some systems grant a namespace, then refuse its use.

    Raises Unavailable if there can be no child.
    """
    child = fork()
    if child == 0:
        try:
            attempt()
            os._exit(0)
        except (Unavailable, OSError):
            os._exit(1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


def become_nobody() -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    if SUPPORTED:  # until then /proc/self is root's, and no user can be mapped
        prctl("PR_SET_DUMPABLE", 4, 1)


def _enter_as_user(visible: Sequence[str], processes: int) -> None:
    """Enter all namespaces, that of mounts only if anything is `visible`; raises Unavailable."""
    user, group = os.getuid(), os.getgid()
    _unshare(*_WITHOUT_MOUNTS)
    for name, content in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {user} 1"),
        ("gid_map", f"{NOBODY} {group} 1"),
    ):
        descriptor = os.open(f"self/{name}", os.O_WRONLY, dir_fd=processes)
        os.write(descriptor, content.encode())
        os.close(descriptor)
    if visible:
        _see_only(visible)


def _unshare(*names: str) -> None:
    flags = 0
    for name in names:
        flags |= _FLAGS[name]
    checked(f"unshare({'+'.join(names)})", LIBC.unshare(flags))


def _see_only(visible: Sequence[str]) -> None:
    """Make a new root that holds only `visible`, at the same paths; raises Unavailable."""
    _unshare("mnt")
    os.umask(0o022)
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    sources = [
        (path, os.open(path, os.O_PATH))
        for path in sorted(visible)  # a folder before what lies in it
        if os.path.exists(path)
    ]
    root = next(path for path in _ROOM_FOR_A_ROOT if os.path.isdir(path))
    _mount_empty(root)
    for path, descriptor in sources:
        _bind(descriptor, root + path)
        os.close(descriptor)
    os.chdir(root)
    system_call("pivot_root", b".", b".")
    checked("umount", LIBC.umount2(b".", _DETACH))
    os.chdir("/")


def _bind(descriptor: int, target: str) -> None:
    if os.path.isdir(f"/proc/self/fd/{descriptor}"):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(f"/proc/self/fd/{descriptor}", target, None, _BIND | _RECURSIVE)
    for packages in ("site-packages", "dist-packages"):  # inside the standard library's folder
        if os.path.isdir(f"{target}/{packages}"):
            _mount_empty(f"{target}/{packages}")


def _mount_empty(target: str) -> None:
    _mount("none", target, "tmpfs", _NO_SETUID_NO_DEVICES_NO_PROGRAMS, b"size=1m,mode=755")


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, options: bytes | None = None
) -> None:
    texts = [text and text.encode() for text in (source, target, kind)]
    checked(f"mount {target}", LIBC.mount(*texts, flags, options))


def drop_capabilities() -> None:
    """Give up every capability, for good; raises Unavailable."""
    for capability in range(64):
        with suppress(Unavailable):  # the kernel knows fewer, or does not let go of it
            prctl("PR_CAPBSET_DROP", 24, capability)
    with suppress(Unavailable):
        prctl("PR_CAP_AMBIENT_CLEAR_ALL", 47, 4)
    header = (0x20080522).to_bytes(4, "little") + bytes(4)
    system_call("capset", header, bytes(24))
