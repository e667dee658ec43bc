"""The gdb command py-importlock: who holds the lock that a CPython process hangs on, and who waits.

Source this file in gdb; it finds the native module beside itself (an installed prefix or a build
tree) or in the build folders of the source tree that it belongs to. Where none fits gdb's Python,
the command py-importlock of the same places, or on PATH, looks at the same process or core. What
another user owns or can write is not loaded, nor run.

The language is what Python 2.7 and 3 have in common, for a gdb may embed either.
"""

import errno
import os
import re
import stat
import sys

try:
    import _signal as signal  # what is in C of it: the rest, enumerations, takes long to import
except ImportError:  # of Python 2
    import signal

import gdb

# Not __file__, which is that of an outer file where a Python script sources this one.
_HERE = os.path.dirname(os.path.realpath(sys._getframe().f_code.co_filename))
_MODULE = "_py_importlock"


class _Unfit(Exception):
    """Why there is no native module for this gdb."""


def _is_none(error):
    """Whether an OSError says that there is no such file."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)


def _names_in(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        if _is_none(error) or error.errno == errno.EACCES:
            return []
        raise


def _users():
    """Who may own what is loaded: root, who runs gdb, and who does so with sudo."""
    users = set([0, os.geteuid()])
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and sudo.isdigit():
        users.add(int(sudo))
    return users


def _has_only(group, users):
    """Whether no other user is known to be in the group."""
    try:
        import grp
        import pwd
        members = [pwd.getpwnam(name).pw_uid for name in grp.getgrgid(group).gr_mem]
        members += [user.pw_uid for user in pwd.getpwall() if user.pw_gid == group]
    except (ImportError, KeyError):
        return False
    return users.issuperset(members)


def _has_list(path):
    """Whether an access control list lets more users write than the mode tells (acl(5))."""
    try:
        return "system.posix_acl_access" in getattr(os, "listxattr", lambda _: ())(path)
    except OSError:
        return False  # of a file system that has none


def _foreign(path):
    """Why another user could have put there what lies at the path, which is absolute; None where
    nobody could. That asks for the file, each link to it and each folder above. OSError where there
    is no such file."""
    users = _users()
    here, names, links = "/", path.split("/"), 0
    while names:
        entry = os.path.normpath(os.path.join(here, names.pop(0)))  # `here` is no link
        status = os.lstat(entry)
        is_link = stat.S_ISLNK(status.st_mode)
        # What is ours in a folder such as /tmp is for nobody else to replace.
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid not in users:
            return "%s belongs to user %d" % (entry, status.st_uid)
        if not is_link and not sticky:
            if status.st_mode & stat.S_IWOTH:
                return "every user can write %s" % entry
            if status.st_mode & stat.S_IWGRP and (
                    _has_list(entry) or not _has_only(status.st_gid, users)):
                return "group %d can write %s" % (status.st_gid, entry)
        if not is_link:
            here = entry
            continue
        links += 1
        if links > 40:  # MAXSYMLINKS, include/linux/namei.h
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(entry)
        here = "/" if target.startswith("/") else here
        names = target.split("/") + names
    return None


def _usable(path):
    """Whether there is such a file, and nobody else could have put it there; says so where one
    could."""
    try:
        reason = _foreign(path)
    except OSError as error:
        if _is_none(error):
            return False
        reason = error.strerror
    if reason:
        gdb.write(_escaped("py-importlock: %s is not used: %s" % (path, reason)) + "\n", gdb.STDERR)
    return not reason


def _first_usable(paths):
    return next((path for path in paths if _usable(path)), None)


def _source_tree():
    """That this file belongs to: in its gdb_plugin, build*/gdb_plugin or build*/PRESET/gdb_plugin.
    None where it is installed, or was copied."""
    if os.path.basename(_HERE) != "gdb_plugin":
        return None
    tree = _HERE
    for _ in range(3):
        tree = os.path.dirname(tree)
        if os.path.isfile(os.path.join(tree, "native", "bindings", "module.cpp")):
            return tree
    return None


def _build_folders(name):
    """The folders of that name in the build folders of the source tree. Not by glob, which takes
    longer to import than to do without."""
    tree = _source_tree()
    if tree is None:
        return []
    builds = [os.path.join(tree, build) for build in _names_in(tree) if build.startswith("build")]
    builds += [os.path.join(build, preset) for build in builds for preset in _names_in(build)]
    return [folder for folder in sorted(os.path.join(build, name) for build in builds)
            if os.path.isdir(folder)]


def _load_module():
    version = "%d.%d" % sys.version_info[:2]
    try:
        from importlib.machinery import EXTENSION_SUFFIXES
        suffix = EXTENSION_SUFFIXES[0]
    except ImportError:  # of Python 2, for which pybind11 makes nothing
        suffix = ".python-%s.so" % version
    folders = _build_folders("gdb_plugin")
    built = [os.path.join(folder, _MODULE + suffix) for folder in folders]
    newest_first = sorted(filter(os.path.exists, built), key=os.path.getmtime, reverse=True)
    # The one beside this file belongs to it, however old it is.
    path = _first_usable([os.path.join(_HERE, _MODULE + suffix)] + newest_first)
    if path is None:
        others = [name for folder in [_HERE] + folders for name in _names_in(folder)
                  if name.startswith(_MODULE) and name.endswith(".so")]
        reason = "is not built" if not others \
            else "is not to be used" if _MODULE + suffix in others \
            else "is built for another Python (%s)" % others[0]
        raise _Unfit("its native module %s; this gdb embeds Python %s" % (reason, version))
    # Not by importlib.util, which takes longer to import than to do without.
    from importlib.machinery import ExtensionFileLoader, ModuleSpec
    loader = ExtensionFileLoader(_MODULE, path)
    # A module that Ctrl-C left half loaded could not be loaded again.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        module = loader.create_module(ModuleSpec(_MODULE, loader, origin=path))
        loader.exec_module(module)
    except ImportError as error:
        raise _Unfit("%s does not load into gdb's Python %s: %s" % (path, version, error))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return module


class _Helper(object):
    """The command py-importlock, in the place of the native module."""

    def __init__(self, path):
        self.path = path

    @classmethod
    def find(cls):
        """The first that runs here, a static one before others; None where there is none."""
        # Of the build folder or the prefix that this file lies in, of any other build, on PATH.
        above = {"gdb_plugin": "..", "py-importlock": "../.."}.get(os.path.basename(_HERE))
        places = [os.path.join(_HERE, above, "bin")] if above else []
        places += sorted(_build_folders("bin"), key=lambda place: (
            os.path.basename(os.path.dirname(place)) != "static", place))
        places += [place for place in os.environ.get("PATH", "").split(os.pathsep)
                   if os.path.isabs(place)]
        seen = set()
        for place in places:
            path = os.path.normpath(os.path.join(place, "py-importlock"))
            if path in seen or not os.path.isfile(path):
                continue
            seen.add(path)
            helper = cls(path)
            try:
                if _usable(path) and helper.run(["--version"])[1].startswith("py-importlock "):
                    return helper
            except OSError as error:
                # Not there, or no program for this machine.
                if not _is_none(error) and error.errno not in (errno.EACCES, errno.ENOEXEC):
                    raise
        return None

    def run(self, arguments):
        """Its exit status, and what it writes on standard output and error."""
        import subprocess  # here, as it takes longer to import than most looks
        # gdb may need libraries that are not the helper's.
        environment = dict(os.environ)
        environment.pop("LD_LIBRARY_PATH", None)
        process = subprocess.Popen([self.path] + arguments, env=environment, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            outputs = process.communicate()
        except KeyboardInterrupt:
            process.kill()
            process.communicate()
            raise
        # gdb writes what its Python calls str.
        texts = [text if str is bytes else text.decode("utf-8", "replace") for text in outputs]
        return process.returncode, texts[0], texts[1]


class _HelperReport(object):
    """What _py_importlock.Report is, by the helper. gdb keeps the process stopped in between."""

    def __init__(self, helper, arguments):
        self.helper = helper
        self.arguments = arguments
        self.status, self._json = self._run("--json")
        self._values = self._read()

    def _run(self, *options):
        status, text, problem = self.helper.run(list(options) + self.arguments)
        if not text:
            lines = problem.splitlines() or ["%s ended with status %s" % (self.helper.path, status)]
            raise gdb.GdbError("py-importlock: %s" % re.sub("^py-importlock: ", "", lines[-1]))
        return status, text

    def json(self):
        return self._json

    def _read(self):
        import json
        try:
            report = json.loads(self._json)
            if "schema" not in report:
                raise ValueError("no report")
        except (TypeError, ValueError):
            first = self._json.strip().split("\n")[0][:200]
            raise gdb.GdbError("py-importlock: %s writes no report%s"
                               % (self.helper.path, ", but: " + first if first else ""))
        lock = report.get("import_lock", {})
        return {"verdict": str(report.get("verdict", {}).get("kind", "unknown")),
                "lock": str(lock.get("state", "unknown")), "owner": lock.get("owner") or 0,
                "waiters": len(lock.get("waiters") or [])}

    def values(self):
        return self._values

    def dot(self):
        return self._run("--dot")[1]

    def text(self, width, color, frames):
        return self._run("--frames", str(min(frames, 10 ** 6)),
                         "--width", str(min(width, 10 ** 6)))[1]


class _Selection(object):
    """Restores gdb's selected thread and frame whatever happens."""

    def __enter__(self):
        self.thread = gdb.selected_thread()
        try:
            self.frame = gdb.selected_frame()
        except gdb.error:
            self.frame = None

    def __exit__(self, *_):
        try:
            self._restore()
        except KeyboardInterrupt:
            self._restore()
            raise

    def _restore(self):
        try:
            if self.thread is not None and self.thread.is_valid():
                self.thread.switch()
            if self.frame is not None and self.frame.is_valid():
                self.frame.select()
        except gdb.error:
            pass


