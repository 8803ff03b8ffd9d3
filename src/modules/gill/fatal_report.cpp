#include "modules/gill/fatal_report.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "lock/thread_record.h"
#include "memory/collector.h"
#include "memory/heap.h"
#include "memory/page_range.h"
#include "memory/pauses.h"
#include "memory/sampler.h"
#include "modules/gill/native_stack.h"
#include "objects/place.h"
#include "runtime/runtime.h"

namespace gill {
namespace {

inline constexpr int kMostFrames = 100;
inline constexpr int kMostLines = 10;  // of those that hold most memory

// Writes nested values, as JSON or as indented lines. It allocates nothing.
class Writer {
 public:
  Writer(int fd, bool json) : fd_(fd), json_(json) {}
  ~Writer() { flush(); }

  void begin(const char* key, char bracket) {
    lead(key);
    if (json_) put("%c", bracket);
    else put("%s", key ? "\n" : "-\n");
    first_ = true;
    ++depth_;
  }
  void end(char bracket) {
    --depth_;
    if (json_) put("%c", bracket);
    first_ = false;
  }
  void number(const char* key, uint64_t value) {
    lead(key);
    put(json_ ? "%llu" : "%llu\n", static_cast<unsigned long long>(value));
  }
  void text(const char* key, const char* value) {
    lead(key);
    if (!json_) return put("%s\n", value);
    put("%s", "\"");
    for (; *value; ++value) {
      auto c = static_cast<unsigned char>(*value);
      if (c == '"' || c == '\\') put("\\%c", c);
      else if (c < ' ') put("\\u%04x", c);
      else put("%c", c);
    }
    put("%s", "\"");
  }
  void finish() {
    put("%s", "\n");
    flush();
  }

 private:
  void lead(const char* key) {
    if (json_) {
      if (!first_) put("%s", ", ");
      if (key) put("\"%s\": ", key);
    } else {
      put("%*s", 2 * depth_, "");
      if (key) put("%s: ", key);
    }
    first_ = false;
  }
  [[gnu::format(printf, 2, 3)]] void put(const char* format, ...) {
    if (sizeof(buffer_) - used_ < kRoom) flush();
    va_list arguments;
    va_start(arguments, format);
    int count = std::vsnprintf(buffer_ + used_, sizeof(buffer_) - used_, format, arguments);
    va_end(arguments);
    if (count > 0) used_ += std::min(static_cast<size_t>(count), sizeof(buffer_) - used_ - 1);
  }
  void flush() {
    const char* at = buffer_;
    while (used_ > 0) {
      ssize_t written = ::write(fd_, at, used_);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;
      at += written;
      used_ -= static_cast<size_t>(written);
    }
    used_ = 0;
  }

