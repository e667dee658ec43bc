"""The gdb command py-importlock: who holds CPython 2.7's import lock, who waits, is it a deadlock.

Source this file in gdb; it finds the native module beside itself (an installed prefix or a build
tree) or in the build folders of the source tree that it stands in.
"""

import glob
import importlib.machinery
import importlib.util
import os
import re
import signal
import sysconfig

import gdb

_HERE = os.path.dirname(os.path.realpath(__file__))
_MODULE = "_py_importlock"


def _load_module():
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    places = [_HERE] + sorted(glob.glob(os.path.join(_HERE, "..", "build*", "gdb_plugin"))
                              + glob.glob(os.path.join(_HERE, "..", "build*", "*", "gdb_plugin")))
    paths = [os.path.join(place, _MODULE + suffix) for place in places]
    found = [path for path in paths if os.path.exists(path)]
    if not found:
        version = sysconfig.get_python_version()
        others = [path for place in places for path in glob.glob(os.path.join(place, _MODULE + "*.so"))]
        reason = "is built for another Python (%s)" % os.path.basename(others[0]) if others \
            else "is not built"
        raise gdb.GdbError("py-importlock: its native module %s; this gdb embeds Python %s. In the "
                           "source tree: cmake --preset release -DGDB_EXECUTABLE=%s && cmake --build "
                           "--preset release" % (reason, version, os.readlink("/proc/self/exe")))
    path = max(found, key=os.path.getmtime)
    loader = importlib.machinery.ExtensionFileLoader(_MODULE, path)
    spec = importlib.util.spec_from_file_location(_MODULE, path, loader=loader)
    # A module that Ctrl-C left half loaded could not be loaded again.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise gdb.GdbError("py-importlock: %s does not load into gdb's Python %s: %s"
                           % (path, sysconfig.get_python_version(), error))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return module


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


def _files(native):
    """Where files of any target are looked for, besides the places of its kind."""
    files = native.FileLookup()
    sysroot = gdb.parameter("sysroot") or ""
    if not sysroot.startswith("target:"):
        files.roots = [sysroot]
    files.search_directories = _places("solib-search-path")
    files.debug_directories = _places("debug-file-directory")
    loaded = [objfile for objfile in gdb.objfiles()
              if objfile.filename and not objfile.filename.startswith("target:")]
    files.loaded_files = [objfile.filename for objfile in loaded if objfile.owner is None]
    files.debug_files = [objfile.filename for objfile in loaded if objfile.owner is not None]
    files.executable = gdb.current_progspace().filename or ""
    files.how_to_give = "'file FILE' (the executable), 'set sysroot DIR' or 'set solib-search-path DIR'"
    return files


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
    return {"kind": "process", "executable": re.sub(r" \(deleted\)$", "", executable)}


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


def _report(native, locals_too):
    inferior = gdb.selected_inferior()
    if inferior.pid == 0 or not inferior.threads():
        raise gdb.GdbError("py-importlock: no process; attach to one with 'attach PID' or open a core "
                           "with 'core FILE'")
    architecture = inferior.architecture().name()
    if architecture not in _ARCHITECTURES:
        raise gdb.GdbError("py-importlock: the target is %s; py-importlock reads x86-64, i386 and "
                           "AArch64" % architecture)
    architecture, number, result, arguments, ident = _ARCHITECTURES[architecture]
    threads = _threads(inferior, number, result, arguments, ident)
    files = _files(native)
    text = gdb.execute("info target", to_string=True)
    core = re.search(r"Local core dump file:\s+`(.*)', file type", text)
    if core:
        description = _describe_core(files, core.group(1))
    elif "remote" in inferior.connection.type:
        description = _describe_remote(files)
    else:
        description = _describe_process(files, inferior.pid)
    return native.report(architecture=architecture, pid=inferior.pid, threads=threads, files=files,
                         read=inferior.read_memory, memory_error=gdb.MemoryError, locals=locals_too, **description)


