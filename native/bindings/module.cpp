#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "cpython27/capture.hpp"
#include "diagnosis/diagnose.hpp"
#include "render/json.hpp"
#include "render/text.hpp"
#include "target/layered_memory.hpp"
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
      if (static_cast<std::size_t>(bytes.size * bytes.itemsize) != into.size()) {
        throw FaultError(address, into.size());
      }
      std::memcpy(into.data(), bytes.ptr, into.size());
    } catch (py::error_already_set& error) {
      if (!error.matches(memory_error)) throw;
      throw FaultError(address, into.size());
    }
  };
}

Report report(const std::string& kind, std::optional<int> pid, const std::string& executable,
              std::optional<std::string> core, const py::list& threads, py::function read,
              py::object memory_error, FileLookup files) {
  Target target;
  target.info = {kind == "core" ? TargetKind::core : TargetKind::process, pid, executable, core};
  target.mappings = core ? core_mappings(*core) : process_mappings(pid.value_or(0));
  if (target.info.executable.empty() && !target.mappings.empty()) {
    target.info.executable = target.mappings.front().path;
  }
  target.files = std::move(files);
  target.memory =
      std::make_unique<CachedMemory>(source_of(std::move(read), std::move(memory_error)));
  for (const auto& item : threads) {
    const auto [lwp, number, ident, call, first, second] = item.cast<
        std::tuple<int, int, std::uint64_t, std::int64_t, std::uint64_t, std::uint64_t>>();
    NativeThread thread;
    thread.lwp = lwp;
    thread.gdb_thread = number;
    thread.ident = PthreadId{ident};
    thread.system_call = call < 0 ? std::optional<SystemCall>()
                                  : std::optional(x86_64_system_call(call, first, second));
    target.threads.push_back(std::move(thread));
  }
  return diagnose(capture(target));
}

}  // namespace

PYBIND11_MODULE(_py_importlock, module) {
  module.doc() = "The native helper of py-importlock, for gdb_plugin/py-importlock.py.";
  py::register_exception<Error>(module, "Error");
  py::class_<FileLookup>(module, "FileLookup")
      .def(py::init<>())
      .def_readwrite("roots", &FileLookup::roots)
      .def_readwrite("working_directory", &FileLookup::working_directory)
      .def_readwrite("debug_directories", &FileLookup::debug_directories)
      .def_readwrite("debug_files", &FileLookup::debug_files);
  py::class_<Report>(module, "Report")
      .def_property_readonly("status", &Report::status)
      .def("json", &render_json)
      .def("text", [](const Report& self, std::size_t width, bool color) {
        return render_text(self, {width, color});
      });
  module.def("report", &report,
             "Analyses the inferior. threads: tuples (lwp, gdb number, pthread id, system call or "
             "-1, its first two arguments).");
}

}  // namespace importlock
