"""The commands of docs/runbooks, run in a clean root as a new user would, print what stands there.

A block ```console holds commands after "$ " and what they print. Comments in the pages run what
the reader does not see: <!-- run: COMMAND --> and <!-- until: COMMAND -->, which polls; offstage.sh
has functions for them. Each page
starts from the hang of fixtures/spool_worker under supervisor, with three messages that wait.
PY_IMPORTLOCK_UPDATE=1 writes the outputs anew.
"""
from __future__ import annotations

import os
import pathlib
import re
import shutil

import clean_root
import pytest

import harness

PAGES = harness.REPOSITORY / "docs" / "runbooks"
ITEM = re.compile(r"^```console\n(?P<block>.*?)^```$|^<!-- (?P<how>run|until): (?P<hidden>.*?) -->$",
                  re.M | re.S)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.M)
# Ids above this are given out in the root, so that no other number is taken for one.
FIRST_PID = 40000


class Reader:
    """Follows a page. The first process or thread that it sees is 4242, the next 4243, and so on."""

    def __init__(self, shell: clean_root.Shell) -> None:
        self._shell = shell
        self._pids: list[str] = []

    def _shown(self, found: re.Match) -> str:
        if found[0] not in self._pids:
            self._pids.append(found[0])
        return str(4242 + self._pids.index(found[0]))

    def know(self, *pids: str) -> None:
        self._pids += pids

    def _real(self, command: str) -> str:
        return re.sub(r"\b42(4\d)\b", lambda found: self._pids[int(found[0]) - 4242], command)

    def output(self, command: str) -> str:
        text = self._shell.run(self._real(command))[0]
        text = re.sub(r"\b4\d{4}\b", self._shown, text)
        text = re.sub(r"\b0x[0-9a-f]{6,}\b", "0x7f3e9a1c2700", text)
        text = re.sub(r"\b[0-9a-f]{40}\b", "6f1c4d0b5e2a79838d94a5b6c7d8e9f001122334", text)
        text = re.sub(r"\buptime \d:\d\d:\d\d", "uptime 0:07:12", text)
        text = re.sub(r"\b\d+ more seconds?\b", "1 more second", text)
        # coredumpctl's columns.
        text = re.sub(r"\b[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "Mon 2026-03-02 09:14:05", text)
        text = re.sub(r"\b\d\.\dM$", "1.3M", text, flags=re.M)
        if text and not text.endswith("\n"):
            text += "\n"
        return text

    def follow(self, page: str) -> str:
        """The page with what its commands print today."""

        def item(found: re.Match) -> str:
            if found["how"] == "run":
                self._shell.output(self._real(found["hidden"]))
            elif found["how"] == "until":
                self._shell.wait_until(found["hidden"])
            else:
                printed = COMMAND.sub(
                    lambda command: f"$ {command[1]}\n{self.output(command[1])}", found["block"])
                return f"```console\n{printed}```"
            return found[0]

        return ITEM.sub(item, page)


@pytest.fixture
def reader(tmp_path):
    with clean_root.clean_root(tmp_path) as shell:
        clean_root.install_deb(shell)
        for name in ("spool_worker", "spool_worker_corrected"):
            shutil.copytree(harness.FIXTURES / name, shell.root / "srv" / name)
        shutil.copy(pathlib.Path(__file__).with_name("offstage.sh"), shell.root / "root")
        shutil.copy(harness.FIXTURES / "ready.py", shell.root / "srv")
        shell.output(
            ". /root/offstage.sh;"
            "cp -r /srv/spool_worker /srv/videoin;"
            "cp /srv/spool_worker/videoin.conf /etc/supervisor/conf.d/;"
            "mkdir /var/spool/videoin; touch /var/spool/videoin/{1,2,3}.job;"
            f"echo {FIRST_PID} > /proc/sys/kernel/ns_last_pid;"
            "ulimit -c unlimited; supervisord -c /etc/supervisor/supervisord.conf")
        shell.wait_until("supervisorctl status | grep -q RUNNING")
        pid = shell.output("supervisorctl pid videoin")
        shell.wait_until(
            f'[ "$(cat /proc/{pid}/task/*/syscall | cut -d " " -f 1 | xargs)" = "202 202" ]')
        reader = Reader(shell)
        reader.know(*shell.output(f"ls /proc/{pid}/task").split())
        yield reader


@pytest.mark.parametrize("name", sorted(
    path.name for path in PAGES.glob("*.md") if "```console" in path.read_text()))
def test_runbook(reader, name):
    page = PAGES / name
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "signal ABRT" in page.read_text() and pattern != "core":
        harness.missing(f"the kernel's core_pattern is '{pattern}', not 'core'")
    shown, today = page.read_text(), reader.follow(page.read_text())
    if os.environ.get("PY_IMPORTLOCK_UPDATE") == "1":
        page.write_text(today)
        return
    assert shown == today, "PY_IMPORTLOCK_UPDATE=1 writes the outputs of docs/runbooks anew"


def test_a_changed_output_is_seen(reader):
    """Else the other test would pass whatever the pages say."""
    page = "```console\n$ supervisorctl pid videoin\n4241\n```\n"
    assert reader.follow(page) == page.replace("4241", "4242")
