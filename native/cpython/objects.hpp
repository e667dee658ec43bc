#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.hpp"
#include "base/architecture.hpp"
#include "cpython/interpreter.hpp"
#include "target/memory.hpp"

namespace importlock {

/// Reads objects of CPython 2.7 in the target. Every length that the target gives is bounded.
/// Functions that return an optional or a null Address do so where the object is not of the kind
/// asked for; all throw FaultError where memory cannot be read, FormatError where a length is
/// absurd.
class Objects {
 public:
  Objects(Memory& memory, const Layout& layout, const TypeObjects& types)
      : memory_(memory), layout_(layout), types_(types) {}

  [[nodiscard]] Memory& memory() const { return memory_; }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const TypeObjects& types() const { return types_; }

  Address pointer(Address at);
  /// ob_type.
  Address type_of(Address object);
  bool is(Address object, Address type) { return !object.is_null() && type_of(object) == type; }
  /// Whether the object's type is `base` or derives from it, by tp_base.
  bool derives_from(Address object, Address base);
  /// A str as it is, a unicode as UTF-8; cut after `most` bytes or characters.
  std::optional<std::string> text(Address object, std::size_t most = 4096);
  /// The text of a name: interned strings recur, and are read once. Empty where it is none.
  std::string name(Address object);
  /// The bytes of a str, such as co_code; throws FormatError where it is none or too long.
  std::vector<std::byte> string_bytes(Address object);
  /// An int, bool or long that fits.
  std::optional<std::int64_t> integer(Address object);
  /// A pthread id that CPython keeps in a long or in an int object: negative at times on 32 bits.
  [[nodiscard]] PthreadId ident(std::int64_t number) const {
    return PthreadId{to_word(static_cast<std::uint64_t>(number), layout_.word)};
  }
  /// Items of a tuple or list, at most `most`.
  std::vector<Address> items(Address sequence, std::size_t most);

  /// Calls `visit(key, value)` for each item of a dict until it returns false.
  void for_each_item(Address dict, const std::function<bool(Address, Address)>& visit);
  /// The value of a str key in a dict, or null. Throws FormatError where it is not among the keys
  /// that can be read, but others cannot.
  Address item(Address dict, std::string_view key);
  /// The attribute `name` in the object's own __dict__, or null: an instance of a class of either
  /// style, a module, a class.
  Address attribute(Address object, std::string_view name);
  /// The __dict__ of the same, or null.
  Address dict_of(Address object);
  /// tp_name of a type, or the name of an old-style class.
  std::string type_name(Address type);
  /// A zero-terminated string of C, at most `most` bytes.
  std::string c_string(Address at, std::size_t most = 256);

 private:
  /// The value of a key in a dict, or null, by looking at each item.
  Address item_by_text(Address dict, std::string_view key);
  /// The same by the key's hash, as the interpreter itself looks it up.
  Address item_by_hash(Address dict, std::string_view key);
  /// Whether the hash of a str can be told: it cannot where it is randomised (python -R).
  bool knows_hashes(Address dict);
  /// Objects/stringobject.c, string_hash, without a secret.
  [[nodiscard]] std::uint64_t hash_of(std::string_view text) const;
  /// At most 256 bytes of it; nothing where it is no string.
  const std::optional<std::string>& known_name(Address object);

  Memory& memory_;
  const Layout& layout_;
  const TypeObjects& types_;
  std::optional<bool> knows_hashes_;
  std::unordered_map<Address, std::optional<std::string>> names_;
  /// What item() found, by dict and key: threads that are alike look the same names up.
  std::unordered_map<Address, std::map<std::string, Address, std::less<>>> items_;
};

}  // namespace importlock
