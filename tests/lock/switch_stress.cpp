// switch_stress [HAND-OVERS [SEED]]: as many hand-overs of the interpreter lock as a day of 5 ms intervals has, or as many as it is told,
// among threads of every kind at once: computing, returning in haste, passing work to each other with time-outs, starting and
// ending, forking, working in several interpreters, while the switch interval changes. Built with the thread sanitizer by `make switch-stress`.
//
// What it checks: one thread at a time is inside (plain variables, which the sanitizer watches, too); every thread that wants the lock
// gets it again and again, counted in hand-overs and not in time; nobody sleeps for ever beside a free lock; what the threads' records
// count is exactly what happened; in a forked child the lock is the forking thread's and everybody else is gone.
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <iterator>
#include <random>
#include <thread>

#include "lock/interpreter_lock.h"

namespace gill {
namespace {

constexpr uint32_t kDrop = 1;
constexpr uint64_t kOfADay = 24 * 60 * 60 * 200;  // a day of 5 ms intervals
constexpr uint64_t kBetweenLooks = 200'000;       // hand-overs between two looks at everybody's progress
constexpr int kForks = 60;
constexpr unsigned kPatience = 120;  // seconds without any hand-over

[[noreturn]] void fail(const char* what, unsigned long id, unsigned long other) {
  std::fprintf(stderr, "switch_stress: %s (thread %lu, %lu)\n", what, id, other);
  std::abort();
}

struct World {
  World(uint64_t wanted, unsigned long seed) : wanted(wanted), seed(seed) {}

  const uint64_t wanted;
  const unsigned long seed;
  std::atomic<uint32_t> requests[2] = {};  // of two interpreters
  InterpreterLock lock{kDrop};
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> progress = 0;  // hand-overs, as others may read them

