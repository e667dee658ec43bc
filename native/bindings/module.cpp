#include <fmt/format.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <cstring>
#include <unordered_set>
#include <utility>

#include "base/error.hpp"
#include "cpython/capture.hpp"
#include "diagnosis/diagnose.hpp"
#include "render/dot.hpp"
#include "render/json.hpp"
#include "render/names.hpp"
#include "render/text.hpp"
#include "target/core_target.hpp"
#include "target/layered_memory.hpp"
#include "target/lost_memory.hpp"
#include "target/own_proc.hpp"
#include "target/pid_namespace.hpp"
#include "target/proc_file.hpp"
#include "target/system_call.hpp"
#include "target/target.hpp"

// The door that gdb uses: gdb_plugin/py-importlock.py describes the inferior, this builds the
// Target.

namespace py = pybind11;

namespace importlock {
namespace {

/// Reads through `read(address, size) -> buffer`, which raises `memory_error` where it cannot.
CachedMemory::Source source_of(py::function read, py::object memory_error) {
  return [read = std::move(read), memory_error = std::move(memory_error)](
             Address address, std::span<std::byte> into) {
    try {
      const auto bytes = py::buffer(read(address.value(), into.size())).request();
      if (static_cast<std::size_t>(bytes.size * bytes.itemsize) != into.size()) return false;
      std::memcpy(into.data(), bytes.ptr, into.size());
      return true;
    } catch (py::error_already_set& error) {
      if (!error.matches(memory_error)) throw;
      return false;
    }
  };
}

/// `source` without what a core has lost, in the place of which gdb reads the program's files.
CachedMemory::Source without(LostMemory lost, CachedMemory::Source source) {
  return [lost = std::move(lost), source = std::move(source)](Address address,
                                                              std::span<std::byte> into) {
    return !lost.touches(address, into.size()) && source(address, into);
  };
}

Architecture architecture_named(const std::string& name) {
  for (const auto known : {Architecture::x86_64, Architecture::i386, Architecture::aarch64}) {
    if (name == name_of(known)) return known;
  }
  throw TargetError(
      fmt::format("the target is {}; py-importlock reads x86-64, i386 and AArch64", name));
}

TargetKind kind_named(const std::string& name) {
  if (name == "core") return TargetKind::core;
  return name == "remote" ? TargetKind::remote : TargetKind::process;
}

/// A thread as the plug-in describes it: LWP, gdb's number, pthread_self() where a register tells
/// it, program counter, number of the system call (negative: in none), its result
/// where a register of its own holds that, its arguments.
using ThreadRow =
    std::tuple<int, int, std::optional<std::uint64_t>, std::uint64_t, std::optional<std::int64_t>,
               std::optional<std::int64_t>, SystemCallArguments>;

/// gdb that attached to the id of a thread has that one alone (gdb/nat/linux-procfs.c,
/// linux_proc_attach_tgid_threads); what the others do would be missing without a word.
void require_all_threads(int pid, const std::vector<ThreadRow>& threads) {
  const auto status = read_proc_file(fmt::format("/proc/{}/status", pid));
  const auto folder = fmt::format("/proc/{}/task", pid);
  std::unordered_set<Lwp> known;
  for (const auto& row : threads) known.insert(std::get<0>(row));
  for (const auto lwp : ProcFolder(folder).ids()) {
    if (known.contains(lwp)) continue;
    if (has_ended(read_proc_file(fmt::format("{}/{}/stat", folder, lwp)))) continue;
    const auto process = status_field(status, "Tgid");
    throw TargetError(
        fmt::format("gdb has not all threads of the process; attach to {}, or, where its main "
                    "thread has ended, run the command py-importlock {}",
                    process, process));
  }
}

Report report(const std::string& kind, const std::string& architecture, int pid,
              const std::string& executable, std::optional<std::string> core,
              const std::optional<std::string>& maps, std::uint64_t program_headers,
              const std::vector<ThreadRow>& threads, FileLookup files, py::function read,
              py::object memory_error, bool locals) {
  Target target;
  target.info = {kind_named(kind), pid, executable, core};
  target.architecture = architecture_named(architecture);
  const auto reader = files.live_pid.value_or(pid);
  if (target.info.kind == TargetKind::process) {
    require_own_proc();
    require_all_threads(reader, threads);
  }
  target.mappings = core   ? mappings_of_core(ElfFile::open(*core), files, Address{program_headers})
                    : maps ? parse_process_maps(*maps)
                           : process_mappings(reader);
  if (target.info.executable.empty() && !target.mappings.empty()) {
    target.info.executable = target.mappings.front().path;
  }
  target.files = std::move(files);
  auto source = source_of(std::move(read), std::move(memory_error));
  bool cut_short = false;
  if (core) {
    LostMemory lost(*core);
    cut_short = lost.cut_short();
    source = without(std::move(lost), std::move(source));
  }
  target.memory = std::make_unique<CachedMemory>(std::move(source), CachedMemory::Fetches::dear);
  for (const auto& [lwp, number, ident, counter, call, result, arguments] : threads) {
    NativeThread thread;
    thread.lwp = lwp;
    thread.gdb_thread = number;
    if (target.info.kind == TargetKind::process) thread.namespace_lwp = namespace_lwp(pid, lwp);
    if (ident) thread.ident = PthreadId{*ident};
    if (call) {
      thread.system_call = system_call_in_registers(target.architecture, *target.memory,
                                                    {*call, result, Address{counter}, arguments});
    }
    target.threads.push_back(std::move(thread));
  }
  auto snapshot = capture(target, {locals});
  if (cut_short) {
    snapshot.problems.insert(snapshot.problems.begin(),
                             "the core is cut short, so that a part of the memory is missing");
  }
  return diagnose(std::move(snapshot));
}

}  // namespace

PYBIND11_MODULE(_py_importlock, module) {
  module.doc() = "The native helper of py-importlock, for gdb_plugin/py-importlock.py.";
  py::register_exception<Error>(module, "Error");
  py::class_<FileLookup>(module, "FileLookup")
      .def(py::init<>())
      .def_readwrite("roots", &FileLookup::roots)
      .def_readwrite("live_pid", &FileLookup::live_pid)
      .def_readwrite("executable", &FileLookup::executable)
      .def_readwrite("search_directories", &FileLookup::search_directories)
      .def_readwrite("loaded_files", &FileLookup::loaded_files)
      .def_readwrite("how_to_give", &FileLookup::how_to_give)
      .def_readwrite("working_directory", &FileLookup::working_directory)
      .def_readwrite("debug_directories", &FileLookup::debug_directories)
      .def_readwrite("debug_files", &FileLookup::debug_files);
  py::class_<Report>(module, "Report")
      .def_property_readonly("status", &Report::status)
      .def("values",
           [](const Report& self) {
             py::dict values;
             values["verdict"] = std::string(name_of(self.verdict.kind));
             values["lock"] = std::string(name_of(self.import_lock_state));
             values["owner"] = self.import_lock_owner.value_or(0);
             values["waiters"] = self.import_lock_waiters.size();
             return values;
           })
      .def("json", [](const Report& self) { return render_json(self); })
      .def("dot", &render_dot)
      .def("text", [](const Report& self, std::size_t width, bool color, std::size_t frames) {
        return render_text(self, {width, color, frames});
      });
  module.def("report", &report,
             "Analyses the inferior. The rows of threads are those of ThreadRow.", py::arg("kind"),
             py::arg("architecture"), py::arg("pid"), py::arg("executable") = "",
             py::arg("core") = py::none(), py::arg("maps") = py::none(),
             py::arg("program_headers") = 0, py::arg("threads"), py::arg("files"), py::arg("read"),
             py::arg("memory_error"), py::arg("locals"));
}

}  // namespace importlock