# gdb's name of the architecture, as uname -m has it; the registers that hold the number of the
# system call, its result and its arguments; and the one that equals pthread_self().
_ARCHITECTURES = {
    "i386:x86-64": ("x86_64", "orig_rax", "rax", ("rdi", "rsi", "rdx", "r10", "r8", "r9"), "fs_base"),
    "i386": ("i386", "orig_eax", "eax", ("ebx", "ecx", "edx", "esi", "edi", "ebp"), None),
    "aarch64": ("aarch64", "x8", None, ("x0", "x1", "x2", "x3", "x4", "x5"), None),
}


def _register(frame, name):
    """The register as a signed number, or None where the target has no such register."""
    try:
        # Much faster than gdb.parse_and_eval, which counts where there are a thousand threads.
        value = int(frame.read_register(name))
    except (gdb.error, ValueError):
        return None
    return value - 2 ** 64 if value >= 2 ** 63 else value


def _unsigned(frame, name):
    return (_register(frame, name) or 0) & (2 ** 64 - 1)


def _threads(inferior, number, result, arguments, ident):
    rows = []
    with _Selection():
        for thread in sorted(inferior.threads(), key=lambda thread: thread.num):
            if thread.is_running():
                raise gdb.GdbError("py-importlock: the process is running; stop it first, with "
                                   "'interrupt'")
            thread.switch()
            frame = gdb.newest_frame()
            rows.append((thread.ptid[1] or thread.ptid[2], thread.num,
                         _unsigned(frame, ident) if ident else None, _unsigned(frame, "pc"),
                         _register(frame, number), _register(frame, result) if result else None,
                         [_unsigned(frame, argument) for argument in arguments]))
    return rows


