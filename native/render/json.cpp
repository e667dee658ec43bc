#include "render/json.hpp"

#include <nlohmann/json.hpp>

#include "render/names.hpp"

namespace importlock {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* schema = "py-importlock/1";

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json hex_or_null(const std::optional<PthreadId>& ident) {
  return ident ? Json(to_hex(*ident)) : Json(nullptr);
}

Json thread_json(const ThreadReport& thread) {
  const auto& facts = thread.facts;
  Json importing = Json::array();
  for (const auto& module : facts.importing) importing.push_back(module.name);
  Json waits = nullptr;
  if (const auto& wait = thread.waits_for) {
    waits = {{"kind", name_of(wait->kind)},
             {"what", wait->what},
             {"lwp", or_null(wait->lwp)},
             {"because", wait->because.empty() ? Json(nullptr) : Json(wait->because)}};
  }
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
          {"waits_for", waits},
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
                    {"unicode", or_null(report.python.unicode)}};
  const bool created = lock.lock && !lock.lock->address.is_null();
  json["import_lock"] = {
      {"state", name_of(report.import_lock_state)},
      {"lock", created ? Json(to_hex(lock.lock->address)) : Json(nullptr)},
      {"owner_ident", lock.owner ? hex_or_null(*lock.owner) : Json(nullptr)},
      {"owner", or_null(report.import_lock_owner)},
      {"level", or_null(lock.level.optional())},
      {"waiters", report.import_lock_waiters},
      {"found_by", lock.found_by ? Json(name_of(*lock.found_by)) : Json(nullptr)}};
  json["gil"] = {{"state", name_of(report.gil_state)},
                 {"holder", or_null(report.gil_holder)},
                 {"waiters", report.gil_waiters}};
  json["threads"] = Json::array();
  for (const auto& thread : report.threads) json["threads"].push_back(thread_json(thread));
  const auto& verdict = report.verdict;
  json["verdict"] = {{"kind", name_of(verdict.kind)}, {"certain", verdict.certain},
                     {"cycle", verdict.cycle},        {"summary", verdict.summary},
                     {"advice", verdict.advice},      {"evidence", verdict.evidence}};
  json["problems"] = report.problems;
  return text_of(json, style);
}

std::string render_json_failure(const TargetInfo& target, const std::string& error) {
  const Json json{{"schema", schema}, {"target", target_json(target)}, {"error", error}};
  return text_of(json, JsonStyle::one_line);
}

}  // namespace importlock
