#include "render/json.hpp"

#include <nlohmann/json.hpp>

#include "render/names.hpp"

namespace importlock {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* schema = "py-importlock/2";

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json hex_or_null(const std::optional<PthreadId>& ident) {
  return ident ? Json(to_hex(*ident)) : Json(nullptr);
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json wait_json(const Wait& wait) {
  return {{"kind", name_of(wait.kind)},
          {"what", wait.what},
          {"lwp", or_null(wait.lwp)},
          {"pid", or_null(wait.pid)},
          {"because", text_or_null(wait.because)},
          {"seconds_left", or_null(wait.seconds_left)}};
}

Json locks_json(const std::vector<LockReport>& locks) {
  Json rows = Json::array();
  for (const auto& lock : locks) {
    rows.push_back({{"address", to_hex(lock.address)},
                    {"kind", name_of(lock.kind)},
                    {"name", lock.name.empty() ? lock.what : lock.name},
                    {"owner", or_null(lock.owner)},
                    {"known_by", text_or_null(lock.known_by)},
                    {"waiters", lock.waiters}});
  }
  return rows;
}

Json module_locks_json(const std::vector<ModuleLockReport>& locks) {
  Json rows = Json::array();
  for (const auto& lock : locks) {
    rows.push_back({{"module", lock.facts.module},
                    {"owner_ident", hex_or_null(lock.facts.owner)},
                    {"owner", or_null(lock.owner)},
                    {"count", lock.facts.count},
                    {"waiters", lock.waiters}});
  }
  return rows;
}

Json thread_json(const ThreadReport& thread) {
  const auto& facts = thread.facts;
  Json importing = Json::array();
  for (const auto& module : facts.importing) importing.push_back(module.name);
  Json frames = Json::array();
  for (const auto& frame : facts.frames) {
    frames.push_back({{"function", frame.function.str()},
                      {"file", frame.file.str()},
                      {"line", frame.line > 0 ? Json(frame.line) : Json(nullptr)},
                      {"source", frame.source ? Json(frame.source->str()) : Json(nullptr)}});
    if (frame.locals.empty()) continue;
    auto& locals = frames.back()["locals"] = Json::array();
    for (const auto& variable : frame.locals) {
      locals.push_back({{"name", variable.name}, {"value", variable.value}});
    }
  }
  return {{"lwp", or_null(facts.lwp)},
          {"gdb_thread", or_null(facts.gdb_thread)},
          {"ident", hex_or_null(facts.ident)},
          {"name", facts.name.empty() ? Json(nullptr) : Json(facts.name)},
          {"python", facts.python},
          {"holds", thread.holds},
          {"importing", importing},
          {"waits_for", thread.waits_for ? wait_json(*thread.waits_for) : Json(nullptr)},
          {"frames", frames}};
}

Json target_json(const TargetInfo& target) {
  return {{"kind", name_of(target.kind)},
          {"pid", or_null(target.pid)},
          {"executable", target.executable},
          {"core", or_null(target.core)}};
}

std::string text_of(const Json& json, JsonStyle style) {
  const int indent = style == JsonStyle::indented ? 2 : -1;
  // ASCII alone: the C1 controls and bidi overrides of valid UTF-8 move a terminal's cursor too.
  return json.dump(indent, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string render_json(const Report& report, JsonStyle style) {
  const auto& lock = report.import_lock;
  Json json;
  json["schema"] = schema;
  json["target"] = target_json(report.target);
  json["python"] = {{"version", or_null(report.python.version.optional())},
                    {"image", report.python.image},
                    {"build_id", or_null(report.python.build_id)},
                    {"arch", report.python.arch},
                    {"pydebug", or_null(report.python.pydebug)},
                    {"unicode", or_null(report.python.unicode)},
                    {"free_threaded", report.python.free_threaded}};
  const bool created = lock.lock && !lock.lock->address.is_null();
  json["import_lock"] = {
      {"state", name_of(report.import_lock_state)},
      {"lock", created ? Json(to_hex(lock.lock->address)) : Json(nullptr)},
      {"owner_ident", lock.owner ? hex_or_null(*lock.owner) : Json(nullptr)},
      {"owner", or_null(report.import_lock_owner)},
      {"level", or_null(lock.level.optional())},
      {"waiters", report.import_lock_waiters},
      {"found_by", lock.found_by ? Json(name_of(*lock.found_by)) : Json(nullptr)}};
  json["module_locks"] = module_locks_json(report.module_locks);
  const bool gil_held = report.gil_state == GilState::held && report.gil.holder;
  json["gil"] = {{"state", name_of(report.gil_state)},
                 {"holder", or_null(report.gil_holder)},
                 {"holder_ident", gil_held ? hex_or_null(*report.gil.holder) : Json(nullptr)},
                 {"waiters", report.gil_waiters}};
  json["locks"] = locks_json(report.locks);
  json["threads"] = Json::array();
  for (const auto& thread : report.threads) json["threads"].push_back(thread_json(thread));
  const auto& verdict = report.verdict;
  json["verdict"] = {{"kind", name_of(verdict.kind)},      {"certain", verdict.certain},
                     {"lock", text_or_null(verdict.lock)}, {"cycle", verdict.cycle},
                     {"summary", verdict.summary},         {"advice", verdict.advice},
                     {"evidence", verdict.evidence}};
  json["processes"] = Json::array();
  json["problems"] = report.problems;
  return text_of(json, style);
}

std::string render_json_failure(const TargetInfo& target, const std::string& error) {
  const Json json{{"schema", schema}, {"target", target_json(target)}, {"error", error}};
  return text_of(json, JsonStyle::one_line);
}

}  // namespace importlock