def _places(name):
    return [place for place in (gdb.parameter(name) or "").split(":") if place]


def _sysroot():
    sysroot = gdb.parameter("sysroot") or ""
    return "" if sysroot.startswith("target:") else sysroot


def _files(native):
    """Where files of any target are looked for, besides the places of its kind."""
    files = native.FileLookup()
    if not (gdb.parameter("sysroot") or "").startswith("target:"):
        files.roots = [_sysroot()]
    files.search_directories = _places("solib-search-path")
    files.debug_directories = _places("debug-file-directory")
    loaded = [objfile for objfile in gdb.objfiles()
              if objfile.filename and not objfile.filename.startswith("target:")]
    files.loaded_files = [objfile.filename for objfile in loaded if objfile.owner is None]
    files.debug_files = [objfile.filename for objfile in loaded if objfile.owner is not None]
    files.executable = gdb.current_progspace().filename or ""
    files.how_to_give = "'file FILE' (the executable), 'set sysroot DIR' or 'set solib-search-path DIR'"
    return files


def _reader(inferior):
    """The thread by which the process is read in /proc: the main one, or, where that has ended while
    others live, one of those."""
    for lwp in [inferior.pid] + sorted(thread.ptid[1] for thread in inferior.threads()):
        try:
            os.readlink("/proc/%d/exe" % lwp)
            return lwp
        except OSError as error:
            if not _is_none(error):
                break
    return inferior.pid