def _styled():
    """Whether gdb styles what it writes to a terminal. `style enabled` does not show that it heeds
    TERM, nor that newer versions heed NO_COLOR."""
    return (gdb.parameter("style enabled") and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM", "dumb") != "dumb")


def _piped():
    """Whether gdb's `pipe` command takes the output, of which gdb tells Python nothing: it then holds
    one end of a pipe, while it holds both ends of those that it makes for itself."""
    links = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink("/proc/self/fd/" + descriptor))
        except OSError:
            pass  # the one that listed the folder
    return any(link.startswith("pipe:") and links.count(link) == 1 for link in links)


class PyImportlock(gdb.Command):
    """Say who holds CPython 2.7's import lock, who waits, and if it is a deadlock.

Usage: py-importlock [-json | -dot] [-locals] [-frames NUMBER]

  -json     write the report as one JSON object, schema "py-importlock/1"
  -dot      write who waits for whom as a graph, for Graphviz's dot
  -locals   show the arguments and local variables of each frame
  -frames   show at most NUMBER frames of each thread, 0 for all; 20 by default

Works on a process (attach PID), through gdbserver, and on a core file. It only
reads. Afterwards $_py_importlock_status is 0 where nothing hangs, 1 where
something does, 2 where it cannot be told."""

    OPTIONS = ("-dot", "-frames", "-json", "-locals")

    def __init__(self):
        super(PyImportlock, self).__init__("py-importlock", gdb.COMMAND_STATUS)
        self.native = None

    def complete(self, text, word):
        # readline takes "-" for a break between words, so the part behind it is what it replaces.
        typed = text.split(" ")[-1]
        skip = len(typed) - len(word or "")
        return [option[skip:] for option in self.OPTIONS if option.startswith(typed)]

    def _parse(self, argument):
        options = {"-frames": 20}
        words = iter(gdb.string_to_argv(argument))
        for option in words:
            if not option.startswith("-"):
                problem = "argument '%s' is one too many: it looks at what gdb has open" % option
            elif option not in self.OPTIONS:
                problem = "unknown option %s" % option
            elif option != "-frames" and option in options:
                problem = "option %s is given twice" % option
            else:
                value = next(words, "") if option == "-frames" else True
                if option == "-frames":
                    if not (value.isascii() and value.isdigit()):
                        raise gdb.GdbError("py-importlock: -frames needs a number, 0 for all")
                    value = min(int(value), 10 ** 9)
                options[option] = value
                continue
            raise gdb.GdbError("py-importlock: %s; see 'help py-importlock'" % problem)
        if "-json" in options and "-dot" in options:
            raise gdb.GdbError("py-importlock: -json and -dot exclude each other")
        return options

    def _written(self, report, options, from_tty):
        if "-json" in options:
            return report.json()
        if "-dot" in options:
            return report.dot()
        at_terminal = from_tty and os.isatty(1) and not _piped()
        # A script and a pipe have no width; a reader of theirs has a terminal or a mail.
        width = gdb.parameter("width") or (0 if at_terminal else 80)
        return report.text(width, at_terminal and _styled(), options["-frames"])

    def invoke(self, argument, from_tty):
        gdb.set_convenience_variable("_py_importlock_status", 2)
        try:
            options = self._parse(argument)
            if self.native is None:
                self.native = _load_module()
            report = _report(self.native, "-locals" in options)
            text = self._written(report, options, from_tty)
        except gdb.GdbError:
            raise
        except KeyboardInterrupt:
            raise gdb.GdbError("py-importlock: interrupted")
        except Exception as error:  # the last line of defence against a traceback
            expected = isinstance(error, gdb.error) or (
                self.native is not None and isinstance(error, self.native.Error))
            raise gdb.GdbError("py-importlock: %s%s" % (
                "" if expected else "a fault of its own, please report it: ", error))
        gdb.set_convenience_variable("_py_importlock_status", report.status)
        gdb.write(text)


PyImportlock()
