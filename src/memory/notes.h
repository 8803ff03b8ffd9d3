// Memory for the notes of one trial deletion at a time. It stays for the next one: malloc would give it back to the system, and fetch it again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace gill {

class NoteArena {
 public:
  // Null when memory ran out.
  uint64_t* take(size_t words) {
    if ((!current_ || kWords - used_ < words) && !advance()) return nullptr;
    uint64_t* taken = current_->words + used_;
    used_ += words;
    return taken;
  }
  // All that was taken is free again.
  void reset() {
    size_t kept = 0;
    for (Chunk** link = &first_; *link;) {
      Chunk* chunk = *link;
      if (++kept <= kKept) {
        link = &chunk->next;
      } else {
        *link = chunk->next;
        std::free(chunk);
      }
    }
    current_ = nullptr;
  }
  void clear() {
    for (; first_; first_ = current_) {
      current_ = first_->next;
      std::free(first_);
    }
  }

 private:
  static constexpr size_t kWords = 8192;
  static constexpr size_t kKept = 64;  // 4 MiB
  struct Chunk {
    Chunk* next;
    uint64_t words[kWords];
  };

  bool advance() {
    Chunk** link = current_ ? &current_->next : &first_;
    if (!*link) {
      *link = static_cast<Chunk*>(std::malloc(sizeof(Chunk)));
      if (!*link) return false;
      (*link)->next = nullptr;
    }
    current_ = *link;
    used_ = 0;
    return true;
  }

  Chunk* first_ = nullptr;
  Chunk* current_ = nullptr;
  size_t used_ = 0;
};

}  // namespace gill
