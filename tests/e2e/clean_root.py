"""A fresh Debian bookworm to install and use py-importlock in, as a new user would."""
from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator

import harness

_END = "that was all of the output, and the status is "


class Shell:
    """A shell in the root, in mount and pid namespaces of its own; what it starts ends with it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c",
             # A mount, as any root is: unshare asks for that.
             'mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && '
             'exec chroot "$1" env -i HOME=/root LANG=C.UTF-8 '
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb COLUMNS=80 bash --norc", "sh", root],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=harness.allow_cores)
        self._status = 0
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def run(self, command: str, timeout: float = 120) -> tuple[str, int]:
        """What the command writes to either output, and its status."""
        # $? is that of the command before, as at a prompt.
        self._process.stdin.write(f"{{ (exit {self._status})\n{command}\n}} < /dev/null 2>&1; printf '\\n{_END}%d\\n' $?\n")
        self._process.stdin.flush()
        lines = []
        while not (line := self._lines.get(timeout=timeout)).startswith(_END):
            assert line, f"the shell ended: {''.join(lines)}"
            lines.append(line)
        # The line break before the end mark is not the command's.
        self._status = int(line.removeprefix(_END))
        return "".join(lines)[:-1], self._status

    def output(self, command: str, timeout: float = 120) -> str:
        text, status = self.run(command, timeout)
        assert status == 0, f"{command}: {text}"
        return text.strip()

    def wait_until(self, command: str) -> None:
        harness.wait_until(lambda: self.run(command)[1] == 0)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@functools.cache
def packages() -> dict[str, pathlib.Path]:
    """What cpack makes, by generator."""
    release = harness.module().parent.parent
    static = harness.REPOSITORY / "build" / "static"
    if not (static / "bin/py-importlock").exists():
        harness.missing("no static build: cmake --preset static && cmake --build --preset static")
    for tool in ("cpack", "rpmbuild"):
        if not shutil.which(tool):
            harness.missing(f"no {tool}")
    folder = release / "packages"
    shutil.rmtree(folder, ignore_errors=True)
    harness.output("cpack", "-B", folder, timeout=300, cwd=release)
    found = {}
    for generator, name in {"DEB": "*.deb", "RPM": "*.rpm", "TGZ": "*.tar.gz"}.items():
        (found[generator],) = folder.glob(name)
    return found


@contextlib.contextmanager
def clean_root(folder: pathlib.Path) -> Iterator[Shell]:
    """A shell in a new copy of the root, with the packages in /root."""
    if os.geteuid() != 0:
        harness.missing("only root can make a clean root")
    if not shutil.which("debootstrap"):
        harness.missing("no debootstrap")
    harness.output(harness.REPOSITORY / "tests" / "clean_root.sh", timeout=900)
    root = folder / "root"
    harness.output("cp", "-a", "--reflink=auto", harness.REPOSITORY / "build/clean-root", root,
                   timeout=120)
    for package in packages().values():
        shutil.copy(package, root / "root")
    shell = Shell(root)
    try:
        yield shell
    finally:
        shell.close()
        shutil.rmtree(root)


def install_deb(shell: Shell) -> None:
    """What it depends on is in the root."""
    shell.output("dpkg -i /root/py-importlock*.deb")
