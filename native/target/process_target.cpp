#include "target/process_target.hpp"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "target/cpu_time.hpp"
#include "target/layered_memory.hpp"
#include "target/permission.hpp"
#include "target/pid_namespace.hpp"
#include "target/proc_file.hpp"
#include "target/system_call.hpp"

namespace importlock {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_for(int pid, int error_number) {
  switch (error_number) {
    case EPERM:
    case EACCES: throw TargetError(why_denied(pid, access_facts(pid)));
    case ENOSYS:
      throw TargetError(
          "this kernel has no process_vm_readv; use gdb, or let the process write a core");
    default: throw TargetError(fmt::format("process {} has ended", pid));
  }
}

/// A file of /proc/PID. Throws TargetError.
std::string read_of(int pid, std::string_view name) {
  try {
    return read_proc_file(fmt::format("/proc/{}/{}", pid, name));
  } catch (const FileError& error) {
    throw_for(pid, error.error_number());
  }
}

bool read_remote(int pid, Address address, std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address.value()), into.size()};
  const auto got = ::process_vm_readv(pid, &local, 1, &remote, 1, 0);
  if (got >= 0 && static_cast<std::size_t>(got) == into.size()) return true;
  if (got >= 0 || errno == EFAULT || errno == EINVAL || errno == ENOMEM) return false;
  throw_for(pid, errno);
}

class Folder {
 public:
  explicit Folder(const std::string& path) : stream_(::opendir(path.c_str())) {
    if (stream_ == nullptr) throw FileError(path, errno);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { ::closedir(stream_); }

  [[nodiscard]] int descriptor() const { return ::dirfd(stream_); }
  /// The name of the next entry; null at the end.
  const char* next() {
    const auto* const entry = ::readdir(stream_);
    return entry == nullptr ? nullptr : static_cast<const char*>(entry->d_name);
  }

 private:
  DIR* stream_;
};

/// The text of /proc/PID/task/TID/syscall (fs/proc/base.c, proc_pid_syscall): "running", or the
/// number of the call with its arguments in hexadecimal, or -1 in no call.
std::optional<SystemCall> parse_call(Architecture architecture, std::string_view text) {
  long number = -1;
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  SystemCallArguments arguments{};
  const auto* const end = text.data() + text.size();
  for (auto& argument : arguments) {
    constexpr std::ptrdiff_t prefix = 3;  // " 0x"
    if (end - at <= prefix) return std::nullopt;
    const auto parsed = std::from_chars(at + prefix, end, argument, 16);
    if (parsed.ec != std::errc{}) return std::nullopt;
    at = parsed.ptr;
  }
  return system_call(architecture, number, arguments);
}

std::vector<NativeThread> read_threads(int pid, Architecture architecture, bool own_namespace) {
  std::vector<NativeThread> threads;
  try {
    Folder tasks(fmt::format("/proc/{}/task", pid));
    while (const char* const name = tasks.next()) {
      NativeThread thread;
      const std::string_view digits(name);
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), thread.lwp);
      if (error != std::errc{} || end != digits.data() + digits.size()) continue;
      try {
        thread.system_call = parse_call(
            architecture, read_proc_line_at(tasks.descriptor(), std::string(digits) + "/syscall"));
      } catch (const FileError& unreadable) {
        const auto number = unreadable.error_number();
        if (number == EPERM || number == EACCES) throw_for(pid, number);
        // A kernel without CONFIG_HAVE_ARCH_TRACEHOOK has no such file; a thread that has ended
        // neither has nor needs one.
        std::error_code gone;
        if (!fs::exists(fmt::format("/proc/{}/task/{}", pid, digits), gone)) continue;
        thread.system_call = Missing{unreadable.what()};
      }
      if (!own_namespace) thread.namespace_lwp = namespace_lwp(pid, thread.lwp);
      threads.push_back(std::move(thread));
    }
  } catch (const FileError& error) {
    throw_for(pid, error.error_number());
  }
  std::ranges::sort(threads, {}, &NativeThread::lwp);
  return threads;
}

/// By the header of the executable, which the kernel keeps even where its path is gone.
Architecture architecture_of(int pid) {
  const auto path = fmt::format("/proc/{}/exe", pid);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_for(pid, errno);
  std::array<std::byte, sizeof(Elf64_Ehdr)> header{};
  const auto got = ::pread(descriptor, header.data(), header.size(), 0);
  ::close(descriptor);
  const std::span bytes(header.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  // e_machine lies at the same place in both classes.
  const auto machine =
      load<std::uint16_t>(bytes, offsetof(Elf64_Ehdr, e_machine)).value_or(EM_NONE);
  const auto architecture = architecture_of_machine(machine);
  if (!architecture) {
    throw TargetError(fmt::format(
        "process {} is of another architecture; py-importlock reads x86-64, i386 and AArch64",
        pid));
  }
  return *architecture;
}

/// Refuses what has no memory to read, by state and flags in /proc/PID/stat (proc_pid_stat(5)).
void refuse_without_memory(int pid, std::string_view stat) {
  // The second field is the name, which may hold anything, in parentheses.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || stat.size() < name_end + 3) return;
  auto rest = stat.substr(name_end + 2);
  if (rest[0] == 'Z' || rest[0] == 'X') {
    throw TargetError(
        fmt::format("process {} has ended and waits for its parent to take note (a zombie)", pid));
  }
  for (int field = 3; field < 9; ++field) {
    rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  }
  unsigned flags = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), flags);
  constexpr unsigned kernel_thread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
  if ((flags & kernel_thread) != 0) {
    throw TargetError(fmt::format("process {} is a thread of the kernel", pid));
  }
}

}  // namespace

Target process_target(int pid, FileLookup files) {
  std::string status;
  try {
    status = read_proc_file(fmt::format("/proc/{}/status", pid));
  } catch (const FileError&) {
    throw TargetError(fmt::format("no process {}", pid));
  }
  const auto leader = status_field(status, "Tgid");
  std::from_chars(leader.data(), leader.data() + leader.size(), pid);
  refuse_without_memory(pid, read_of(pid, "stat"));

  Target target;
  target.mappings = parse_process_maps(read_of(pid, "maps"));
  std::error_code error;
  auto executable = fs::read_symlink(fmt::format("/proc/{}/exe", pid), error).string();
  if (error) throw_for(pid, error.value());
  constexpr std::string_view deleted = " (deleted)";
  if (executable.ends_with(deleted)) executable.resize(executable.size() - deleted.size());
  target.info = {TargetKind::process, pid, executable, std::nullopt};
  target.architecture = architecture_of(pid);
  // The root of its container, and this one's: the maps of a chrooted process show paths outside.
  files.roots.push_back(fmt::format("/proc/{}/root", pid));
  files.roots.emplace_back();
  files.working_directory = fmt::format("/proc/{}/cwd", pid);
  files.live_pid = pid;
  target.files = std::move(files);
  // One number: the process lives in our own pid namespace.
  const bool own_namespace =
      status_field(status, "NSpid").find_first_of(" \t") == std::string_view::npos;
  target.look_again = [pid, own_namespace](Target& self) {
    const auto start = cpu_time(pid);
    self.stood_still = [pid, start] { return start && cpu_time(pid) == start; };
    self.threads = read_threads(pid, self.architecture, own_namespace);
    self.memory = std::make_unique<CachedMemory>([pid](Address address, std::span<std::byte> into) {
      return read_remote(pid, address, into);
    });
  };
  target.look_again(target);
  return target;
}

}  // namespace importlock
