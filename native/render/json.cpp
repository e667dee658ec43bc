#include "render/json.hpp"

#include <map>
#include <tuple>
#include <utility>

#include "render/names.hpp"

namespace importlock {

namespace {

constexpr const char* schema = "py-importlock/2";

/// The members of a report, each under the key of the contract.
class JsonReport {
 public:
  explicit JsonReport(JsonStyle style) : style_(style), out_(style) {}

  std::string run(const Report& report) {
    out_.begin_object();
    member("schema", schema);
    member("target", report.target);
    member("python", report.python);
    import_lock(report);
    member("module_locks", report.module_locks);
    gil(report);
    member("locks", report.locks);
    member("threads", report.threads);
    member("verdict", report.verdict);
    out_.key("processes");
    out_.begin_array();
    out_.end_array();
    member("problems", report.problems);
    out_.end_object();
    return out_.take();
  }

  std::string run(const TargetInfo& target, const std::string& error) {
    out_.begin_object();
    member("schema", schema);
    member("target", target);
    member("error", error);
    out_.end_object();
    return out_.take();
  }

 private:
  template <typename T>
  void member(std::string_view name, const T& what) {
    out_.key(name);
    value(what);
  }
  /// The text, or null where it is empty.
  void text_member(std::string_view name, const std::string& text) {
    out_.key(name);
    if (text.empty()) {
      out_.null();
    } else {
      out_.string(text);
    }
  }

  void value(std::string_view text) { out_.string(text); }
  void value(const std::string& text) { out_.string(text); }
  void value(const char* text) { out_.string(text); }
  void value(const SharedText& text) { out_.string(text.str()); }
  void value(bool what) { out_.boolean(what); }
  void value(int number) { out_.integer(number); }
  void value(double number) { out_.real(number); }
  void value(PthreadId ident) { out_.string(to_hex(ident)); }
  void value(Address address) { out_.string(to_hex(address)); }
  template <typename T>
  void value(const std::optional<T>& what) {
    if (what) {
      value(*what);
    } else {
      out_.null();
    }
  }
  template <typename T>
  void value(const std::vector<T>& items) {
    out_.begin_array();
    for (const auto& item : items) value(item);
    out_.end_array();
  }

  void value(const TargetInfo& target) {
    out_.begin_object();
    member("kind", name_of(target.kind));
    member("pid", target.pid);
    member("executable", target.executable);
    member("core", target.core);
    out_.end_object();
  }

  void value(const PythonInfo& python) {
    out_.begin_object();
    member("version", python.version.optional());
    member("image", python.image);
    member("build_id", python.build_id);
    member("arch", python.arch);
    member("pydebug", python.pydebug);
    member("unicode", python.unicode);
    member("free_threaded", python.free_threaded);
    out_.end_object();
  }

  void import_lock(const Report& report) {
    const auto& lock = report.import_lock;
    const bool created = lock.lock && !lock.lock->address.is_null();
    out_.key("import_lock");
    out_.begin_object();
    member("state", name_of(report.import_lock_state));
    member("lock", created ? std::optional(lock.lock->address) : std::nullopt);
    member("owner_ident", lock.owner ? *lock.owner : std::nullopt);
    member("owner", report.import_lock_owner);
    member("level", lock.level.optional());
    member("waiters", report.import_lock_waiters);
    member("found_by", lock.found_by ? std::optional(name_of(*lock.found_by)) : std::nullopt);
    out_.end_object();
  }

  void gil(const Report& report) {
    const bool held = report.gil_state == GilState::held && report.gil.holder;
    out_.key("gil");
    out_.begin_object();
    member("state", name_of(report.gil_state));
    member("holder", report.gil_holder);
    member("holder_ident", held ? *report.gil.holder : std::nullopt);
    member("waiters", report.gil_waiters);
    out_.end_object();
  }

  void value(const ModuleLockReport& lock) {
    out_.begin_object();
    member("module", lock.facts.module);
    member("owner_ident", lock.facts.owner);
    member("owner", lock.owner);
    member("count", lock.facts.count);
    member("waiters", lock.waiters);
    out_.end_object();
  }

  void value(const LockReport& lock) {
    out_.begin_object();
    member("address", lock.address);
    member("kind", name_of(lock.kind));
    member("name", lock.name.empty() ? lock.what : lock.name);
    member("owner", lock.owner);
    text_member("known_by", lock.known_by);
    member("waiters", lock.waiters);
    out_.end_object();
  }

  void value(const ThreadReport& thread) {
    const auto& facts = thread.facts;
    out_.begin_object();
    member("lwp", facts.lwp);
    member("gdb_thread", facts.gdb_thread);
    member("ident", facts.ident);
    text_member("name", facts.name);
    member("python", facts.python);
    member("holds", thread.holds);
    out_.key("importing");
    out_.begin_array();
    for (const auto& module : facts.importing) out_.string(module.name);
    out_.end_array();
    member("waits_for", thread.waits_for);
    member("frames", facts.frames);
    out_.end_object();
  }

  void value(const Wait& wait) {
    out_.begin_object();
    member("kind", name_of(wait.kind));
    member("what", wait.what);
    member("lwp", wait.lwp);
    member("pid", wait.pid);
    text_member("because", wait.because);
    member("seconds_left", wait.seconds_left);
    out_.end_object();
  }

  /// Threads that are alike share their frames' texts, and so what is written of them.
  void value(const Frame& frame) {
    if (!frame.locals.empty()) {
      write(frame);
      return;
    }
    const auto* const source = frame.source ? &frame.source->str() : nullptr;
    const FrameKey key{&frame.function.str(), &frame.file.str(), frame.line, source};
    const auto [entry, fresh] = frames_.try_emplace(key);
    if (fresh) {
      auto whole = std::exchange(out_, JsonWriter(style_, out_.depth()));
      write(frame);
      entry->second = std::exchange(out_, std::move(whole)).take_fragment();
    }
    out_.fragment(entry->second);
  }

  void write(const Frame& frame) {
    out_.begin_object();
    member("function", frame.function);
    member("file", frame.file);
    member("line", frame.line > 0 ? std::optional(frame.line) : std::nullopt);
    member("source", frame.source);
    if (!frame.locals.empty()) member("locals", frame.locals);
    out_.end_object();
  }

  void value(const Variable& variable) {
    out_.begin_object();
    member("name", variable.name);
    member("value", variable.value);
    out_.end_object();
  }

  void value(const Verdict& verdict) {
    out_.begin_object();
    member("kind", name_of(verdict.kind));
    member("certain", verdict.certain);
    text_member("lock", verdict.lock);
    member("cycle", verdict.cycle);
    member("summary", verdict.summary);
    member("advice", verdict.advice);
    member("evidence", verdict.evidence);
    out_.end_object();
  }

  using FrameKey = std::tuple<const std::string*, const std::string*, int, const std::string*>;

  JsonStyle style_;
  JsonWriter out_;
  std::map<FrameKey, std::string> frames_;
};

}  // namespace

std::string render_json(const Report& report, JsonStyle style) {
  return JsonReport(style).run(report);
}

std::string render_json_failure(const TargetInfo& target, const std::string& error) {
  return JsonReport(JsonStyle::one_line).run(target, error);
}

}  // namespace importlock