def _describe_process(files, pid):
    # The root of its container, and this one's: the maps of a chrooted process show paths outside.
    files.roots += ["/proc/%d/root" % pid, ""]
    files.working_directory = "/proc/%d/cwd" % pid
    files.live_pid = pid
    try:
        executable = os.readlink("/proc/%d/exe" % pid)
    except OSError as error:
        raise gdb.GdbError("py-importlock: process %d cannot be looked at in /proc: %s"
                           % (pid, error.strerror))
    deleted = " (deleted)"
    if executable.endswith(deleted):
        executable = executable[:-len(deleted)]
    return {"kind": "process", "executable": executable}


def _describe_core(files, core):
    files.roots += [""]
    # A core that does not name its files says at least where the executable's headers are.
    headers = re.search(r"AT_PHDR\b.*\b0x(\w+)$", gdb.execute("info auxv", to_string=True), re.M)
    return {"kind": "core", "core": core,
            "program_headers": int(headers.group(1), 16) if headers else 0}


def _describe_remote(files):
    """A process behind gdbserver, whose /proc is read through it."""
    files.roots += [""]
    try:
        table = gdb.execute("info proc mappings", to_string=True)
        proc = gdb.execute("info proc exe", to_string=True)
    except gdb.error as error:
        raise gdb.GdbError("py-importlock: the remote target does not tell what it has mapped (%s); "
                           "use gdbserver on its machine, or a core file" % error)
    rows = re.findall(r"^\s*0x(\w+)\s+0x(\w+)\s+0x\w+\s+0x(\w+)\s+(?:[-rwxsp]{4}\s+)?(/.*)$",
                      table, re.M)
    executable = re.search(r"^exe = '(.*?)(?: \(deleted\))?'$", proc, re.M)
    return {"kind": "remote", "executable": executable.group(1) if executable else "",
            "maps": "".join("%s-%s r--p %s 00:00 0 %s\n" % row for row in rows)}


def _door():
    """Of what gdb has open: "core" and its path, "remote" or "process" and None."""
    inferior = gdb.selected_inferior()
    if inferior.pid == 0 or not inferior.threads():
        raise gdb.GdbError("py-importlock: no process; attach to one with 'attach PID' or open a core "
                           "with 'core FILE'")
    # gdb.Inferior.connection is of gdb 11. A line "  - core (Local core dump file)" for each layer;
    # to compile patterns for them would take a tenth of the command's time.
    stack = gdb.execute("maintenance print target-stack", to_string=True)
    layers = [line.split()[1] for line in stack.splitlines() if line.lstrip().startswith("- ")]
    if "core" in layers:
        core = re.search(r"Local core dump file:\s+`(.*)', file type",
                         gdb.execute("info target", to_string=True))
        if core:
            return "core", core.group(1)
    return "remote" if "remote" in layers or "extended-remote" in layers else "process", None


def _arguments():
    """What the helper is to be told of what gdb has open, and of where gdb's files are."""
    kind, core = _door()
    if kind == "remote":
        raise gdb.GdbError("py-importlock: without its native module it does not look through "
                           "gdbserver; run the command py-importlock on the machine of the process")
    arguments = []
    executable = gdb.current_progspace().filename
    if executable and os.path.isfile(executable):
        arguments += ["--exe", executable]
    for sysroot in ([_sysroot()] + _places("solib-search-path")):
        if sysroot:
            arguments += ["--sysroot", sysroot]
            break  # it takes one
    for place in _places("debug-file-directory"):
        arguments += ["--debug-dir", place]
    # A core of which the name is a number would be a process.
    target = os.path.abspath(core) if core else str(gdb.selected_inferior().pid)
    return arguments + [target]