  // Guarded by the lock, and by nothing else.
  unsigned long inside = 0;
  unsigned long last_inside = 0;
  uint64_t hand_overs = 0;
  uint64_t acquisitions = 0;
  uint64_t yields = 0;
};

// A thread at the lock.
class Visitor {
 public:
  Visitor(World& world, unsigned long id) : world_(world), id_(id), random_(world.seed * 10'000 + id) {}

  void enter(Arrival arrival) {
    world_.lock.acquire({id_, &world_.requests[interpreter_]}, arrival);
    ++world_.acquisitions;
    note_entry();
  }
  void leave() {
    note_exit();
    world_.lock.release();
  }
  // What the evaluation loop does between instructions.
  void safe_point() {
    if (world_.requests[interpreter_].load(std::memory_order_relaxed) & kDrop) yield();
  }
  void yield() {
    const uint64_t before = thread_record().forced;
    note_exit();
    world_.lock.yield({id_, &world_.requests[interpreter_]});
    if (thread_record().forced != before) {
      ++world_.acquisitions;
      ++world_.yields;
    }
    note_entry();
  }
  void go_to_other_interpreter() {
    world_.lock.move_holder(nullptr);
    interpreter_ ^= 1;
    world_.lock.move_holder(&world_.requests[interpreter_]);
  }
  void work(unsigned most) {
    for (unsigned turns = below(most + 1); turns; --turns) __builtin_ia32_pause();
  }
  // A blocking call: often over at once.
  void block() {
    switch (below(8)) {
      case 0: usleep(below(200)); break;
      case 1: sched_yield(); break;
      default: work(200);
    }
  }
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  bool one_in(unsigned count) { return below(count) == 0; }
  bool stopped() const { return world_.stop.load(std::memory_order_relaxed); }
  World& world() const { return world_; }
  unsigned long id() const { return id_; }

 private:
  void note_entry() {
    if (world_.inside) fail("two threads are inside", id_, world_.inside);
    world_.inside = id_;
    if (world_.last_inside == id_) return;
    world_.last_inside = id_;
    world_.progress.store(++world_.hand_overs, std::memory_order_relaxed);
  }
  void note_exit() {
    if (world_.inside != id_) fail("another thread was inside", id_, world_.inside);
    world_.inside = 0;
  }

  World& world_;
  const unsigned long id_;
  unsigned interpreter_ = 0;
  std::minstd_rand random_;
};

// ---- what threads do: a step at a time, outside the lock before and after -------------------------------------

void compute(Visitor& me) {
  me.enter(Arrival::computing);
  for (unsigned steps = 1 + me.below(200); steps && !me.stopped(); --steps) {
    me.work(100);
    me.safe_point();
    if (me.one_in(4)) me.yield();
    if (me.one_in(100)) me.go_to_other_interpreter();
    if (me.one_in(20)) {
      me.leave();
      me.block();
      me.enter(Arrival::returning);
    }
  }
  me.leave();
}

void hurry(Visitor& me) {
  me.block();
  me.enter(Arrival::returning);
  me.work(20);
  me.leave();
}

// Turns as short as they can be, without a pause.
void rush(Visitor& me) {
  for (int i = 0; i < 20; ++i) {
    me.enter(me.one_in(2) ? Arrival::returning : Arrival::computing);
    me.leave();
  }
}

// Two threads that pass a ball; who waits too long for it plays without.
struct Game {
  sem_t balls[2];
  Game() {
    for (sem_t& ball : balls) sem_init(&ball, 0, 0);
  }
  void pass_to(int side) {
    int there = 0;
    sem_getvalue(&balls[side], &there);
    if (!there) sem_post(&balls[side]);
  }
};
void play(Visitor& me, Game& game, int side) {
  timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_nsec += 300'000;
  deadline.tv_sec += deadline.tv_nsec / 1'000'000'000;
  deadline.tv_nsec %= 1'000'000'000;
  while (sem_clockwait(&game.balls[side], CLOCK_MONOTONIC, &deadline) != 0 && errno == EINTR) {
  }
  me.enter(Arrival::returning);
  me.work(50);
  game.pass_to(1 - side);
  me.leave();
}

void start_and_end(Visitor& me) {
  std::thread([&world = me.world(), id = me.id() + 1000] {
    Visitor visitor(world, id);
    for (unsigned turns = visitor.below(20); turns; --turns) hurry(visitor);
    visitor.enter(Arrival::computing);
    visitor.leave();
  }).join();
}

int in_child(Visitor& me) {
  World& world = me.world();
  if (world.inside != me.id() || world.lock.contended() || world.lock.holder() != me.id()) return 1;
  int taken = 0;
  for (const ThreadRecord* record = first_thread_record(); record; record = record->next) taken += record->taken;
  if (taken != 1) return 2;
  for (int i = 0; i < 100; ++i) {
    me.yield();
    me.leave();
    me.enter(i % 2 ? Arrival::returning : Arrival::computing);
  }
  // Others may come.
  std::thread other([&world] {
    Visitor visitor(world, 1);
    for (int i = 0; i < 20; ++i) hurry(visitor);
  });
  for (int i = 0; i < 20; ++i) me.yield();
  me.leave();
  other.join();
  return world.lock.contended() || world.inside ? 3 : 0;
}

void fork_and_wait(Visitor& me) {
  me.enter(Arrival::computing);
  me.world().lock.hold_for_fork();
  const pid_t child = fork();
  me.world().lock.let_go_after_fork(child == 0);
  if (child == 0) _exit(in_child(me));
  me.leave();
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("a forked child failed", me.id(), static_cast<unsigned long>(status));
}

// ---- everybody at once ------------------------------------------------------------------------------------

class Crowd {
 public:
  explicit Crowd(World& world) : world_(world) {}

