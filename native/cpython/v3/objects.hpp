#pragma once

#include "cpython/objects.hpp"

namespace importlock {

/// The objects of CPython 3.6 to 3.13.
class Python3Objects : public Objects {
 public:
  using Objects::Objects;

  [[nodiscard]] Literals literals() const override { return {"b", "", ""}; }
  std::uint64_t length(Address object) override;
  std::optional<std::int64_t> integer(Address object) override;
  void for_each_item(Address dict, const std::function<bool(Address, Address)>& visit) override;
  Address attribute(Address object, std::string_view name) override;
  Address dict_of(Address object) override;

 private:
  /// A keys object (Objects/dictobject.c).
  struct Keys {
    Address entries;
    std::uint64_t number = 0;
    std::uint64_t entry_size = 0;
    std::uint64_t key = 0;    ///< offset in an entry
    std::uint64_t value = 0;  ///< the same
  };
  /// Where the attributes of an instance are: one of the two, or neither.
  struct Attributes {
    Address dict;
    Address values;
  };

  std::optional<std::string> read_text(Address object, std::size_t most) override;
  Address find(Address dict, std::string_view key) override { return find_by_text(dict, key); }
  Keys keys_at(Address keys);
  /// Calls `visit(index, key, value)` for each entry of a keys object.
  void for_each_entry(const Keys& keys,
                      const std::function<bool(std::uint64_t, Address, Address)>& visit);
  Attributes attributes_of(Address object);
  /// The dict of a type: its own, or of a static type of the core the interpreter's (3.12).
  Address dict_of_type(Address type);
  /// The attribute of that name in an array of values, whose names the class keeps.
  Address value_of(Address object, Address values, std::string_view name);
};

}  // namespace importlock
