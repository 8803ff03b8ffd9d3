"""zmq, tornado, aiohttp, requests, flask, twisted, uvloop: servers and clients on this machine."""
import asyncio
import threading

import aiohttp
import aiohttp.web
import flask
import requests
import tornado.httpclient
import tornado.httpserver
import tornado.netutil
import tornado.web
import uvloop
import werkzeug.serving
import zmq
import zmq.asyncio

context = zmq.Context()
reply = context.socket(zmq.REP)
port = reply.bind_to_random_port("tcp://127.0.0.1")


def serve():
    for _ in range(3):
        message = reply.recv_pyobj()
        reply.send_json({"got": message})


thread = threading.Thread(target=serve)
thread.start()
with context.socket(zmq.REQ) as ask:
    ask.connect(f"tcp://127.0.0.1:{port}")
    for value in (1, ["a", None], {"k": 2.5}):
        ask.send_pyobj(value)
        print(ask.recv_json())
thread.join()
push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
push.bind("inproc://x")
pull.connect("inproc://x")
push.send_multipart([b"a", b"b" * 100000], copy=False)
print([len(part) for part in pull.recv_multipart(copy=False)], pull.poll(10))
try:
    pull.recv(zmq.NOBLOCK)
except zmq.Again as error:
    print(type(error).__name__, error)
for socket in (push, pull, reply):
    socket.close()
context.term()

app = flask.Flask("app")


@app.route("/hello/<name>", methods=["GET", "POST"])
def hello(name):
    if flask.request.method == "POST":
        return flask.jsonify(name=name, form=flask.request.form, agent=flask.request.headers["X-A"])
    return flask.render_template_string("<b>{{ name }}</b>{% for i in range(3) %}{{ i }}{% endfor %}", name=name)


@app.errorhandler(404)
def missing(error):
    return str(error), 404


print(app.test_client().get("/hello/<i>").get_data(as_text=True), app.test_client().get("/x").status)
server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
import logging
logging.getLogger("werkzeug").disabled = True
thread = threading.Thread(target=server.serve_forever)
thread.start()
base = f"http://127.0.0.1:{server.port}"
with requests.Session() as session:
    print(session.post(base + "/hello/n", data={"a": "1"}, headers={"X-A": "agent"}).json(), session.get(base + "/nope").status_code)
try:
    requests.get("http://127.0.0.1:1/", timeout=1)
except requests.ConnectionError as error:
    print(type(error).__name__)
server.shutdown()
thread.join()


async def with_aiohttp():
    async def handler(request):
        if "ws" in request.path:
            socket = aiohttp.web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(message.data[::-1])
            return socket
        return aiohttp.web.json_response({"path": request.path, "q": dict(request.query), "body": await request.text()})
    application = aiohttp.web.Application()
    application.router.add_route("*", "/{tail:.*}", handler)
    runner = aiohttp.web.AppRunner(application)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async def one(i):
            async with session.post(f"/p{i}?q={i}", data="x" * i) as response:
                return await response.json()
        print(await asyncio.gather(*(one(i) for i in range(5))))
        async with session.ws_connect("/ws") as socket:
            await socket.send_str("abc")
            print((await socket.receive()).data)
    await runner.cleanup()
    return type(asyncio.get_running_loop()).__module__


async def subprocess_and_timers():
    process = await asyncio.create_subprocess_exec("cat", stdin=-1, stdout=-1)
    out, _ = await process.communicate(b"through cat")
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except asyncio.TimeoutError:
        print("timed out")
    loop = asyncio.get_running_loop()
    return out, process.returncode, await loop.run_in_executor(None, lambda: 42), await loop.getaddrinfo("127.0.0.1", 80) != []


print(asyncio.run(with_aiohttp()))
uvloop.install()
print(asyncio.run(with_aiohttp()))
print(asyncio.run(subprocess_and_timers()))
asyncio.set_event_loop_policy(None)


async def with_tornado():
    class Main(tornado.web.RequestHandler):
        async def get(self, n):
            await asyncio.sleep(0.001)
            self.write({"n": n, "a": self.get_argument("a", "none")})
    application = tornado.web.Application([(r"/(\d+)", Main)])
    sockets = tornado.netutil.bind_sockets(0, "127.0.0.1")
    server = tornado.httpserver.HTTPServer(application)
    server.add_sockets(sockets)
    client = tornado.httpclient.AsyncHTTPClient()
    print((await client.fetch(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/12?a=b")).body)
    server.stop()

asyncio.run(with_tornado())

from twisted.internet import defer, endpoints, protocol, reactor, task
from twisted.protocols import basic


class Echo(basic.LineReceiver):
    def lineReceived(self, line):
        self.sendLine(line.upper())


class Client(basic.LineReceiver):
    def connectionMade(self):
        self.sendLine(b"hello")

    def lineReceived(self, line):
        print(line)
        self.factory.done.callback(None)
        self.transport.loseConnection()


@defer.inlineCallbacks
def main(reactor):
    port = yield endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(protocol.Factory.forProtocol(Echo))
    factory = protocol.Factory.forProtocol(Client)
    factory.done = defer.Deferred()
    yield endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port).connect(factory)
    yield factory.done
    yield task.deferLater(reactor, 0.01, print, "later")
    try:
        yield defer.fail(ValueError("deferred"))
    except ValueError as error:
        print(error)
    yield port.stopListening()


task.react(main)
