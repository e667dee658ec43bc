#include "target/process_target.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <unordered_map>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "target/layered_memory.hpp"
#include "target/own_proc.hpp"
#include "target/permission.hpp"
#include "target/pid_namespace.hpp"
#include "target/proc_file.hpp"
#include "target/system_call.hpp"

namespace importlock {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_for(int pid, int error_number) {
  throw TargetError(why_not_read(pid, error_number));
}

/// A file of /proc/PID. Throws TargetError.
std::string read_of(int pid, std::string_view name) {
  try {
    return read_proc_file(fmt::format("/proc/{}/{}", pid, name));
  } catch (const FileError& error) {
    throw_for(pid, error.error_number());
  }
}

/// By one of its threads.
bool read_remote(int pid, Lwp lwp, Address address, std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address.value()), into.size()};
  const auto got = ::process_vm_readv(lwp, &local, 1, &remote, 1, 0);
  if (got >= 0 && static_cast<std::size_t>(got) == into.size()) return true;
  if (got >= 0 || errno == EFAULT || errno == EINVAL) return false;
  throw_for(pid, errno);
}

/// The text of /proc/PID/task/TID/syscall (fs/proc/base.c, proc_pid_syscall): "running", or the
/// number of the call with its arguments in hexadecimal, or -1 in no call.
Known<std::optional<SystemCall>> parse_call(Architecture architecture, std::string_view text) {
  if (text.starts_with("running")) return std::optional<SystemCall>();
  long number = -1;
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return Missing{"the kernel does not tell its system call"};
  if (number < 0) return std::optional<SystemCall>();
  SystemCallArguments arguments{};
  const auto* const end = text.data() + text.size();
  for (auto& argument : arguments) {
    constexpr std::ptrdiff_t prefix = 3;  // " 0x"
    if (end - at <= prefix) return Missing{"the arguments of its system call are cut short"};
    const auto parsed = std::from_chars(at + prefix, end, argument, 16);
    if (parsed.ec != std::errc{}) return Missing{"the arguments of its system call are no numbers"};
    at = parsed.ptr;
  }
  return std::optional(system_call(architecture, number, arguments));
}

/// The ids of the threads in a folder `task`, and whether they are all. Where a thread ends while
/// they are listed, the kernel may pass over another (fs/proc/base.c, first_tid).
struct ThreadIds {
  std::vector<Lwp> lwps;
  bool all = false;
};

/// How many threads there are: of each the folder has one link, and two of its own
/// (fs/proc/base.c, proc_task_getattr). Nothing where that cannot be told.
std::optional<std::size_t> number_of_threads(const ProcFolder& tasks) {
  struct stat status {};
  if (::fstat(tasks.descriptor(), &status) != 0 || status.st_nlink < 2) return std::nullopt;
  return static_cast<std::size_t>(status.st_nlink - 2);
}

ThreadIds thread_ids(ProcFolder& tasks) {
  constexpr int most_tries = 3;
  ThreadIds found;
  for (int number = 0; number < most_tries && !found.all; ++number) {
    found.lwps = tasks.ids();
    const auto threads = number_of_threads(tasks);
    found.all = threads && found.lwps.size() >= *threads;
  }
  return found;
}

/// The files /proc/PID/task/LWP/syscall that are open, by LWP: as many as leave enough descriptors
/// for all else.
class CallFiles {
 public:
  CallFiles() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) most_ = limit.rlim_cur / 2;
  }

  /// The text of one, which is opened in the folder `tasks` where it is not yet. Throws FileError.
  std::string read(Lwp lwp, int tasks) {
    if (const auto found = files_.find(lwp); found != files_.end()) return found->second.line();
    ProcFile file(tasks, fmt::format("{}/syscall", lwp));
    auto text = file.line();
    if (files_.size() < most_) files_.emplace(lwp, std::move(file));
    return text;
  }

 private:
  std::size_t most_ = 0;
  std::unordered_map<Lwp, ProcFile> files_;
};

