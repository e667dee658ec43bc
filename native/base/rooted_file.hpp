#pragma once

#include <string>

namespace importlock {

/// A file descriptor, closed at the end; negative where there is none.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

/// Opens the regular file at `path` to read it, as a process finds it whose root directory is
/// `root`: a link that is absolute starts there, and ".." does not lead out of it. An empty root is
/// our own. Nothing else than a regular file is opened, since to open a device can be to act on it.
/// Negative where there is none, and where the way there is of too many steps. Throws FileError
/// where memory or descriptors are lacking.
Descriptor open_regular(const std::string& root, const std::string& path);

/// The same without openat2(2), which came with Linux 5.6: hosts of Python 2.7 can be older.
Descriptor open_regular_by_names(const std::string& root, const std::string& path);

}  // namespace importlock
