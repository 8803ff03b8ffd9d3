// Trial deletion: what is only referenced from the objects that take part, and what is reached from elsewhere, against a plain walk
// over graphs whose references are known.
#include "memory/trial.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

// What trial.h needs of the floors above: types that no object here has, and the references that are known to come from elsewhere.
PyTypeObject PyList_Type, PyTuple_Type, PyDict_Type;
extern "C" void _PyTuple_MaybeUntrack(PyObject*) {}
extern "C" void _PyDict_MaybeUntrack(PyObject*) {}

namespace gill {

thread_local constinit Collector* t_collector = nullptr;

namespace {

struct Node {
  PyObject base;
  size_t count;
  size_t shown;  // of its references, those that its tp_traverse visits
  PyObject* references[6];
};

int traverse(PyObject* self, visitproc visit, void* arg) {
  auto* node = reinterpret_cast<Node*>(self);
  for (size_t i = 0; i < node->shown; ++i) Py_VISIT(node->references[i]);
  return 0;
}

class Graph {
 public:
  Graph() {
    collector_.heap = heap_;
    t_collector = &collector_;
    type_.tp_traverse = traverse;
  }
  ~Graph() {
    for (Node* node : nodes_) Heap::free(node);
    collector_.notes.clear();
    t_collector = nullptr;
    delete_heap(heap_, nullptr);
  }

  // With one reference from outside.
  Node* add(int generation = 2) {
    auto* node = static_cast<Node*>(heap_->allocate(Kind::collectable, sizeof(Node)));
    *node = {};
    node->base.ob_refcnt = 1;
    node->base.ob_type = &type_;
    Page* page = Page::of(node);
    page->set(kTracked, page->index_of(node));
    set_generation(page, page->index_of(node), generation);
    nodes_.push_back(node);
    return node;
  }
  static bool refer(Node* from, Node* to, bool shown = true) {
    if (from->count == std::size(from->references)) return false;
    from->references[from->count++] = &to->base;
    if (shown) from->shown = from->count;
    ++to->base.ob_refcnt;
    return true;
  }
  static void let_go(Node* node) { --node->base.ob_refcnt; }

  PageList& pages() {
    pages_.truncate(0);
    for (Page* page = heap_->collectable_pages(); page; page = page->gc_next) pages_.push(page);
    return pages_;
  }
  const std::vector<Node*>& nodes() const { return nodes_; }

  // Those that a trial deletion of everything up to the generation finds.
  std::set<Node*> unreachable(int generation, bool known_first) {
    Trial trial;
    std::set<Node*> found;
    EXPECT_TRUE(trial.begin_generation(pages(), generation));
    if (known_first) EXPECT_TRUE(trial.mark_from_known());
    EXPECT_TRUE(trial.count_references(generation > 0));
    EXPECT_TRUE(trial.mark_from_roots());
    trial.for_each_left([&](PyObject* object, uint64_t) { found.insert(reinterpret_cast<Node*>(object)); });
    return found;
  }