/// Nothing of a thread that has ended.
std::optional<NativeThread> read_thread(int pid, Lwp lwp, Architecture architecture, int tasks,
                                        CallFiles& calls) {
  NativeThread thread;
  thread.lwp = lwp;
  try {
    // That of the main thread stays until all have ended.
    if (lwp == pid && has_ended(read_proc_line_at(tasks, fmt::format("{}/stat", lwp)))) {
      return std::nullopt;
    }
    thread.system_call = parse_call(architecture, calls.read(lwp, tasks));
  } catch (const FileError& error) {
    const auto number = error.error_number();
    if (number == EPERM || number == EACCES || error.shortage()) throw;
    // A kernel without CONFIG_HAVE_ARCH_TRACEHOOK has no such file; a thread that has ended neither
    // has nor needs one.
    struct stat status {};
    if (::fstatat(tasks, fmt::format("{}", lwp).c_str(), &status, 0) != 0) {
      if (!FileError::is_none(errno)) throw FileError(fmt::format("thread {}", lwp), errno);
      return std::nullopt;
    }
    thread.system_call = Missing{error.what()};
  }
  return thread;
}

/// Reads the threads of the process anew; a problem says where some may be missing.
void read_threads(Target& target, int pid, bool own_namespace, CallFiles& calls) {
  target.threads.clear();
  target.problems.clear();
  try {
    ProcFolder tasks(fmt::format("/proc/{}/task", pid));
    const auto found = thread_ids(tasks);
    for (const auto lwp : found.lwps) {
      auto thread = read_thread(pid, lwp, target.architecture, tasks.descriptor(), calls);
      if (!thread) continue;
      if (!own_namespace) thread->namespace_lwp = namespace_lwp(pid, lwp);
      target.threads.push_back(std::move(*thread));
    }
    target.all_threads = found.all;
  } catch (const FileError& error) {
    throw_for(pid, error.error_number());
  }
  // As long as it lives, it has one.
  if (target.threads.empty() && target.all_threads) throw_for(pid, ESRCH);
  if (target.threads.empty()) {
    throw TargetError(
        fmt::format("process {} cannot be read: /proc lists none of its threads", pid));
  }
  if (!target.all_threads) {
    target.problems.emplace_back(
        "threads ended while they were listed, so that some may be missing; look again, or look "
        "with gdb, which stops the process");
  }
}

/// The time that all threads of a process, also those that have ended, have spent on a CPU, in
/// nanoseconds (clock_getcpuclockid(3)). That of a thread which still runs is as of the timer's
/// last tick. Nothing where the kernel does not tell.
std::optional<std::uint64_t> cpu_time(int pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  constexpr std::uint64_t second = 1'000'000'000;
  return static_cast<std::uint64_t>(time.tv_sec) * second +
         static_cast<std::uint64_t>(time.tv_nsec);
}

/// Whether all threads waited when they were read, still do, and are all that there are. What a
/// thread has run shows in the clock when it waits again (kernel/sched/fair.c, update_curr), so
/// where that has not moved from before the first to after the last of these none has run.
bool all_still_wait(int pid, Architecture architecture, const std::vector<NativeThread>& threads,
                    CallFiles& calls) {
  try {
    const ProcFolder tasks(fmt::format("/proc/{}/task", pid));
    const auto still_waits = [&](const NativeThread& thread) {
      if (!thread.system_call || !*thread.system_call) return false;
      const auto call = parse_call(architecture, calls.read(thread.lwp, tasks.descriptor()));
      return call && *call == *thread.system_call;
    };
    return std::ranges::all_of(threads, still_waits) && number_of_threads(tasks) == threads.size();
  } catch (const FileError&) {
    return false;
  }
}

