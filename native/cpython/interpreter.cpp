#include "cpython/interpreter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "cpython/image.hpp"
#include "cpython/objects.hpp"
#include "cpython/v2/interpreter.hpp"

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
  return objects.pointer(thread_state + objects.layout().thread_state.frame);
}

Interpreter find_interpreter(const Target& target, std::vector<std::string>& problems) {
  auto image = find_python_image(target, v2::exported_names(), [&](const PythonImage& candidate) {
    return v2::is_initialised(target, candidate);
  });
  return v2::interpreter_in(std::move(image), target, problems);
}

}  // namespace importlock