  static constexpr size_t kRoom = 1024;  // for one value
  int fd_;
  bool json_;
  bool first_ = true;
  int depth_ = 0;
  size_t used_ = 0;
  char buffer_[4096];
};

void write_place(Writer& out, const char* key, const Place& place) {
  if (!place.known()) return;
  char text[256];
  std::snprintf(text, sizeof(text), "%s:%d in %s", place.file, place.line, place.function);
  out.text(key, text);
}

void write_python_stack(Writer& out, ThreadState* thread) {
  if (!thread || !thread->cframe) return;
  out.begin("python_stack", '[');
  int depth = 0;
  for (const Frame* frame = thread->cframe->current_frame; frame && depth < kMostFrames; frame = frame->previous) {
    if (is_incomplete(frame)) continue;
    Place place = {};
    describe_frame(frame, place);
    write_place(out, nullptr, place);
    ++depth;
  }
  out.end(']');
}

void write_native_stack(Writer& out) {
  NativeStack stack;
  stack.capture();
  out.begin("native_stack", '[');
  for (int i = 0; i < stack.count; ++i) {
    char text[512];
    format_address(stack.addresses[i], text, sizeof(text));
    out.text(nullptr, text);
  }
  out.end(']');
}

void write_threads(Writer& out) {
  constexpr const char* kStateNames[] = {"ended", "native", "waiting", "holding"};
  out.begin("threads", '[');
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) {
    if (!record->taken.load(std::memory_order_acquire)) continue;
    out.begin(nullptr, '{');
    out.number("thread_id", record->thread_id);
    out.number("native_id", static_cast<uint64_t>(record->native_id));
    out.text("state", kStateNames[static_cast<int>(record->state.load())]);
    out.number("in_state", nanoseconds_of(ticks_between(record->since, ticks())));
    out.number("held", nanoseconds_of(record->held));
    out.number("waited", nanoseconds_of(record->waited));
    out.number("native", nanoseconds_of(record->outside));
    out.number("acquisitions", record->acquisitions);
    out.number("contended", record->contended);
    out.number("forced", record->forced);
    out.number("voluntary", record->voluntary);
    Obstacle longest;
    if (record->longest_obstacle.read(longest) && longest.waited) {
      out.begin("longest_wait", '{');
      out.number("waited", nanoseconds_of(longest.waited));
      out.number("holder", longest.thread_id);
      write_place(out, "place", longest.place);
      out.end('}');
    }
    out.end('}');
  }
  out.end(']');
}

// Lines "Name:   123 kB" of /proc/self/status.
void write_status(Writer& out) {
  constexpr struct {
    const char *line, *key;
  } kWanted[] = {{"VmRSS:", "rss"}, {"VmSize:", "vms"}, {"VmHWM:", "high_water_mark"}};
  char buffer[8192];
  int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t size = read(file, buffer, sizeof(buffer) - 1);
  close(file);
  buffer[size > 0 ? size : 0] = 0;
  for (const auto& wanted : kWanted) {
    if (const char* at = std::strstr(buffer, wanted.line)) out.number(wanted.key, std::strtoull(at + std::strlen(wanted.line), nullptr, 10) * 1024);
  }
}

void write_samples(Writer& out, const char* key, SampleCopy::Moment moment) {
  SampledSum sums[kMostLines];
  const int count = sum_samples(moment, sums, kMostLines);
  out.begin(key, '[');
  for (int i = 0; i < count; ++i) {
    out.begin(nullptr, '{');
    out.number("bytes", sums[i].bytes);
    write_place(out, "place", sums[i].place);
    out.end('}');
  }
  out.end(']');
}

void write_memory(Writer& out) {
  out.begin("memory", '{');
  write_status(out);
  if (const Heap* heap = g_runtime.main_heap) {
    out.number("heap_pages", heap->counters().pages * kPageSize);
    out.number("heap_pages_peak", heap->counters().peak_pages * kPageSize);
  }
  out.end('}');
  write_samples(out, "top", SampleCopy::kNow);
  write_samples(out, "peak", SampleCopy::kPeak);
}

void write_collector(Writer& out) {
  const Interpreter* interpreter = g_runtime.main_interpreter;
  if (!interpreter || !interpreter->collector) return;
  const PauseLog& log = *interpreter->collector->pauses;
  out.begin("gc", '{');
  out.number("count", log.count);
  out.number("total", nanoseconds_of(log.total));
  out.number("longest", nanoseconds_of(log.longest));
  out.end('}');
}

void write_report(int fd, bool json, const FatalAction& action) {
  Writer out(fd, json);
  out.begin(nullptr, '{');
  out.number("pid", static_cast<uint64_t>(getpid()));
  out.text("ended", action.text);
  auto* thread = static_cast<ThreadState*>(PyGILState_GetThisThreadState());
  write_python_stack(out, thread);
  write_native_stack(out);
  write_threads(out);
  write_memory(out);
  write_collector(out);
  out.end('}');
  out.finish();
}

// "name.json" becomes "name.PID.json" in a forked child.
int open_target(const ExitReport* report) {
  char path[sizeof(report->path) + 32];
  if (getpid() == report->pid) {
    std::snprintf(path, sizeof(path), "%s", report->path);
  } else {
    const char* slash = std::strrchr(report->path, '/');
    const char* dot = std::strrchr(slash ? slash : report->path, '.');
    const size_t root = dot && dot != slash + 1 ? static_cast<size_t>(dot - report->path) : std::strlen(report->path);
    std::snprintf(path, sizeof(path), "%.*s.%d%s", static_cast<int>(root), report->path, static_cast<int>(getpid()), report->path + root);
  }
  return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

void on_fatal_signal(int number) {
  ExitReport* report = g_runtime.exit_report;
  for (FatalAction& action : report->actions) {
    if (action.number != number) continue;
    // What goes wrong from here on ends the process at once.
    for (FatalAction& each : report->actions) {
      if (each.installed) sigaction(each.number, &each.previous, nullptr);
    }
    if (report->written_by.exchange(getpid()) != getpid()) {
      const int fd = report->path[0] ? open_target(report) : STDERR_FILENO;
      if (fd >= 0) write_report(fd, report->path[0] != 0, action);
    }
    // It is delivered again when this handler returns.
    ::raise(number);
    return;
  }
}

// A stack for the handler, so that an overflow of the thread's own can be reported.
void make_signal_stack() {
  stack_t current;
  if (sigaltstack(nullptr, &current) != 0 || !(current.ss_flags & SS_DISABLE)) return;
  stack_t stack = {};
  stack.ss_size = static_cast<size_t>(std::max<unsigned long>(SIGSTKSZ, getauxval(AT_MINSIGSTKSZ))) + (size_t{64} << 10);
  stack.ss_sp = std::malloc(stack.ss_size);
  if (stack.ss_sp && sigaltstack(&stack, nullptr) != 0) std::free(stack.ss_sp);
}

}  // namespace

void handle_fatal_signals(ExitReport* report) {
  make_signal_stack();
  // The first unwinding may allocate.
  NativeStack warm;
  warm.capture();
  for (FatalAction& action : report->actions) {
    if (sigaction(action.number, nullptr, &action.previous) != 0) continue;
    const bool is_crash = action.number == SIGSEGV || action.number == SIGBUS || action.number == SIGFPE || action.number == SIGILL || action.number == SIGABRT;
    // A handler of faulthandler's is called afterwards; a program's own or an ignored signal is left alone.
    if (action.previous.sa_handler != SIG_DFL && !(is_crash && action.previous.sa_handler != SIG_IGN)) continue;
    struct sigaction own = {};
    own.sa_handler = on_fatal_signal;
    own.sa_flags = SA_ONSTACK;
    sigemptyset(&own.sa_mask);
    action.installed = sigaction(action.number, &own, nullptr) == 0;
  }
}

}  // namespace gill
