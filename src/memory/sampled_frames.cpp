#include "memory/sampled_frames.h"

#include <cstring>

namespace gill {

uint32_t SampledFrames::enter_code(PyCodeObject* object) {
  uint32_t& head = head_of(object);
  for (uint32_t code = head; code; code = codes_[code].next) {
    if (codes_[code].object == object) return code;
  }
  const uint32_t code = codes_.take();
  if (!code) return 0;
  codes_[code].object = object;
  codes_[code].next = head;
  return head = code;
}

uint32_t SampledFrames::enter(PyCodeObject* object, int instruction) {
  const uint32_t code = enter_code(object);
  if (!code) return 0;
  for (uint32_t frame = codes_[code].first_frame; frame; frame = frames_[frame].next) {
    if (frames_[frame].instruction != instruction) continue;
    ++frames_[frame].uses;
    return frame;
  }
  const uint32_t frame = frames_.take();
  if (!frame) return 0;
  frames_[frame] = {code, instruction, 0, 1, codes_[code].first_frame, 0};
  return codes_[code].first_frame = frame;
}

void SampledFrames::release(uint32_t frame) {
  if (--frames_[frame].uses == 0 && !codes_[frames_[frame].code].object) drop(frame);
}

// Of a code object that is gone.
void SampledFrames::drop(uint32_t frame) {
  const uint32_t code = frames_[frame].code;
  uint32_t* link = &codes_[code].first_frame;
  while (*link != frame) link = &frames_[*link].next;
  *link = frames_[frame].next;
  frames_.give(frame);
  if (!codes_[code].first_frame) drop_code(code);
}

void SampledFrames::drop_code(uint32_t code) {
  std::free(codes_[code].file);
  std::free(codes_[code].function);
  codes_.give(code);
}

void SampledFrames::describe(uint32_t frame, Place& place) {
  const Frame& found = frames_[frame];
  const Code& code = codes_[found.code];
  if (code.object) return reader->describe(code.object, found.instruction, place);
  if (code.file) copy_start(place.file, code.file, std::strlen(code.file));
  if (code.function) copy_start(place.function, code.function, std::strlen(code.function));
  place.line = found.line;
}

void SampledFrames::clear_sums() {
  for (uint32_t frame = 1; frame < frames_.end(); ++frame) frames_[frame].bytes = 0;
}

uint32_t SampledFrames::take_largest(size_t& bytes) {
  uint32_t largest = 0;
  bytes = 0;
  for (uint32_t frame = 1; frame < frames_.end(); ++frame) {
    if (frames_[frame].bytes <= bytes) continue;
    largest = frame;
    bytes = frames_[frame].bytes;
  }
  if (largest) frames_[largest].bytes = 0;
  return largest;
}

void SampledFrames::forget(PyCodeObject* object) {
  uint32_t* link = &head_of(object);
  while (*link && codes_[*link].object != object) link = &codes_[*link].next;
  const uint32_t number = *link;
  if (!number) return;
  Code& code = codes_[number];
  *link = code.next;
  code.next = 0;
  for (uint32_t frame = code.first_frame, next; frame; frame = next) {
    next = frames_[frame].next;
    if (!frames_[frame].uses) continue;
    Place place = {};
    describe(frame, place);
    if (!code.file) code.file = ::strdup(place.file);
    if (!code.function) code.function = ::strdup(place.function);
    frames_[frame].line = place.line;
  }
  code.object = nullptr;
  if (!code.first_frame) return drop_code(number);
  // The last of them takes the code's entry along.
  for (uint32_t frame = code.first_frame, next; frame; frame = next) {
    next = frames_[frame].next;
    if (!frames_[frame].uses) drop(frame);
  }
}

}  // namespace gill
