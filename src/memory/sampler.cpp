#include "memory/sampler.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <numbers>

#include "base/ref.h"
#include "base/ticks.h"
#include "memory/heap.h"
#include "memory/page_range.h"
#include "memory/sampled_frames.h"

namespace gill {

namespace {

inline constexpr int64_t kUncounted = int64_t{16} << 20;  // bytes until a thread that samples nothing looks again
inline constexpr uint32_t kMostBlocks = uint32_t{1} << 31;
inline constexpr uint64_t kLookEvery = 10'000'000;  // nanoseconds

enum SampleState : uint8_t { kUnused, kInUse, kKept };

struct Sample {
  SampleInfo info;
  void* block;
  uint64_t birth;
  uint32_t next;  // of its page, of its hash, or of those kept for the peak
  SampleState state;
};

struct Samples {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::atomic<size_t> interval = kDefaultSampleInterval;
  std::atomic<uint32_t> epoch = 1;
  NumberedPool<Sample> pool;
  SampledFrames frames;
  size_t total = 0;  // bytes that the samples in use stand for
  uint64_t births = 0;
  uint64_t last_birth_ticks = 0;
  SamplePeak peak = {};
  uint64_t peak_births = 0;  // samples up to this one were there
  uint32_t kept = 0;         // the first of those that were there and have died
  // The resident set as it was last seen.
  size_t resident = 0;
  size_t resident_total = 0;  // the sum then
  uint64_t resident_when = 0;
  ResidentPeak resident_peak = {};
};
constinit Samples g_samples;

// Malloc's blocks by address. A head that is 0 says, without the mutex, that a block is no sample: who frees a block knows of its allocation.
inline constexpr int kHeadBits = 13;
constinit std::atomic<uint32_t> g_native_heads[1 << kHeadBits];

std::atomic<uint32_t>& native_head(const void* block) {
  return g_native_heads[(reinterpret_cast<uintptr_t>(block) >> 4) * 0x9e3779b97f4a7c15u >> (64 - kHeadBits)];
}

class Guard {
 public:
  Guard() { pthread_mutex_lock(&g_samples.mutex); }
  Guard(const Guard&) = delete;
  ~Guard() { pthread_mutex_unlock(&g_samples.mutex); }
};

// ---- when ---------------------------------------------------------------------------------------------------

struct ThreadCountdown {
  int64_t left;  // bytes until the next sample
  uint32_t epoch;
  uint64_t random;
};
thread_local constinit ThreadCountdown t_countdown [[gnu::tls_model("initial-exec")]] = {0, 0, 0};

// -ln(n / 2^53) for n below 2^53, to six digits: calling the library's logarithm would map 200 KB of it into every process.
double negative_logarithm(uint64_t n) {
  const int width = std::bit_width(n);
  const double m = static_cast<double>(n) * std::bit_cast<double>(static_cast<uint64_t>(1023 - width) << 52);  // from 0.5 up to 1
  const double s = (1 - m) / (1 + m), s2 = s * s;
  return (53 - width) * std::numbers::ln2 + 2 * s * (1 + s2 * (1.0 / 3 + s2 * (1.0 / 5 + s2 * (1.0 / 7 + s2 / 9))));
}

// Exponentially distributed with mean 1.
double draw() {
  uint64_t& x = t_countdown.random;
  if (!x) x = (ticks() ^ reinterpret_cast<uintptr_t>(&x)) | 1;
  // xorshift64*
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  return negative_logarithm((x * 0x2545f4914f6cdd1du >> 11) | 1);
}

int64_t draw_bytes(size_t interval) { return static_cast<int64_t>(draw() * static_cast<double>(interval)); }

// The countdown has run out.
bool is_due(size_t size) {
  ThreadCountdown& countdown = t_countdown;
  const size_t interval = sample_interval();
  const bool is_valid = countdown.epoch == sample_epoch();
  countdown.epoch = sample_epoch();
  if (!interval) {
    countdown.left = kUncounted;
    return false;
  }
  countdown.left = draw_bytes(interval);
  if (is_valid) return true;
  countdown.left -= static_cast<int64_t>(size);
  if (countdown.left >= 0) return false;
  countdown.left = draw_bytes(interval);
  return true;
}

// What a sample of this size stands for: x / (1 - e^-x) intervals, as a series where x is small enough, for the same reason.
uint64_t weight_of(size_t size) {
  const auto interval = static_cast<double>(std::max<size_t>(sample_interval(), 1));
  const double x = static_cast<double>(size) / interval, x2 = x * x;
  return static_cast<uint64_t>(interval * (x < 0.5 ? 1 + x / 2 + x2 / 12 - x2 * x2 / 720 : x / -std::expm1(-x)));
}

// ---- what they were, and when the process was largest -----------------------------------------------------

size_t read_resident() {
  const int saved = errno;
  size_t pages = 0;
  if (const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); file >= 0) {
    char text[64];
    const ssize_t length = read(file, text, sizeof(text) - 1);
    close(file);
    text[std::max<ssize_t>(length, 0)] = 0;
    char* resident = text;
    std::strtoull(text, &resident, 10);
    pages = std::strtoull(resident, nullptr, 10);
  }
  errno = saved;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

uint64_t coarse_time() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

void look_at_resident() {
  Samples& self = g_samples;
  self.resident = read_resident();
  self.resident_total = self.total;
  if (self.resident > self.resident_peak.bytes) self.resident_peak = {self.resident, ticks()};
}

// Now and then, so that it costs a thousandth at most.
void look_at_resident_when_due() {
  Samples& self = g_samples;
  const uint64_t now = coarse_time();
  if (now - self.resident_when < kLookEvery && self.total <= self.resident_total + self.resident_total / 32) return;
  self.resident_when = now;
  look_at_resident();
}

// The second word of a block that may be an object.
const void* type_word(const Sample& sample) {
  auto* object = static_cast<const PyObject*>(sample.block);
  if (sample.info.is_collectable) return object->ob_type;
  if (sample.info.size < sizeof(PyObject)) return nullptr;
  const bool counted = (object->ob_refcnt >= 0 && object->ob_refcnt <= INT32_MAX) || object->ob_refcnt == kImmortalCount;
  return counted ? object->ob_type : nullptr;
}

// ---- birth and death, with the mutex held -------------------------------------------------------------------

// 0 when memory ran out. `object` is where the block's object would be.
uint32_t add_sample(void* object, size_t size, bool is_collectable) {
  Samples& self = g_samples;
  const uint32_t number = self.pool.take();
  if (!number) return 0;
  Sample& sample = self.pool[number];
  sample.block = object;
  sample.state = kInUse;
  sample.birth = ++self.births;
  SampleInfo& info = sample.info;
  info.size = size;
  info.weight = weight_of(size);
  info.thread_id = pthread_self();
  info.is_collectable = is_collectable;
  StackReader::Position stack[kSampleDepth];
  const int depth = self.frames.reader ? self.frames.reader->read(stack, kSampleDepth) : 0;
  for (int i = 0; i < depth; ++i) {
    const uint32_t frame = self.frames.enter(stack[i].code, stack[i].instruction);
    if (!frame) break;
    info.frames[info.depth++] = frame;
  }
  self.total += info.weight;
  self.last_birth_ticks = ticks();
  // By who has the interpreter's lock, so that no other thread sees the file.
  if (t_heap) look_at_resident_when_due();
  return number;
}

void release_frames(const SampleInfo& info) {
  for (int i = 0; i < info.depth; ++i) g_samples.frames.release(info.frames[i]);
}

void release_kept() {
  Samples& self = g_samples;
  while (const uint32_t number = self.kept) {
    self.kept = self.pool[number].next;
    release_frames(self.pool[number].info);
    self.pool.give(number);
  }
}

// The sum may be the largest that there was, since it only falls from here.
void note_peak() {
  Samples& self = g_samples;
  if (self.total <= self.peak.total) return;
  release_kept();
  self.peak = {self.last_birth_ticks, self.total, self.resident, t_heap ? t_heap->counters().pages : self.peak.heap_pages};
  self.peak_births = self.births;
}

// It is in no list any more. `type` is its block's type word.
void end_sample(uint32_t number, const void* type) {
  Samples& self = g_samples;
  note_peak();
  Sample& sample = self.pool[number];
  self.total -= sample.info.weight;
  if (sample.birth > self.peak_births) {
    release_frames(sample.info);
    self.pool.give(number);
    return;
  }
  sample.info.type = type;
  sample.state = kKept;
  sample.next = self.kept;
  self.kept = number;
}

void end_sample(uint32_t number) { end_sample(number, type_word(g_samples.pool[number])); }

void forget_peak() {
  release_kept();
  g_samples.peak = {};
  g_samples.peak_births = 0;
}

// Whether the block is in use now, or was at the peak.
bool is_wanted(const Sample& sample, bool now) {
  return now ? sample.state == kInUse : sample.state != kUnused && sample.birth <= g_samples.peak_births;
}

void add_native_sample(void* block, size_t size) {
  Guard guard;
  const uint32_t number = add_sample(block, size, false);
  if (!number) return;
  std::atomic<uint32_t>& head = native_head(block);
  g_samples.pool[number].next = head.load(std::memory_order_relaxed);
  head.store(number, std::memory_order_relaxed);
}

// Takes the block's sample out of the table; 0 when it has none.
uint32_t take_native_sample(void* block) {
  Samples& self = g_samples;
  std::atomic<uint32_t>& head = native_head(block);
  uint32_t number = head.load(std::memory_order_relaxed), previous = 0;
  while (number && self.pool[number].block != block) {
    previous = number;
    number = self.pool[number].next;
  }
  if (!number) return 0;
  const uint32_t next = self.pool[number].next;
  if (previous) self.pool[previous].next = next;
  else head.store(next, std::memory_order_relaxed);
  return number;
}

[[gnu::noinline]] void drop_native_sample(void* block) {
  Guard guard;
  if (const uint32_t number = take_native_sample(block)) end_sample(number);
}

bool may_be_sample(const void* block) { return native_head(block).load(std::memory_order_relaxed) != 0; }

void* counted(void* block, size_t size) {
  if (block && is_sample_due(size)) [[unlikely]] add_native_sample(block, size);
  return block;
}

uint16_t sampled_bit(const Page* page, const void* slot) { return static_cast<uint16_t>(1u << (page->index_of(slot) % 16)); }

// Takes all samples away.
void clear_samples() {
  Samples& self = g_samples;
  for (uint32_t number = 1; number < self.pool.end(); ++number) {
    Sample& sample = self.pool[number];
    if (sample.state != kInUse) continue;
    if (g_heap_range.contains(sample.block)) {
      Page* page = Page::of(sample.block);
      page->first_sample = page->sampled = 0;
      page->heap->use_magazine(page, true);
    } else {
      take_native_sample(sample.block);
    }
    release_frames(sample.info);
    self.pool.give(number);
  }
  self.total = 0;
  forget_peak();
}

}  // namespace

void set_stack_reader(const StackReader* reader) {
  Guard guard;
  g_samples.frames.reader = reader;
}

size_t sample_interval() { return g_samples.interval.load(std::memory_order_relaxed); }
uint32_t sample_epoch() { return g_samples.epoch.load(std::memory_order_relaxed); }

void set_sample_interval(size_t bytes) {
  Guard guard;
  g_samples.interval.store(bytes, std::memory_order_relaxed);
  g_samples.epoch.store(sample_epoch() + 1, std::memory_order_relaxed);
  t_countdown.left = 0;
  if (t_heap) t_heap->count_anew();
  if (!bytes) clear_samples();
}

uint32_t draw_blocks_until_sample(size_t size) {
  const size_t interval = sample_interval();
  if (!interval) return kMostBlocks;
  return static_cast<uint32_t>(std::min(draw() * static_cast<double>(interval) / static_cast<double>(size), static_cast<double>(kMostBlocks)));
}

bool is_sample_due(size_t size) {
  t_countdown.left -= static_cast<int64_t>(size);
  return t_countdown.left < 0 && is_due(size);
}

void sample_slot(Page* page, void* slot, size_t size) {
  Guard guard;
  const uint32_t number = add_sample(static_cast<char*>(slot) + prefix_of(page->kind), size, page->kind != Kind::plain);
  if (!number) return;
  g_samples.pool[number].next = page->first_sample;
  page->first_sample = number;
  page->sampled |= sampled_bit(page, slot);
  page->heap->use_magazine(page, false);
}

void drop_slot_sample(Page* page, void* slot) {
  Guard guard;
  Samples& self = g_samples;
  const void* object = static_cast<char*>(slot) + prefix_of(page->kind);
  uint32_t number = page->first_sample, previous = 0;
  while (number && self.pool[number].block != object) {
    previous = number;
    number = self.pool[number].next;
  }
  if (!number) return;
  const uint32_t next = self.pool[number].next;
  (previous ? self.pool[previous].next : page->first_sample) = next;
  page->sampled = 0;
  for (uint32_t other = page->first_sample; other; other = self.pool[other].next) page->sampled |= sampled_bit(page, self.pool[other].block);
  if (!page->first_sample) page->heap->use_magazine(page, true);
  end_sample(number);
}

void* native_malloc(size_t size) {
  // The widest alignment makes a little more of the most that one may ask for.
  if (size > PTRDIFF_MAX) return nullptr;
  return counted(request_memory([=] { return std::malloc(size ? size : 1); }), size);
}
void* native_calloc(size_t count, size_t size) {
  return counted(request_memory([=] { return count && size ? std::calloc(count, size) : std::calloc(1, 1); }), count * size);
}
void* native_realloc(void* block, size_t size) {
  auto resized = [=] { return request_memory([=] { return std::realloc(block, size ? size : 1); }); };
  if (!block || !may_be_sample(block)) [[likely]] return counted(resized(), size);
  void* moved;
  {
    // Before the address can be another thread's.
    Guard guard;
    const uint32_t number = take_native_sample(block);
    // The block may be too short for a type word afterwards.
    const void* type = number ? type_word(g_samples.pool[number]) : nullptr;
    moved = resized();
    if (number && moved) {
      end_sample(number, type);
    } else if (number) {
      std::atomic<uint32_t>& head = native_head(block);
      g_samples.pool[number].next = head.load(std::memory_order_relaxed);
      head.store(number, std::memory_order_relaxed);
    }
  }
  return counted(moved, size);
}
void native_free(void* block) {
  if (may_be_sample(block)) [[unlikely]] drop_native_sample(block);
  std::free(block);
}

void forget_sampled_code(PyCodeObject* code) {
  Guard guard;
  g_samples.frames.forget(code);
}

void hold_samples_for_fork() { pthread_mutex_lock(&g_samples.mutex); }
void let_samples_go_after_fork(bool in_child) {
  if (in_child) {
    // The child's peak is its own.
    forget_peak();
    g_samples.resident_peak = {};
    g_samples.resident_when = 0;
  }
  pthread_mutex_unlock(&g_samples.mutex);
}

SampleCopy::SampleCopy(Moment moment) {
  Guard guard;
  Samples& self = g_samples;
  if (moment == kPeak) {
    look_at_resident();
    note_peak();
    peak_ = self.peak;
  }
  samples_ = static_cast<SampleInfo*>(std::malloc((self.pool.end() + 1) * sizeof(SampleInfo)));
  if (!samples_) return;
  for (uint32_t number = 1; number < self.pool.end(); ++number) {
    Sample& sample = self.pool[number];
    if (!is_wanted(sample, moment == kNow)) continue;
    SampleInfo& copy = samples_[count_++] = sample.info;
    if (sample.state == kInUse) copy.type = type_word(sample);
    for (int i = 0; i < copy.depth; ++i) self.frames.retain(copy.frames[i]);
  }
}

int sum_samples(SampleCopy::Moment moment, SampledSum* out, int most) {
  Samples& self = g_samples;
  if (pthread_mutex_trylock(&self.mutex) != 0) return 0;
  const bool is_now = moment == SampleCopy::kNow || self.total > self.peak.total;
  self.frames.clear_sums();
  for (uint32_t number = 1; number < self.pool.end(); ++number) {
    const Sample& sample = self.pool[number];
    if (sample.info.depth && is_wanted(sample, is_now)) self.frames.add(sample.info.frames[0], sample.info.weight);
  }
  int count = 0;
  for (; count < most; ++count) {
    const uint32_t frame = self.frames.take_largest(out[count].bytes);
    if (!frame) break;
    out[count].place = {};
    self.frames.describe(frame, out[count].place);
  }
  pthread_mutex_unlock(&self.mutex);
  return count;
}

SampleCopy::~SampleCopy() {
  Guard guard;
  for (size_t i = 0; i < count_; ++i) release_frames(samples_[i]);
  std::free(samples_);
}

void describe_sampled_frame(uint32_t frame, Place& place) {
  Guard guard;
  g_samples.frames.describe(frame, place);
}

ResidentPeak resident_peak() {
  Guard guard;
  look_at_resident();
  return g_samples.resident_peak;
}

}  // namespace gill