  template <class Step>
  void add(const char* name, Step step) {
    const unsigned long id = 10 + members_.size();
    Member& member = members_.emplace_back(name);
    member.thread = std::thread([this, id, &member, step] mutable {
      Visitor visitor(world_, id);
      while (!visitor.stopped()) {
        step(visitor);
        member.steps.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  // Each has done something since the last look.
  void look() {
    for (Member& member : members_) {
      const uint64_t steps = member.steps.load(std::memory_order_relaxed);
      if (steps == member.seen) fail(member.name, steps, 0);
      member.seen = steps;
    }
  }
  void end() {
    world_.stop = true;
    for (Member& member : members_) member.thread.join();
  }

 private:
  struct Member {
    explicit Member(const char* name) : name(name) {}
    const char* name;
    std::thread thread;
    std::atomic<uint64_t> steps = 0;
    uint64_t seen = 0;
  };
  World& world_;
  std::deque<Member> members_;
};

void change_interval(World& world, unsigned turn) {
  constexpr uint64_t kIntervals[] = {1, 100, 20, 1000, 50, 5000, 200};
  world.lock.set_switch_interval_us(kIntervals[turn % std::size(kIntervals)]);
}

// Until so many hand-overs were made.
void watch(World& world, Crowd& crowd) {
  uint64_t seen = 0, next_look = kBetweenLooks;
  unsigned idle = 0;
  for (unsigned turn = 0; seen < world.wanted; ++turn) {
    usleep(20'000);
    change_interval(world, turn);
    const uint64_t now = world.progress.load(std::memory_order_relaxed);
    idle = now == seen ? idle + 1 : 0;
    if (idle == kPatience * 50) fail("nobody gets the lock", world.lock.holder(), world.lock.contended());
    seen = now;
    if (seen < next_look) continue;
    crowd.look();
    next_look = seen + kBetweenLooks;
    std::printf("%lu hand-overs\n", static_cast<unsigned long>(seen));
    std::fflush(stdout);
  }
}

struct Counted {
  uint64_t acquisitions = 0, forced = 0;
  Counted() {
    add(ended_threads());
    for (const ThreadRecord* record = first_thread_record(); record; record = record->next) add(*record);
  }
  void add(const LockCounters& counters) {
    acquisitions += counters.acquisitions;
    forced += counters.forced;
  }
};

int run(uint64_t wanted, unsigned long seed) {
  World world(wanted, seed);
  Game games[2];
  const Counted before;
  Crowd crowd(world);
  for (int i = 0; i < 3; ++i) crowd.add("a computing thread starves", compute);
  for (int i = 0; i < 2; ++i) crowd.add("a returning thread starves", hurry);
  crowd.add("a thread of short turns starves", rush);
  for (int i = 0; i < 4; ++i) crowd.add("a thread that passes work starves", [&game = games[i / 2], i](Visitor& me) { play(me, game, i % 2); });
  crowd.add("a thread that starts others starves", start_and_end);
  crowd.add("a forking thread starves", [every = wanted / kForks, next = uint64_t{0}](Visitor& me) mutable {
    if (me.world().progress.load(std::memory_order_relaxed) < next) return static_cast<void>(usleep(1000));
    next += every;
    fork_and_wait(me);
  });
  watch(world, crowd);
  crowd.end();
  const Counted after;
  if (after.acquisitions - before.acquisitions != world.acquisitions) fail("acquisitions were miscounted", after.acquisitions - before.acquisitions, world.acquisitions);
  if (after.forced - before.forced != world.yields) fail("forced hand-overs were miscounted", after.forced - before.forced, world.yields);
  if (world.lock.contended() || world.lock.holder() || world.inside) fail("somebody was left", world.lock.holder(), world.inside);
  std::printf("%lu hand-overs, %lu acquisitions, %lu forced, %lu requests: in order\n", static_cast<unsigned long>(world.hand_overs),
              static_cast<unsigned long>(world.acquisitions), static_cast<unsigned long>(world.yields), static_cast<unsigned long>(world.lock.request_count()));
  return 0;
}

}  // namespace
}  // namespace gill

int main(int count, char** arguments) {
  const uint64_t wanted = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : gill::kOfADay;
  return gill::run(wanted, count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 1);
}
