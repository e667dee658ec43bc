"""The packages: what they hold, that they agree on the version, and their use in a clean root."""
from __future__ import annotations

import re
import shutil
import subprocess
import tarfile

import clean_root
import pytest

import harness

VERSION = re.search(r"^project\(py-importlock VERSION (\S+)",
                    (harness.REPOSITORY / "CMakeLists.txt").read_text(), re.M)[1]
HELD = (
    "bin/py-importlock",
    "lib/py-importlock/py-importlock.py",
    "lib/py-importlock/" + harness.module().name,
    "share/man/man1/py-importlock.1",
    "share/gdb/auto-load/usr/bin/python2.7-gdb.gdb",
    "share/doc/py-importlock/README.md",
    "share/doc/py-importlock/copyright",
    "share/doc/py-importlock/docs/using.md",
    "share/doc/py-importlock/docs/runbooks/check_imports.py",
)
LIVE = "gdb -q -batch -p {pid} -ex 'source {plugin}' -ex py-importlock"


@pytest.fixture
def shell(tmp_path):
    with clean_root.clean_root(tmp_path) as shell:
        yield shell


def hang(shell: clean_root.Shell, python: str = "/opt/python2.7/bin/python2.7") -> int:
    """Starts the hang of fixtures/popen_in_import in the root, and waits until it hangs."""
    for name in ("popen_in_import", "ready.py"):
        copy = shutil.copytree if name == "popen_in_import" else shutil.copy
        copy(harness.FIXTURES / name, shell.root / "srv" / name)
    pid = int(shell.output(
        f"cd /srv; {python} -B popen_in_import/entry.py > /dev/null & echo $!"))
    shell.wait_until(
        f'[ "$(cut -d " " -f 1 /proc/{pid}/task/*/syscall | xargs)" = "202 202" ]')
    return pid


def check(shell: clean_root.Shell, prefix: str) -> None:
    """By the command and by gdb, on a live hang."""
    pid = hang(shell)
    assert shell.output(f"{prefix}/bin/py-importlock --version").endswith(VERSION)
    text, status = shell.run(f"{prefix}/bin/py-importlock {pid}")
    assert status == 1 and text.startswith("DEADLOCK: MainThread"), text
    plugin = f"{prefix}/lib/py-importlock/py-importlock.py"
    text, status = shell.run(LIVE.format(pid=pid, plugin=plugin))
    assert status == 0 and "\nDEADLOCK: MainThread" in text, text


def test_deb_installed_and_used(shell):
    clean_root.install_deb(shell)
    check(shell, "/usr")
    assert shell.output("dpkg-query -W -f '${Version}' py-importlock") == VERSION
    held = shell.output("dpkg -L py-importlock").splitlines()
    # The smallest root leaves manuals out of what is installed, not out of the list.
    assert {f"/usr/{path}" for path in HELD} <= set(held)
    shell.output("dpkg --purge py-importlock && ! ls /usr/lib/py-importlock")


def test_auto_load_beside_libpython(shell):
    """Of the .deb in /usr, with Python 2.7 in /usr as Debian had it: nothing need be sourced."""
    clean_root.install_deb(shell)
    shell.output("cd /opt/python2.7/root/usr && cp bin/python2.7 /usr/bin && cp -r lib/python2.7 /usr/lib &&"
                 "cp share/gdb/auto-load/usr/bin/python2.7-gdb.py /usr/share/gdb/auto-load/usr/bin")
    pid = hang(shell, "/usr/bin/python2.7")
    for line in ("", "source /usr/lib/py-importlock/py-importlock.py"):
        (shell.root / "root/.gdbinit").write_text(line)
        text, status = shell.run(f"gdb -q -batch -p {pid} -ex py-importlock -ex 'help py-bt'")
        assert status == 0 and text.count("\nDEADLOCK: MainThread") == 1, text
        assert "Display the current python frame and all" in text, text
        assert "Error" not in text and "Undefined" not in text, text


def test_tgz_unpacked_anywhere_and_used(shell):
    """Without what the .deb depends on: the command needs no library."""
    folder = shell.output("mkdir /opt/tools && cd /opt/tools && tar xzf /root/*.tar.gz && ls")
    pid = hang(shell)
    text, status = shell.run(f"/opt/tools/{folder}/bin/py-importlock {pid}")
    assert status == 1 and text.startswith("DEADLOCK: MainThread"), text
    with tarfile.open(clean_root.packages()["TGZ"]) as archive:
        assert {f"{folder}/{path}" for path in HELD} <= set(archive.getnames())
    assert VERSION in folder


def test_rpm_unpacked_and_used(shell):
    package = clean_root.packages()["RPM"]
    files = harness.output("rpm", "-qlp", package, timeout=30).splitlines()
    assert {f"/usr/{path}" for path in HELD} <= set(files)
    # No folder of other packages; gdb's auto-load has a file for each interpreter's place.
    ours = re.compile(r".*importlock|/usr/share/gdb/auto-load/.*python2\.7.*-gdb\.gdb$")
    assert all(ours.match(path) for path in files), files
    assert harness.output("rpm", "-qp", "--qf", "%{VERSION} %{LICENSE}", package,
                          timeout=30) == f"{VERSION} MIT"
    prefix = shell.root / "opt/rpm"
    prefix.mkdir()
    with subprocess.Popen(["rpm2cpio", package], stdout=subprocess.PIPE) as unpacked:
        harness.output("cpio", "-idm", "--quiet", stdin=unpacked.stdout, cwd=prefix, timeout=60)
    pid = hang(shell)
    text, status = shell.run(f"/opt/rpm/usr/bin/py-importlock {pid}")
    assert status == 1 and text.startswith("DEADLOCK: MainThread"), text


def test_the_packaged_command_is_static(tmp_path):
    with tarfile.open(clean_root.packages()["TGZ"]) as archive:
        (member,) = (name for name in archive.getnames() if name.endswith("/bin/py-importlock"))
        archive.extract(member, tmp_path)
    assert "INTERP" not in harness.output("readelf", "-lW", tmp_path / member, timeout=30)


def test_version_is_one(tmp_path):
    """The command, its manual and the packages' names say what CMakeLists.txt says."""
    build = harness.module().parent.parent
    assert harness.output(build / "bin/py-importlock", "--version", timeout=30).split()[-1] == VERSION
    manual = (build / "man/py-importlock.1").read_text()
    assert re.search(rf'^\.TH .*"py-importlock {re.escape(VERSION)}"', manual, re.M), manual[:300]
    for package in clean_root.packages().values():
        assert VERSION in package.name
    changelog = (harness.REPOSITORY / "docs/changelog.md").read_text()
    assert re.search(r"^## (\S+?),? ", changelog, re.M)[1] == VERSION