/// By the header of the executable, which the kernel keeps even where its path is gone.
Architecture architecture_of(int pid) {
  const auto path = fmt::format("/proc/{}/exe", pid);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_for(pid, errno);
  std::array<std::byte, sizeof(Elf64_Ehdr)> header{};
  const auto got = ::pread(descriptor, header.data(), header.size(), 0);
  const int error_number = errno;
  ::close(descriptor);
  if (got < 0) throw_for(pid, error_number);
  const std::span bytes(header.data(), static_cast<std::size_t>(got));
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

/// By its flags in /proc/PID/stat (proc_pid_stat(5)).
bool is_kernel_thread(std::string_view stat) {
  // The second field is the name, which may hold anything, in parentheses.
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || stat.size() < name_end + 3) return false;
  auto rest = stat.substr(name_end + 2);
  for (int field = 3; field < 9; ++field) {
    rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  }
  unsigned flags = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), flags);
  constexpr unsigned kernel_thread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
  return (flags & kernel_thread) != 0;
}

/// The thread by which it is read. Refuses what has no memory.
Lwp reader_of(int pid) {
  const auto stat = read_of(pid, "stat");
  if (is_kernel_thread(stat)) {
    throw TargetError(fmt::format("process {} is a thread of the kernel", pid));
  }
  if (!has_ended(stat)) return pid;
  try {
    if (const auto lwp = living_thread(pid)) return *lwp;
  } catch (const FileError& error) {
    throw_for(pid, error.error_number());
  }
  throw TargetError(
      fmt::format("process {} has ended and waits for its parent to take note (a zombie)", pid));
}

std::string read_status(int pid) {
  try {
    return read_proc_file(fmt::format("/proc/{}/status", pid));
  } catch (const FileError& error) {
    throw TargetError(why_no_process(pid, error.error_number()));
  }
}

}  // namespace

Target process_target(int pid, FileLookup files) {
  require_own_proc();
  const auto status = read_status(pid);
  const auto leader = status_field(status, "Tgid");
  std::from_chars(leader.data(), leader.data() + leader.size(), pid);
  const auto reader = reader_of(pid);

  Target target;
  target.mappings = parse_process_maps(read_of(reader, "maps"));
  std::error_code error;
  auto executable = fs::read_symlink(fmt::format("/proc/{}/exe", reader), error).string();
  if (error) throw_for(pid, error.value());
  constexpr std::string_view deleted = " (deleted)";
  if (executable.ends_with(deleted)) executable.resize(executable.size() - deleted.size());
  target.info = {TargetKind::process, pid, executable, std::nullopt};
  target.architecture = architecture_of(reader);
  // The root of its container, and this one's: the maps of a chrooted process show paths outside.
  files.roots.push_back(fmt::format("/proc/{}/root", reader));
  files.roots.emplace_back();
  files.working_directory = fmt::format("/proc/{}/cwd", reader);
  files.live_pid = reader;
  target.files = std::move(files);
  // One number: the process lives in our own pid namespace.
  const bool own_namespace =
      status_field(status, "NSpid").find_first_of(" \t") == std::string_view::npos;
  target.look_again = [pid, own_namespace](Target& self) {
    const auto start = cpu_time(pid);
    const auto calls = std::make_shared<CallFiles>();
    self.stood_still = [pid, start, calls](const Target& look) {
      return start && all_still_wait(pid, look.architecture, look.threads, *calls) &&
             cpu_time(pid) == start;
    };
    read_threads(self, pid, own_namespace, *calls);
    // Of a main thread that has ended the kernel keeps no memory.
    const bool main_lives =
        std::ranges::find(self.threads, pid, &NativeThread::lwp) != self.threads.end();
    const auto lwp = main_lives ? pid : self.threads.front().lwp;
    self.memory =
        std::make_unique<CachedMemory>([pid, lwp](Address address, std::span<std::byte> into) {
          return read_remote(pid, lwp, address, into);
        });
  };
  target.look_again(target);
  return target;
}

}  // namespace importlock
