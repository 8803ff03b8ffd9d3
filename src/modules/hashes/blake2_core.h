// BLAKE2 (RFC 7693) with all its parameters, for 64-bit words (2b) and 32-bit words (2s).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace gill::hashes {

struct Blake2b {
  using Word = uint64_t;
  static constexpr int kRounds = 12;
  static constexpr int kRotations[4] = {32, 24, 16, 63};
  static constexpr Word kStart[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                     0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
};

struct Blake2s {
  using Word = uint32_t;
  static constexpr int kRounds = 10;
  static constexpr int kRotations[4] = {16, 12, 8, 7};
  static constexpr Word kStart[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
};

inline constexpr unsigned char kBlake2Schedule[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

// What distinguishes hashes of the same data.
struct Blake2Parameters {
  unsigned char digest_size = 0;
  unsigned char key_size = 0;
  unsigned char fanout = 1;
  unsigned char depth = 1;
  uint32_t leaf_size = 0;
  uint64_t node_offset = 0;  // 48 bits of it for 2s
  unsigned char node_depth = 0;
  unsigned char inner_size = 0;
  unsigned char salt[16] = {};
  unsigned char person[16] = {};
  bool last_node = false;
};

template <class V>
class Blake2 {
 public:
  using Word = typename V::Word;
  static constexpr size_t kBlock = 16 * sizeof(Word);
  static constexpr size_t kLongestDigest = 8 * sizeof(Word);
  static constexpr size_t kSaltSize = 2 * sizeof(Word);

  void start(const Blake2Parameters& parameters, const unsigned char* key) {
    unsigned char block[kLongestDigest] = {parameters.digest_size, parameters.key_size, parameters.fanout, parameters.depth};
    std::memcpy(block + 4, &parameters.leaf_size, 4);
    constexpr size_t kOffsetSize = sizeof(Word) == 8 ? 8 : 6;
    std::memcpy(block + 8, &parameters.node_offset, kOffsetSize);
    block[8 + kOffsetSize] = parameters.node_depth;
    block[9 + kOffsetSize] = parameters.inner_size;
    std::memcpy(block + 4 * sizeof(Word), parameters.salt, kSaltSize);
    std::memcpy(block + 6 * sizeof(Word), parameters.person, kSaltSize);
    for (int i = 0; i < 8; ++i) h_[i] = V::kStart[i] ^ word(block, i);
    count_[0] = count_[1] = 0;
    filled_ = 0;
    last_node_ = parameters.last_node;
    digest_size_ = parameters.digest_size;
    if (parameters.key_size) {
      unsigned char padded[kBlock] = {};
      std::memcpy(padded, key, parameters.key_size);
      update(padded, kBlock);
      explicit_bzero(padded, sizeof(padded));
    }
  }

  // The last block waits for finish(), even when it is full.
  void update(const void* data, size_t size) {
    auto* in = static_cast<const unsigned char*>(data);
    if (size == 0) return;
    size_t room = kBlock - filled_;
    if (size > room) {
      std::memcpy(buffer_ + filled_, in, room);
      compress(buffer_, kBlock, 0, 0);
      filled_ = 0;
      in += room;
      size -= room;
      for (; size > kBlock; in += kBlock, size -= kBlock) compress(in, kBlock, 0, 0);
    }
    std::memcpy(buffer_ + filled_, in, size);
    filled_ += size;
  }

  // Writes digest_size() bytes. The state is not good for anything afterwards.
  void finish(unsigned char* out) {
    std::memset(buffer_ + filled_, 0, kBlock - filled_);
    compress(buffer_, filled_, ~Word{0}, last_node_ ? ~Word{0} : 0);
    std::memcpy(out, h_, digest_size_);
  }

  size_t digest_size() const { return digest_size_; }

 private:
  static_assert(std::endian::native == std::endian::little, "words are read as they stand in memory");

  static Word word(const unsigned char* bytes, int i) {
    Word result;
    std::memcpy(&result, bytes + static_cast<size_t>(i) * sizeof(Word), sizeof(Word));
    return result;
  }

  static void mix(Word& a, Word& b, Word& c, Word& d, Word x, Word y) {
    a += b + x;
    d = std::rotr(d ^ a, V::kRotations[0]);
    c += d;
    b = std::rotr(b ^ c, V::kRotations[1]);
    a += b + y;
    d = std::rotr(d ^ a, V::kRotations[2]);
    c += d;
    b = std::rotr(b ^ c, V::kRotations[3]);
  }

  void compress(const unsigned char* block, size_t counted, Word last, Word last_node) {
    count_[0] += static_cast<Word>(counted);
    count_[1] += count_[0] < counted;
    Word m[16], v[16];
    for (int i = 0; i < 16; ++i) m[i] = word(block, i);
    for (int i = 0; i < 8; ++i) {
      v[i] = h_[i];
      v[i + 8] = V::kStart[i];
    }
    v[12] ^= count_[0];
    v[13] ^= count_[1];
    v[14] ^= last;
    v[15] ^= last_node;
#pragma clang loop unroll(full)
    for (int round = 0; round < V::kRounds; ++round) {
      const unsigned char* s = kBlake2Schedule[round % 10];
      mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
      mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
      mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
      mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
      mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
      mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
      mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
      mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
    }
    for (int i = 0; i < 8; ++i) h_[i] ^= v[i] ^ v[i + 8];
  }

  Word h_[8];
  Word count_[2];
  unsigned char buffer_[kBlock];
  size_t filled_;
  size_t digest_size_;
  bool last_node_;
};

}  // namespace gill::hashes
