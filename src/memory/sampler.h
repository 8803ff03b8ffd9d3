// Which Python code allocated the memory that is in use, known from samples.
//
// Of all bytes that are allocated, one in `interval` on average is picked at random, and the block that it lies in is a sample, with
// the Python stack that asked for it. A block of s bytes so is one with the probability 1 - exp(-s / interval), whatever else happens, and
// stands for s / (1 - exp(-s / interval)) bytes: sums over the samples in use estimate, without bias, what all blocks hold.
//
// Counting down costs next to nothing because the number of blocks until the next sample is drawn beforehand. For the slots of a
// size class it stands beside the number of slots in the magazine, and goes down in the same subtraction; where a class has no magazine, a
// cursor hands out only those before the sampled one. Blocks of malloc's are counted in bytes by each thread.
//
// A page with samples has no magazine, so that its slots are freed the slow way, and the head of a list of them. For malloc's blocks there
// is a hash table.
//
// The peak is exact as far as samples tell: the sum can only have been largest when a sample dies. If it never was as large before, that is
// the new peak; samples that are in use then are kept when they die, until a later peak.
//
// All of it belongs to the process. A mutex guards the samples, because raw memory is used without the interpreter's lock.
#pragma once

#include <Python.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/place.h"

namespace gill {

struct Page;

inline constexpr size_t kDefaultSampleInterval = size_t{512} << 10;
inline constexpr size_t kLeastSampleInterval = size_t{1} << 10;
inline constexpr size_t kMostSampleInterval = size_t{1} << 30;
inline constexpr int kSampleDepth = 20;

// What a floor that knows frames can say about them. Neither function allocates.
struct StackReader {
  struct Position {
    PyCodeObject* code;  // alive, since it runs
    int instruction;
  };
  // The stack of this thread, the innermost first; how many were written, 0 without the interpreter's lock.
  int (*read)(Position* out, int most);
  void (*describe)(PyCodeObject* code, int instruction, Place& place);
};
void set_stack_reader(const StackReader* reader);

// The average number of bytes from one sample to the next; 0: nothing is sampled.
size_t sample_interval();
// Samples stay when another interval is set, and go when it is 0. Other threads' raw memory and other interpreters' slots follow later. Needs the interpreter's lock.
void set_sample_interval(size_t bytes);
// Changes with the interval: what was drawn before is void.
uint32_t sample_epoch();
// Of blocks of this size, how many are allocated before the next that is a sample.
uint32_t draw_blocks_until_sample(size_t size);

// `slot` becomes a sample. The interpreter's lock is held, as in drop_slot_sample().
void sample_slot(Page* page, void* slot, size_t size);
// The slot is freed; it may be no sample, but its page has some.
void drop_slot_sample(Page* page, void* slot);
// Whether a block of this size, which is counted by it, is to be a sample.
bool is_sample_due(size_t size);

// malloc and its like, with samples. They need no lock.
void* native_malloc(size_t size);
void* native_calloc(size_t count, size_t size);
void* native_realloc(void* block, size_t size);
void native_free(void* block);

// A code object goes.
void forget_sampled_code(PyCodeObject* code);

void hold_samples_for_fork();
void let_samples_go_after_fork(bool in_child);

// ---- for those who ask ------------------------------------------------------------------------------------

struct SampleInfo {
  size_t size;
  uint64_t weight;   // bytes that it stands for
  uint64_t thread_id;
  const void* type;  // what the block's second word was, where it may be an object; else null
  bool is_collectable;
  uint16_t depth;
  uint32_t frames[kSampleDepth];  // the innermost first
};
struct SamplePeak {
  uint64_t ticks;     // when it was
  size_t total;       // estimated bytes
  size_t resident;    // of the process, about then
  size_t heap_pages;  // of the interpreter whose thread was there
};

// A copy of the samples that are in use, or were at the peak. Their frames can be described as long as it lives.
class SampleCopy {
 public:
  enum Moment { kNow, kPeak };
  explicit SampleCopy(Moment moment);
  SampleCopy(const SampleCopy&) = delete;
  ~SampleCopy();

  bool out_of_memory() const { return !samples_; }
  size_t count() const { return count_; }
  const SampleInfo& operator[](size_t i) const { return samples_[i]; }
  const SamplePeak& peak() const { return peak_; }

 private:
  SampleInfo* samples_;
  size_t count_ = 0;
  SamplePeak peak_ = {};
};
void describe_sampled_frame(uint32_t frame, Place& place);
// For a signal handler: the instructions that hold most; how many were written. It allocates nothing, and waits for no mutex.
struct SampledSum {
  Place place;
  size_t bytes;
};
int sum_samples(SampleCopy::Moment moment, SampledSum* out, int most);

// The largest resident set that was seen while samples were taken, and when.
struct ResidentPeak {
  size_t bytes;
  uint64_t ticks;
};
ResidentPeak resident_peak();

}  // namespace gill