 private:
  Heap* heap_ = new_heap();
  Collector collector_;
  PyTypeObject type_ = {};
  PageList pages_;
  std::vector<Node*> nodes_;
};

std::vector<Node*>& known_roots() {
  static std::vector<Node*> roots;
  return roots;
}

TEST(Trial, ARingThatNobodyElseHoldsIsUnreachable) {
  Graph graph;
  Node *a = graph.add(), *b = graph.add(), *held = graph.add();
  Graph::refer(a, b);
  Graph::refer(b, a);
  Graph::refer(b, held);
  EXPECT_TRUE(graph.unreachable(2, false).empty());
  Graph::let_go(a);
  EXPECT_TRUE(graph.unreachable(2, false).empty());
  Graph::let_go(b);
  EXPECT_EQ(graph.unreachable(2, false), (std::set<Node*>{a, b}));
  Graph::let_go(held);
  EXPECT_EQ(graph.unreachable(2, false), (std::set<Node*>{a, b, held}));
}

TEST(Trial, AReferenceThatIsOwnedButNotVisitedKeepsItsTargetAlive) {
  Graph graph;
  Node *hiding = graph.add(), *target = graph.add(), *further = graph.add();
  Graph::refer(hiding, target, false);
  Graph::refer(target, further);
  Graph::refer(further, hiding);
  for (Node* node : {hiding, target, further}) Graph::let_go(node);
  EXPECT_TRUE(graph.unreachable(2, false).empty());
}

TEST(Trial, AnOlderObjectKeepsAYoungerOne) {
  Graph graph;
  Node *old = graph.add(2), *young = graph.add(0), *dead = graph.add(0);
  Graph::refer(old, young);
  Graph::refer(dead, dead);
  for (Node* node : {old, young, dead}) Graph::let_go(node);
  EXPECT_EQ(graph.unreachable(0, false), std::set<Node*>{dead});
  EXPECT_EQ(graph.unreachable(2, false).size(), 3u);
}

TEST(Trial, AListCountsWithoutTheReferencesThatAreHeld) {
  Graph graph;
  Node *a = graph.add(), *b = graph.add(), *outside = graph.add();
  Graph::refer(a, b);
  Graph::refer(b, a);
  ObjectList list;
  for (Node* node : {a, b}) list.push(&node->base);  // what the list holds is the one reference that each has beside
  Trial trial;
  ASSERT_TRUE(trial.begin_list(list, 1));
  for (PyObject* object : list) trial.subtract_references_of(object);
  EXPECT_FALSE(Trial::is_root(&a->base));
  EXPECT_FALSE(Trial::is_root(&b->base));
  EXPECT_FALSE(Trial::takes_part(&outside->base));
}

TEST(Trial, WhatIsKnownToBeHeldNeedsNoCounts) {
  Graph graph;
  Node* root = graph.add();
  for (Node *last = root, *next; graph.nodes().size() < 3000; last = next) Graph::refer(last, next = graph.add());
  known_roots() = {root};
  Trial trial;
  ASSERT_TRUE(trial.begin_generation(graph.pages(), 2));
  ASSERT_TRUE(trial.mark_from_known());
  ASSERT_TRUE(trial.count_references(true));
  for (Page* page : trial.pages()) EXPECT_EQ(counts_of(page), nullptr);
  known_roots().clear();
}

TEST(Trial, RandomGraphsAreJudgedAsAPlainWalkDoes) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    Graph graph;
    const size_t count = 200 + random() % 1500, most = random() % 4;
    std::set<Node*> alive;
    std::vector<Node*> left;
    for (size_t i = 0; i < count; ++i) graph.add();
    auto pick = [&] { return graph.nodes()[random() % count]; };
    for (size_t i = 0; i < count * most; ++i) {
      Node* from = pick();
      // Once one hides a reference it hides those that follow.
      Graph::refer(from, pick(), from->shown == from->count && random() % 50);
    }
    for (Node* node : graph.nodes()) {
      if (random() % 20) Graph::let_go(node);
      else left.push_back(node);
      for (size_t i = node->shown; i < node->count; ++i) left.push_back(reinterpret_cast<Node*>(node->references[i]));
    }
    // What frames hold is a part of what is referenced from elsewhere.
    known_roots().clear();
    for (Node* node : left) {
      if (random() % 2) known_roots().push_back(node);
    }
    while (!left.empty()) {
      Node* node = left.back();
      left.pop_back();
      if (!alive.insert(node).second) continue;
      for (size_t i = 0; i < node->shown; ++i) left.push_back(reinterpret_cast<Node*>(node->references[i]));
    }
    std::set<Node*> dead(graph.nodes().begin(), graph.nodes().end());
    for (Node* node : alive) dead.erase(node);
    ASSERT_EQ(graph.unreachable(2, false), dead);
    ASSERT_EQ(graph.unreachable(2, true), dead);
  }
  known_roots().clear();
}

}  // namespace
}  // namespace gill

extern "C" void gill_visit_roots(visitproc visit, void* arg) {
  for (gill::Node* node : gill::known_roots()) visit(&node->base, arg);
}
extern "C" void gill_describe_instances(PyTypeObject* type, gill::InstanceShape* shape) { *shape = {.type = type}; }
