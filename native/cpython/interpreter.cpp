#include "cpython/interpreter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "cpython/image.hpp"
#include "cpython/objects.hpp"
#include "cpython/v2/interpreter.hpp"
#include "cpython/v3/interpreter.hpp"

namespace importlock {

Address require(const Known<Address>& variable) {
  if (!variable) throw FormatError(variable.why());
  return *variable;
}

Known<Address> address_of(const SymbolsByName& symbols, LoadBias bias, std::string_view name) {
  const auto entry = symbols.find(name);
  if (entry == symbols.end()) return Missing{fmt::format("symbol {} was not found", name)};
  const auto first = entry->second.front().address;
  if (std::ranges::any_of(entry->second, [&](const Symbol& s) { return s.address != first; })) {
    return Missing{fmt::format("symbol {} is there more than once", name)};
  }
  return bias + first;
}

PthreadId ident_of(Objects& objects, Address thread_state) {
  return PthreadId{objects.pointer(thread_state + objects.layout().thread_state.thread_id).value()};
}

Address innermost_frame(Objects& objects, Address thread_state) {
  const auto& layout = objects.layout();
  const auto found = objects.pointer(thread_state + layout.thread_state.frame);
  const auto& in_cframe = layout.cframe.current_frame;
  return in_cframe && !found.is_null() ? objects.pointer(found + *in_cframe) : found;
}

Interpreter find_interpreter(const Target& target, std::vector<std::string>& problems) {
  auto names = v2::exported_names();
  const auto more = v3::exported_names();
  names.insert(names.end(), more.begin(), more.end());
  names.insert(names.end(), lock_functions.begin(), lock_functions.end());
  auto image = find_python_image(target, names, [&](const PythonImage& candidate) {
    return candidate.is_python3 ? v3::is_initialised(target, candidate)
                                : v2::is_initialised(target, candidate);
  });
  return image.is_python3 ? v3::interpreter_in(std::move(image), target, problems)
                          : v2::interpreter_in(std::move(image), target, problems);
}

}  // namespace importlock
