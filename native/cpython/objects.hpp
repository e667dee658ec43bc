#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.hpp"
#include "base/architecture.hpp"
#include "cpython/layout.hpp"
#include "target/memory.hpp"

namespace importlock {

/// The exported type objects by which objects of the target are recognised; null where missing, as
/// those are that the version does not have. `bytes` is PyString_Type in CPython 2, `integer` is
/// PyInt_Type, and class_object and instance are of its old-style classes.
struct TypeObjects {
  Address type, class_object, instance, code, frame, bytes, unicode, dict, integer, boolean,
      long_integer, function, method, c_function, c_method, method_descriptor, call_iterator,
      module, tuple, list, cell;
  Address none;  ///< None itself
};

/// How repr() marks the literals of a version.
struct Literals {
  std::string_view bytes_prefix, text_prefix, long_suffix;
};

/// Reads objects of CPython in the target. Every length that the target gives is bounded.
/// Functions that return an optional or a null Address do so where the object is not of the kind
/// asked for; all throw FaultError where memory cannot be read, FormatError where a length is
/// absurd. What differs between versions is virtual; v2/ and v3/ hold it.
class Objects {
 public:
  Objects(Memory& memory, const Layout& layout, const TypeObjects& types)
      : memory_(memory), layout_(layout), types_(types) {}
  virtual ~Objects() = default;
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;

  [[nodiscard]] Memory& memory() const { return memory_; }
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const TypeObjects& types() const { return types_; }
  [[nodiscard]] virtual Literals literals() const = 0;

  Address pointer(Address at) { return Address{memory_.word(at, layout_.word)}; }
  /// ob_type.
  Address type_of(Address object) { return pointer(object + layout_.object.ob_type); }
  bool is(Address object, Address type) { return !object.is_null() && type_of(object) == type; }
  /// Whether the object's type is `base` or derives from it, by tp_base.
  bool derives_from(Address object, Address base);
  /// Text as the version's programs know it, as UTF-8: a unicode, and a str of CPython 2 as it is;
  /// cut after `most` bytes or characters.
  std::optional<std::string> text(Address object, std::size_t most = 4096) {
    return object.is_null() ? std::nullopt : read_text(object, most);
  }
  /// The characters or bytes of such text, or of bytes, uncut.
  virtual std::uint64_t length(Address object) = 0;
  /// The text of a name: interned strings recur, and are read once. Empty where it is none.
  std::string name(Address object) { return known_name(object).value_or(""); }
  /// The bytes of a str of CPython 2 or of bytes, such as co_code; throws FormatError where it is
  /// none or too long.
  std::vector<std::byte> bytes(Address object);
  /// The first of these bytes, at most `most`, as text.
  std::string raw_text(Address object, std::size_t most);
  /// An int, bool or long that fits.
  virtual std::optional<std::int64_t> integer(Address object) = 0;
  /// A float, or an int as integer() has it.
  std::optional<double> real(Address object);
  /// A pthread id that CPython keeps in a long or in an int object: negative at times on 32 bits.
  [[nodiscard]] PthreadId ident(std::int64_t number) const {
    return PthreadId{to_word(static_cast<std::uint64_t>(number), layout_.word)};
  }
  /// Items of a tuple or list, at most `most`.
  std::vector<Address> items(Address sequence, std::size_t most);

  /// Calls `visit(key, value)` for each item of a dict until it returns false.
  virtual void for_each_item(Address dict, const std::function<bool(Address, Address)>& visit) = 0;
  /// The value of a str key in a dict, or null. Throws FormatError where it is not among the keys
  /// that can be read, but others cannot.
  Address item(Address dict, std::string_view key);
  /// The attribute `name` in the object's own __dict__, or null: an instance of a class of any
  /// style, a module, a class.
  virtual Address attribute(Address object, std::string_view name) {
    return item(dict_of(object), name);
  }
  /// The __dict__ of the same, or null.
  virtual Address dict_of(Address object) = 0;
  /// tp_name of a type, or the name of an old-style class.
  virtual std::string type_name(Address type) {
    return c_string(pointer(type + layout_.type.tp_name));
  }
  /// The class of an instance: its type, or what an old-style instance names.
  virtual Address class_of(Address object) { return type_of(object); }
  /// A zero-terminated string of C, at most `most` bytes.
  std::string c_string(Address at, std::size_t most = 256);

 protected:
  virtual std::optional<std::string> read_text(Address object, std::size_t most) = 0;
  /// The hash of a str; nothing where the version's function or its secret is not known.
  virtual std::optional<std::uint64_t> hash_of(std::string_view text) = 0;
  /// The hash that a str of the target keeps; nothing where the object is none.
  virtual std::optional<std::uint64_t> kept_hash(Address object) = 0;
  /// hash_of(), where it has been seen to be the function of the target.
  std::optional<std::uint64_t> trusted_hash(std::string_view text) {
    return knows_hashes_.value_or(false) ? hash_of(text) : std::nullopt;
  }
  /// The value of a key in a dict, or null: looked up as the interpreter does it.
  virtual Address find_by_hash(Address dict, std::string_view key, std::uint64_t hash) = 0;
  /// At most 256 bytes of it; nothing where it is no string.
  const std::optional<std::string>& known_name(Address object);
  /// Digits of 15 or 30 bits (Include/longintrepr.h), the least significant first.
  std::optional<std::int64_t> long_of_digits(Address first, std::uint64_t digits, bool negative);
  /// A word of the target that is a signed number there.
  [[nodiscard]] std::int64_t signed_word(Address at) {
    return layout_.word == 8 ? memory_.value<std::int64_t>(at) : memory_.value<std::int32_t>(at);
  }

 private:
  /// The value of a key in a dict, or null.
  Address find(Address dict, std::string_view key);
  /// The same by looking at each item.
  Address find_by_text(Address dict, std::string_view key);
  /// Whether hash_of() is the function of the target.
  bool knows_hashes(Address dict);

  Memory& memory_;
  const Layout& layout_;
  const TypeObjects& types_;
  std::unordered_map<Address, std::optional<std::string>> names_;
  /// What item() found, by dict and key: threads that are alike look the same names up.
  std::unordered_map<Address, std::map<std::string, Address, std::less<>>> items_;
  std::optional<bool> knows_hashes_;
};

}  // namespace importlock
