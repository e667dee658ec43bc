#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cpython/frames.hpp"
#include "cpython/library.hpp"
#include "cpython/waits.hpp"
#include "model/snapshot.hpp"

namespace importlock {

/// Recognises in a thread's Python frames what has to do with imports. All functions throw
/// FaultError or FormatError where the target's memory is damaged.
class ImportReader {
 public:
  /// All four must outlive this.
  ImportReader(Objects& objects, FrameReader& frames, WaitReader& waits, const Library& library)
      : objects_(objects), frames_(frames), waits_(waits), library_(library) {}

  /// Fills in the modules whose bodies run in this thread, and the evidence of an import.
  void read_modules(ThreadFacts& thread, const std::vector<RawFrame>& frames);

  /// The modules whose own locks the frames show to be taken or waited for.
  std::vector<std::string> locked_modules(const std::vector<RawFrame>& frames);

  /// What led to an import that the innermost frames are in, where importing is written in Python:
  /// "import decimal", "importlib.import_module('decimal')", "pickling mod_a".
  std::optional<Operation> import_in_progress(const std::vector<RawFrame>& frames);

  /// What the innermost frame asks C code to do; nothing where it runs byte code.
  std::optional<Operation> operation(const std::vector<RawFrame>& frames);

  /// Whether a frame has called imp.acquire_lock() without a later imp.release_lock().
  bool keeps_import_lock(const std::vector<RawFrame>& frames);

  /// Calls of `X.start()` in the frames up to `outermost`, where X still names a running Thread.
  std::vector<ThreadStart> starts(const std::vector<RawFrame>& frames, std::size_t outermost);

 private:
  [[nodiscard]] const Names& names() const { return *library_.names; }
  /// The name that the frame is importing: by a statement or by a call.
  std::optional<std::string> imported_name(const RawFrame& frame);
  /// Whether such an import begins with the import lock: imp.load_module and reload do not.
  bool imports_under_lock(const RawFrame& frame);
  std::optional<Operation> wait_for_child(const std::vector<RawFrame>& frames);
  Address attribute_or_null(Address object, std::string_view name);

  Objects& objects_;
  FrameReader& frames_;
  WaitReader& waits_;
  const Library& library_;
};

}  // namespace importlock
