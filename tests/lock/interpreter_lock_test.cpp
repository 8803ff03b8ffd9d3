// The interpreter lock: mutual exclusion, hand-over on request, no starvation of either kind of thread.
#include "lock/interpreter_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>
#include <vector>

namespace gill {
namespace {

constexpr uint32_t kDrop = 1;

struct Fixture {
  std::atomic<uint32_t> requests = 0;
  InterpreterLock lock{kDrop};

  LockUser user(unsigned long id) { return {id, &requests}; }
};

TEST(InterpreterLock, TakenAndReleasedAloneCountsNoContention) {
  Fixture f;
  const uint64_t before = thread_record().acquisitions, contended = thread_record().contended;
  for (int i = 0; i < 1000; ++i) {
    f.lock.acquire(f.user(1), Arrival::computing);
    f.lock.release();
  }
  EXPECT_EQ(thread_record().acquisitions - before, 1000u);
  EXPECT_EQ(thread_record().contended - contended, 0u);
}

TEST(InterpreterLock, OnlyOneThreadIsInside) {
  Fixture f;
  long counter = 0;  // not atomic: the lock is what protects it
  constexpr long kRounds = 20000;
  std::vector<std::thread> threads;
  for (unsigned long id = 1; id <= 4; ++id) {
    threads.emplace_back([&, id] {
      for (long i = 0; i < kRounds; ++i) {
        f.lock.acquire(f.user(id), i % 2 ? Arrival::returning : Arrival::computing);
        counter = counter + 1;
        f.lock.release();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter, 4 * kRounds);
}

TEST(InterpreterLock, AComputingThreadIsAskedAndYields) {
  Fixture f;
  f.lock.set_switch_interval_us(1000);
  std::atomic<bool> second_ran = false;
  f.lock.acquire(f.user(1), Arrival::computing);
  std::thread second([&] {
    f.lock.acquire(f.user(2), Arrival::computing);
    second_ran = true;
    f.lock.release();
  });
  while (!second_ran) {
    if (f.requests.load() & kDrop) f.lock.yield(f.user(1));
  }
  f.lock.release();
  second.join();
  EXPECT_GE(thread_record().forced, 1u);
}

TEST(InterpreterLock, AReleaseWakesAWaiterThatTakesIt) {
  Fixture f;
  f.lock.set_switch_interval_us(60'000'000);  // nobody asks
  f.lock.acquire(f.user(1), Arrival::computing);
  std::vector<std::thread> others;
  for (unsigned long id = 2; id <= 4; ++id) {
    others.emplace_back([&, id] {
      f.lock.acquire(f.user(id), id % 2 ? Arrival::returning : Arrival::computing);
      f.lock.release();
    });
  }
  while (!f.lock.contended()) usleep(100);
  f.lock.release();
  for (auto& thread : others) thread.join();
  EXPECT_FALSE(f.lock.contended());
  EXPECT_EQ(f.lock.request_count(), 0u);
}

TEST(InterpreterLock, AReleaseOnRequestHandsOver) {
  Fixture f;
  f.lock.set_switch_interval_us(1000);
  std::atomic<bool> second_ran = false;
  f.lock.acquire(f.user(1), Arrival::computing);
  std::thread second([&] {
    f.lock.acquire(f.user(2), Arrival::computing);
    second_ran = true;
    f.lock.release();
  });
  while (!(f.requests.load() & kDrop)) usleep(100);
  f.lock.release();
  f.lock.acquire(f.user(1), Arrival::returning);
  EXPECT_TRUE(second_ran);
  f.lock.release();
  second.join();
}

// The others take turns without ever being asked to, so the holder changes all the time.
TEST(InterpreterLock, AThreadIsNotStarvedByOthersThatReleaseOften) {
  Fixture f;
  f.lock.set_switch_interval_us(1000);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (unsigned long id = 11; id <= 13; ++id) {
    threads.emplace_back([&, id] {
      while (!stop) {
        f.lock.acquire(f.user(id), Arrival::returning);
        f.lock.release();
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    f.lock.acquire(f.user(1), Arrival::computing);
    f.lock.release();
    usleep(100);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
}

TEST(InterpreterLock, BothComputingAndReturningThreadsMakeProgress) {
  Fixture f;
  std::atomic<bool> stop = false;
  std::atomic<long> computed[2] = {}, returned[2] = {};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      auto id = static_cast<unsigned long>(t + 1);
      f.lock.acquire(f.user(id), Arrival::computing);
      while (!stop) {
        for (int i = 0; i < 1000; ++i) computed[t].fetch_add(1, std::memory_order_relaxed);
        if (f.requests.load() & kDrop) f.lock.yield(f.user(id));
      }
      f.lock.release();
    });
    threads.emplace_back([&, t] {
      auto id = static_cast<unsigned long>(t + 11);
      while (!stop) {
        usleep(100);
        f.lock.acquire(f.user(id), Arrival::returning);
        ++returned[t];
        f.lock.release();
      }
    });
  }
  while (returned[0] < 20 || returned[1] < 20 || computed[0] < 1000 || computed[1] < 1000) usleep(1000);
  stop = true;
  for (auto& thread : threads) thread.join();
}

// Waits until the holder of the lock is asked.
void wait_for_request(const Fixture& f) {
  while (!(f.requests.load() & kDrop)) usleep(100);
}

TEST(InterpreterLock, AnInterruptedTurnGoesOnBeforeTheOthers) {
  Fixture f;
  f.lock.set_switch_interval_us(20'000'000);
  std::vector<int> order;
  f.lock.acquire(f.user(1), Arrival::computing);
  auto take = [&](unsigned long id, Arrival arrival) {
    f.lock.acquire(f.user(id), arrival);
    order.push_back(static_cast<int>(id));
    f.lock.release();
  };
  // Haste is for those who have credit: a turn while somebody waits earns it.
  std::thread first([&] { take(4, Arrival::computing); });
  while (!f.lock.contended()) usleep(100);
  f.lock.release();
  first.join();
  f.lock.acquire(f.user(1), Arrival::computing);
  std::thread computing([&] { take(2, Arrival::computing); });
  while (!f.lock.contended()) usleep(100);
  std::thread returning([&] { take(3, Arrival::returning); });
  wait_for_request(f);
  f.lock.yield(f.user(1));
  order.push_back(1);
  f.lock.release();
  computing.join();
  returning.join();
  EXPECT_EQ(order, (std::vector<int>{4, 3, 1, 2}));
}

// As one that has often been faster than the threads which were woken for the lock, until one of them asks.
TEST(InterpreterLock, AReturningThreadThatIsAskedAtOnceStaysInHaste) {
  Fixture f;
  f.lock.set_switch_interval_us(20'000'000);
  std::vector<int> order;
  auto compute = [&](unsigned long id) {
    return std::thread([&, id] {
      const auto waiters = f.lock.waiters();
      f.lock.acquire(f.user(id), Arrival::computing);
      order.push_back(static_cast<int>(id));
      if (waiters == 0) {
        wait_for_request(f);
        f.lock.yield(f.user(id));
      }
      f.lock.release();
    });
  };
  // A turn while somebody waits earns the credit for haste: more than starting two threads spends.
  f.lock.acquire(f.user(1), Arrival::computing);
  std::thread before([&] {
    f.lock.acquire(f.user(2), Arrival::computing);
    f.lock.release();
  });
  while (!f.lock.contended()) usleep(100);
  usleep(300'000);
  f.lock.release();
  before.join();

  f.lock.acquire(f.user(1), Arrival::returning);
  std::thread first = compute(3);
  while (f.lock.waiters() < 1) usleep(100);
  std::thread second = compute(4);
  while (f.lock.waiters() < 2) usleep(100);
  f.lock.yield(f.user(1));
  order.push_back(1);
  f.lock.release();
  first.join();
  second.join();
  EXPECT_EQ(order, (std::vector<int>{3, 1, 4}));
}

// A clock to compare with: its holder is asked when its interval is over.
struct Clock : Fixture {
  std::thread waiter;

  explicit Clock(uint64_t interval_us) {
    lock.set_switch_interval_us(interval_us);
    lock.acquire(user(1), Arrival::computing);
    waiter = std::thread([this] {
      lock.acquire(user(2), Arrival::computing);
      lock.release();
    });
  }
  bool rang() const { return requests.load() & kDrop; }
  ~Clock() {
    lock.release();
    waiter.join();
  }
};

TEST(InterpreterLock, WhatATurnWasTooLongIsTakenFromTheNext) {
  constexpr uint64_t kInterval = 400'000;
  Fixture f;
  f.lock.set_switch_interval_us(kInterval);
  f.lock.acquire(f.user(1), Arrival::computing);
  std::thread second([&] {
    f.lock.acquire(f.user(2), Arrival::computing);
    wait_for_request(f);
    f.lock.yield(f.user(2));
    f.lock.release();
  });
  wait_for_request(f);
  usleep(kInterval);
  f.lock.yield(f.user(1));
  {
    Clock shorter(kInterval / 4 * 3);
    wait_for_request(f);
    EXPECT_FALSE(shorter.rang());
  }
  f.lock.release();
  second.join();
}

// Waiters reckon with whole turns of those before them.
TEST(InterpreterLock, WhoseTurnComesEarlyEndsTheHoldersTurnInTime) {
  constexpr unsigned long kOthers = 40;
  Fixture f;
  f.lock.set_switch_interval_us(50'000);
  f.lock.acquire(f.user(1), Arrival::computing);
  std::vector<std::thread> threads;
  std::atomic<bool> computes = false;
  auto wait_for_waiters = [&](unsigned long count) {
    while (f.lock.waiters() < count) usleep(100);
  };
  for (unsigned long id = 0; id < kOthers; ++id) {
    threads.emplace_back([&, id] {
      f.lock.acquire(f.user(10 + id), Arrival::computing);
      if (id + 2 == kOthers) {
        Clock late(1'000'000);
        wait_for_request(f);
        EXPECT_FALSE(late.rang());
        computes = true;
      }
      f.lock.release();
    });
    wait_for_waiters(id + 1);
  }
  f.lock.release();
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(computes);
}

// Turns end by requests, by releases and by interruptions, while threads that were woken have not looked yet.
TEST(InterpreterLock, NobodyIsForgottenWhereTurnsEndInAllWays) {
  constexpr int kTurns = 3000;
  Fixture f;
  f.lock.set_switch_interval_us(100);
  long counter = 0, expected = 0;  // not atomic: the lock is what protects them
  std::vector<std::thread> threads;
  for (unsigned long id = 1; id <= 5; ++id) {
    threads.emplace_back([&, id] {
      f.lock.acquire(f.user(id), Arrival::computing);
      for (int turn = 0; turn < kTurns; ++turn) {
        ++counter;
        if (id > 3 || turn % 64 == 0) {
          f.lock.release();
          if (turn % 4 == 0) usleep(20);
          f.lock.acquire(f.user(id), Arrival::returning);
        }
        for (int i = 0; i < 2000; ++i) {
          if (f.requests.load(std::memory_order_relaxed) & kDrop) f.lock.yield(f.user(id));
        }
      }
      expected += kTurns;
      f.lock.release();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter, expected);
  EXPECT_EQ(counter, 5 * kTurns);
  EXPECT_FALSE(f.lock.contended());
}

TEST(InterpreterLock, TheRequestFollowsTheHolderIntoAnotherInterpreter) {
  Fixture f;
  f.lock.set_switch_interval_us(1000);
  std::atomic<uint32_t> other = 0;
  std::atomic<bool> second_ran = false;
  f.lock.acquire(f.user(1), Arrival::computing);
  std::thread second([&] {
    f.lock.acquire({2, &other}, Arrival::computing);
    second_ran = true;
    f.lock.release();
  });
  while (!(f.requests.load() & kDrop)) usleep(100);
  f.lock.move_holder(&other);
  EXPECT_EQ(f.requests.load(), 0u);
  EXPECT_EQ(other.load(), kDrop);
  f.lock.yield({1, &other});
  EXPECT_TRUE(second_ran);
  f.lock.release();
  second.join();
  EXPECT_EQ(other.load(), 0u);
}

TEST(InterpreterLock, TheChildOfAForkHoldsItAlone) {
  Fixture f;
  f.lock.acquire(f.user(1), Arrival::computing);
  std::thread second([&] {
    f.lock.acquire(f.user(2), Arrival::computing);
    f.lock.release();
  });
  while (!f.lock.contended()) usleep(100);
  f.lock.hold_for_fork();
  pid_t child = fork();
  f.lock.let_go_after_fork(child == 0);
  if (child == 0) {
    bool alone = !f.lock.contended();
    f.lock.release();
    f.lock.acquire(f.user(1), Arrival::computing);
    _exit(alone ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  f.lock.release();
  second.join();
}

}  // namespace
}  // namespace gill
