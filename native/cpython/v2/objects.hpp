#pragma once

#include "cpython/objects.hpp"

namespace importlock {

/// The objects of CPython 2.7: int and long, str and unicode, classes of both styles.
class Python2Objects : public Objects {
 public:
  using Objects::Objects;

  [[nodiscard]] Literals literals() const override { return {"", "u", "L"}; }
  std::uint64_t length(Address object) override;
  std::optional<std::int64_t> integer(Address object) override;
  void for_each_item(Address dict, const std::function<bool(Address, Address)>& visit) override;
  Address dict_of(Address object) override;
  std::string type_name(Address type) override;
  Address class_of(Address object) override;

 private:
  std::optional<std::string> read_text(Address object, std::size_t most) override;
  Address find(Address dict, std::string_view key) override;
  /// The value of a key by its hash, as the interpreter itself looks it up.
  Address find_by_hash(Address dict, std::string_view key);
  /// Whether the hash of a str can be told: it cannot where it is randomised (python -R).
  bool knows_hashes(Address dict);
  /// Objects/stringobject.c, string_hash, without a secret.
  [[nodiscard]] std::uint64_t hash_of(std::string_view text) const;

  std::optional<bool> knows_hashes_;
};

}  // namespace importlock
