"""Switching, exceptions, threads, generators and deep stacks in greenlets."""
import gc
import sys
import threading
import weakref

import greenlet

log = []


def ping():
    for i in range(3):
        log.append(("ping", i, pong_let.switch(i)))
    return "ping done"


def pong(value):
    while True:
        log.append(("pong", value))
        value = ping_let.switch(value * 10)


ping_let, pong_let = greenlet.greenlet(ping), greenlet.greenlet(pong)
print(ping_let.switch(), log, ping_let.dead, pong_let.dead)


def fails():
    try:
        greenlet.getcurrent().parent.switch("waiting")
    except KeyError as error:
        raise ValueError("from " + repr(error))


let = greenlet.greenlet(fails)
print(let.switch(), let.gr_frame.f_code.co_name)
try:
    let.throw(KeyError("thrown"))
except ValueError as error:
    print("caught", error, error.__context__)


def deep(n):
    if n == 0:
        return greenlet.getcurrent().parent.switch("bottom")
    return deep(n - 1) + 1


lets = [greenlet.greenlet(deep) for _ in range(50)]
print({g.switch(200) for g in lets}, [g.switch(i) for i, g in enumerate(lets)][:5])


def numbers(n):
    for i in range(n):
        yield i
        greenlet.getcurrent().parent.switch(("mid", i))


def consume():
    return sum(numbers(4))


let = greenlet.greenlet(consume)
print([let.switch() for _ in range(5)])


def handles():
    try:
        1 / 0
    except ZeroDivisionError:
        greenlet.getcurrent().parent.switch(sys.exc_info()[0])
        return sys.exc_info()[0]


let = greenlet.greenlet(handles)
try:
    [][1]
except IndexError:
    print(let.switch(), sys.exc_info()[0], let.switch(), sys.exc_info()[0])
abandoned = greenlet.greenlet(lambda: greenlet.getcurrent().parent.switch(1))


def cleanup():
    try:
        greenlet.getcurrent().parent.switch("started")
    except greenlet.GreenletExit:
        print("exit seen")
        raise


let = greenlet.greenlet(cleanup)
print(let.switch())
reference = weakref.ref(let)
del let
gc.collect()
print(reference())


def in_thread():
    g = greenlet.greenlet(deep)
    print(g.switch(10), g.switch(5))


thread = threading.Thread(target=in_thread)
thread.start()
thread.join()


def traced(frame, event, argument):
    events.append((event, frame.f_code.co_name))
    return traced


events = []
greenlet.settrace(lambda event, pair: events.append(event))
let = greenlet.greenlet(deep)
let.switch(1)
let.switch(1)
greenlet.settrace(None)
print(events)


def recursion():
    def down(n):
        return down(n + 1)
    try:
        down(0)
    except RecursionError as error:
        return str(error)


print(greenlet.greenlet(recursion).switch())
let = greenlet.greenlet(lambda: [f.f_code.co_name for f in iter_frames(sys._getframe())])


def iter_frames(frame):
    while frame:
        yield frame
        frame = frame.f_back


print(let.switch())
import contextvars
var = contextvars.ContextVar("var", default=0)


def with_context(n):
    var.set(n)
    greenlet.getcurrent().parent.switch()
    return var.get()


lets = [greenlet.greenlet(with_context) for _ in range(3)]
for i, g in enumerate(lets):
    g.switch(i + 1)
print([g.switch() for g in lets], var.get())