def _report(native, locals_too):
    kind, core = _door()
    inferior = gdb.selected_inferior()
    architecture = inferior.architecture().name()
    if architecture not in _ARCHITECTURES:
        raise gdb.GdbError("py-importlock: the target is %s; py-importlock reads x86-64, i386 and "
                           "AArch64" % architecture)
    architecture, number, result, arguments, ident = _ARCHITECTURES[architecture]
    threads = _threads(inferior, number, result, arguments, ident)
    files = _files(native)
    description = _describe_core(files, core) if core else \
        _describe_remote(files) if kind == "remote" else _describe_process(files, _reader(inferior))
    return native.report(architecture=architecture, pid=inferior.pid, threads=threads, files=files,
                         read=inferior.read_memory, memory_error=gdb.MemoryError, locals=locals_too, **description)


def _styled():
    """Whether gdb styles what it writes to a terminal. `style enabled` does not show that it heeds
    TERM, nor that newer versions heed NO_COLOR."""
    return (_parameter("style enabled", False) and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM", "dumb") != "dumb")


def _piped():
    """Whether gdb's `pipe` command takes the output, of which gdb tells Python nothing: it then holds
    one end of a pipe, while it holds both ends of those that it makes for itself."""
    links = []
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return True  # not to be told: colours are for those who can see them
    for descriptor in descriptors:
        try:
            links.append(os.readlink("/proc/self/fd/" + descriptor))
        except OSError:
            pass  # the one that listed the folder
    return any(link.startswith("pipe:") and links.count(link) == 1 for link in links)


def _parameter(name, default):
    """A setting, or the default where this gdb has none of that name."""
    try:
        return gdb.parameter(name)
    except RuntimeError:
        return default


class _Setting(gdb.Parameter):
    """One of `set py-importlock`."""

    def __init__(self, name, kind, value, *values):
        super(_Setting, self).__init__("py-importlock " + name, gdb.COMMAND_DATA, kind, *values)
        self.value = value

    def get_set_string(self):
        return ""

    def get_show_string(self, value):
        return self.shown % value


class _Frames(_Setting):
    """How many frames of each thread py-importlock shows; 0 is all of them."""
    set_doc = "Set how many frames of each thread py-importlock shows; 0 is all of them."
    show_doc = "Show how many frames of each thread py-importlock shows; 0 is all of them."
    shown = "py-importlock shows %s frames of each thread (0 is all)."


class _Locals(_Setting):
    """Whether py-importlock shows the arguments and local variables of each frame."""
    set_doc = "Set if py-importlock shows the arguments and local variables of each frame."
    show_doc = "Show if py-importlock shows the arguments and local variables of each frame."
    shown = "That py-importlock shows local variables is %s."


class _Format(_Setting):
    """What py-importlock writes: text, json, or dot, a graph for Graphviz."""
    set_doc = "Set what py-importlock writes: text, json, or dot, a graph for Graphviz."
    show_doc = "Show what py-importlock writes: text, json, or dot, a graph for Graphviz."
    shown = "py-importlock writes %s."


_SETTINGS = ("format", "frames", "locals")


class _Set(gdb.Command):
    """Set the defaults of py-importlock; its options override them."""

    def __init__(self):
        super(_Set, self).__init__("set py-importlock", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        raise gdb.GdbError("py-importlock: %s; there are %s" % (
            "no setting '%s'" % argument if argument else "set which", ", ".join(_SETTINGS)))


class _Show(gdb.Command):
    """Show the defaults of py-importlock."""

    def __init__(self):
        super(_Show, self).__init__("show py-importlock", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError("py-importlock: no setting '%s'; there are %s"
                               % (argument, ", ".join(_SETTINGS)))
        for name in _SETTINGS:
            gdb.execute("show py-importlock " + name)


def _set_variable(name, value):
    name = "_py_importlock_" + name
    if hasattr(gdb, "set_convenience_variable"):
        gdb.set_convenience_variable(name, value)
    elif isinstance(value, int):
        # Before gdb 9; it would keep a string in memory of the process, which is not to be touched.
        gdb.execute("set $%s = %d" % (name, value))


def _set_variables(status, values):
    numbers = dict((thread.ptid[1] or thread.ptid[2], thread.num)
                   for thread in gdb.selected_inferior().threads())
    _set_variable("status", status)
    for name in ("verdict", "lock", "owner", "waiters"):
        _set_variable(name, values[name])
    _set_variable("owner_thread", numbers.get(values["owner"], 0))


class PyImportlock(gdb.Command):
    """Say which locks of a CPython process hang, who holds them and who waits.

Usage: py-importlock [-json | -dot | -text] [-locals [on|off]] [-frames NUMBER]

  -json     write the report as one JSON object, schema "py-importlock/2"
  -dot      write who waits for whom as a graph, for Graphviz's dot
  -text     write text, as without any of the three
  -locals   show the arguments and local variables of each frame
  -frames   show at most NUMBER frames of each thread, 0 for all; 20 by default

Works on a process (attach PID), through gdbserver, and on a core file. It only
reads. Other defaults: 'set py-importlock format', 'frames' and 'locals'.

Afterwards $_py_importlock_status is 0 where nothing hangs, 1 where something
does, 2 where it cannot be told. $_py_importlock_verdict, about the whole
process, and _lock, the state of the import lock, are words of the JSON report;
_owner is the LWP of that lock's owner, _owner_thread its number in gdb, each 0
for none; _waiters says how many wait for it."""

    FORMATS = ("-dot", "-json", "-text")
    OPTIONS = ("-dot", "-frames", "-json", "-locals", "-text")

    def __init__(self):
        super(PyImportlock, self).__init__("py-importlock", gdb.COMMAND_STATUS)

    def complete(self, text, word):
        # readline takes "-" for a break between words, so the part behind it is what it replaces.
        typed = text.split(" ")[-1]
        skip = len(typed) - len(word or "")
        return [option[skip:] for option in self.OPTIONS if option.startswith(typed)]

    def _parse(self, words):
        options = {}
        words = list(words)
        while words:
            option = words.pop(0)
            if not option.startswith("-"):
                problem = "argument '%s' is one too many: it looks at what gdb has open" % option
            elif option not in self.OPTIONS:
                problem = "unknown option %s" % option
            elif option != "-frames" and option in options:
                problem = "option %s is given twice" % option
            else:
                value = True
                if option == "-frames":
                    value = words.pop(0) if words else ""
                    if not re.match("[0-9]+$", value):
                        raise gdb.GdbError("py-importlock: -frames needs a number, 0 for all")
                    value = min(int(value), 10 ** 9)
                elif option == "-locals" and words and words[0] in ("on", "off"):
                    value = words.pop(0) == "on"
                options[option] = value
                continue
            raise gdb.GdbError("py-importlock: %s; see 'help py-importlock'" % problem)
        formats = [option for option in self.FORMATS if option in options]
        if len(formats) > 1:
            raise gdb.GdbError("py-importlock: %s and %s exclude each other"
                               % (formats[1], formats[0]))
        return {"format": formats[0][1:] if formats else gdb.parameter("py-importlock format"),
                "frames": options.get("-frames", gdb.parameter("py-importlock frames")),
                "locals": options.get("-locals", gdb.parameter("py-importlock locals"))}

    def _written(self, report, options, from_tty):
        if options["format"] == "json":
            return report.json()
        if options["format"] == "dot":
            return report.dot()
        at_terminal = from_tty and os.isatty(1) and not _piped()
        # A script and a pipe have no width; a reader of theirs has a terminal or a mail.
        width = gdb.parameter("width") or (0 if at_terminal else 80)
        return report.text(width, at_terminal and _styled(), options["frames"])

    def invoke(self, argument, from_tty):
        # Outside, as who leaves gdb's pager has not interrupted the look.
        gdb.write(_run(lambda: self._parse(gdb.string_to_argv(argument)),
                       lambda report, options: self._written(report, options, from_tty)))


_native = None  # the module, once one has been loaded


def _look(locals_too):
    """The report: of the native module or, saying so, of the helper."""
    global _native
    try:
        if _native is None:
            _native = _load_module()
        return _report(_native, locals_too)
    except _Unfit as unfit:
        reason = str(unfit)
    helper = _Helper.find()
    if helper is None:
        raise gdb.GdbError("py-importlock: %s, and there is no command py-importlock in its place "
                           "(beside it or on PATH). In the source tree: cmake --preset release "
                           "-DGDB_EXECUTABLE=%s && cmake --build --preset release"
                           % (reason, os.readlink("/proc/self/exe")))
    # Says what it cannot look at, before who looks.
    arguments = _arguments() + (["--locals"] if locals_too else [])
    gdb.write("py-importlock: %s; %s looks in its place\n" % (reason, helper.path), gdb.STDERR)
    return _HelperReport(helper, arguments)


def _escaped(text):
    """A message, which may quote the target, as one line that a terminal shows as it is."""
    return re.sub(u"[\x00-\x1f\x7f-\x9f\u2028\u202a-\u202e\u2066-\u2069]",
                  lambda match: "\\u%04x" % ord(match.group()), text)


def _run(parse, written):
    """Looks with the options that parse() gives; returns written(report, options) or fails with one
    line of why there is no report, and sets the convenience variables that go with it."""
    _set_variables(2, {"verdict": "unknown", "lock": "unknown", "owner": 0, "waiters": 0})
    try:
        options = parse()
        report = _look(options["locals"])
        _set_variables(report.status, report.values())
        return written(report, options)
    except gdb.GdbError as error:
        raise gdb.GdbError(_escaped(str(error)))
    except KeyboardInterrupt:
        raise gdb.GdbError("py-importlock: interrupted")
    except MemoryError:
        raise gdb.GdbError("py-importlock: there is not enough memory")
    except EnvironmentError as error:  # OSError, of which some are no IOError in Python 2
        raise gdb.GdbError(_escaped("py-importlock: %s%s" % (
            "%s: " % error.filename if error.filename else "", error.strerror or error)))
    except Exception as error:  # the last line of defence against a traceback
        expected = isinstance(error, gdb.error) or (
            _native is not None and isinstance(error, _native.Error))
        raise gdb.GdbError(_escaped("py-importlock: %s%s" % (
            "" if expected else "a fault of its own, please report it: ", error)))


def _for_mi(value):
    """JSON's value as MI has it, which knows strings, lists and tuples; null is left out."""
    if isinstance(value, dict):
        return dict((key, _for_mi(value[key])) for key in value if value[key] is not None)
    if isinstance(value, list):
        return [_for_mi(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else value


if hasattr(gdb, "MICommand"):  # since gdb 12, of which the Python is a 3

    class _MiCommand(gdb.MICommand):
        """-py-importlock [-locals [on|off]] [-frames NUMBER]: the report as MI's result."""

        def __init__(self):
            super(_MiCommand, self).__init__("-py-importlock")

        def _result(self, report, options):
            import json
            result = json.loads(report.json())
            for thread in result["threads"]:
                thread["frames"] = thread["frames"][:options["frames"] or None]
            return {"status": report.status, "report": _for_mi(result)}

        def invoke(self, words):
            return _run(lambda: _command._parse(words), self._result)

    _MiCommand()

# Where this file is sourced again, its settings stay as they are.
_values = dict((name, _parameter("py-importlock " + name, default))
               for name, default in (("format", "text"), ("frames", 20), ("locals", False)))
_Set()
_Show()
_Format("format", gdb.PARAM_ENUM, _values["format"], ("text", "json", "dot"))
# With Python 2 inside, gdb gives a long and takes an int.
_Frames("frames", gdb.PARAM_ZUINTEGER, int(_values["frames"]))
_Locals("locals", gdb.PARAM_BOOLEAN, _values["locals"])
_command = PyImportlock()
