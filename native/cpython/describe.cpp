#include "cpython/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/error.hpp"

namespace importlock {

namespace {

constexpr std::size_t longest_text = 60;  // characters of one str
constexpr std::size_t most_items = 5;     // of one container
constexpr std::size_t most_variables = 50;
constexpr int deepest = 2;  // containers within containers

/// As repr() does; of bytes, what is no ASCII too.
std::string quoted(const std::string& text, bool bytes, bool cut) {
  std::string result = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      result += {'\\', c};
    } else if (c == '\n') {
      result += "\\n";
    } else if (byte < 0x20 || byte == 0x7f || (bytes && byte > 0x7f)) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  return result + (cut ? "'..." : "'");
}

std::string describe_at(Objects& objects, Address object, int depth);

std::string describe_items(Objects& objects, Address object, char open, char close, int depth) {
  if (depth == deepest) return fmt::format("{}...{}", open, close);
  const auto items = objects.items(object, most_items + 1);
  std::string result(1, open);
  for (std::size_t i = 0; i < std::min(items.size(), most_items); ++i) {
    result += (i == 0 ? "" : ", ") + describe_at(objects, items[i], depth + 1);
  }
  if (items.size() > most_items) result += ", ...";
  if (open == '(' && items.size() == 1) result += ',';
  return result + close;
}

std::string describe_dict(Objects& objects, Address object, int depth) {
  if (depth == deepest) return "{...}";
  std::string result;
  std::size_t shown = 0;
  objects.for_each_item(object, [&](Address key, Address value) {
    if (shown == most_items) {
      result += ", ...";
      return false;
    }
    result += shown++ == 0 ? "" : ", ";
    result += describe_at(objects, key, depth + 1) + ": " + describe_at(objects, value, depth + 1);
    return true;
  });
  return "{" + result + "}";
}

/// Recursion is bounded by `deepest`.
std::string describe_known(Objects& objects, Address object, int depth) {
  if (object.is_null()) return "<null>";
  const auto& types = objects.types();
  const auto& layout = objects.layout();
  const auto literals = objects.literals();
  const auto type = objects.type_of(object);
  if (type == types.bytes || type == types.unicode) {
    const bool unicode = type == types.unicode;
    const auto text = unicode ? objects.text(object, longest_text).value_or("")
                              : objects.raw_text(object, longest_text);
    return std::string(unicode ? literals.text_prefix : literals.bytes_prefix) +
           quoted(text, !unicode, objects.length(object) > longest_text);
  }
  if (type == types.boolean) return objects.integer(object).value_or(0) != 0 ? "True" : "False";
  if (const auto number = objects.integer(object)) {
    return fmt::format("{}{}", *number, type == types.long_integer ? literals.long_suffix : "");
  }
  if (type == types.tuple) return describe_items(objects, object, '(', ')', depth);
  if (type == types.list) return describe_items(objects, object, '[', ']', depth);
  if (type == types.dict) return describe_dict(objects, object, depth);
  if (type == types.instance) {
    const auto name = objects.type_name(objects.class_of(object));
    return fmt::format("<{} instance at {}>", name, to_hex(object));
  }
  if (type == types.class_object || objects.derives_from(object, types.type)) {
    return fmt::format("<class {}>", objects.type_name(object));
  }
  if (type == types.module) {
    const auto name = objects.text(objects.attribute(object, "__name__"));
    return fmt::format("<module {}>", name.value_or("?"));
  }
  if (type == types.function) {
    const auto code = objects.pointer(object + layout.function.func_code);
    const auto name = objects.text(objects.pointer(code + layout.code.co_name));
    return fmt::format("<function {} at {}>", name.value_or("?"), to_hex(object));
  }
  const auto name = objects.type_name(type);
  if (name == "NoneType") return "None";
  if (name == "float") {
    const auto at = object + layout.float_object.ob_fval;
    const auto bits = objects.memory().value<std::uint64_t>(at);
    return fmt::format("{}", std::bit_cast<double>(bits));
  }
  return fmt::format("<{} at {}>", name, to_hex(object));
}

std::string describe_at(Objects& objects, Address object, int depth) {
  try {
    return describe_known(objects, object, depth);
  } catch (const Error&) {
    return "<unreadable>";
  }
}

}  // namespace

std::string describe(Objects& objects, Address object) { return describe_at(objects, object, 0); }

std::vector<Variable> read_locals(FrameReader& frames, const RawFrame& frame) {
  std::vector<Variable> result;
  auto& objects = frames.objects();
  const auto& names = frame.code->variables;
  const auto number = std::min<std::size_t>({names.size(), frame.code->locals, most_variables});
  for (std::size_t i = 0; i < number; ++i) {
    try {
      const auto value = frames.local(frame, i);
      const auto name = objects.text(names[i], 100);
      if (!value.is_null() && name) result.push_back({*name, describe(objects, value)});
    } catch (const Error&) {
      result.push_back({"?", "<unreadable>"});
    }
  }
  return result;
}

}  // namespace importlock
