"""The scenarios by python-socketio, with requests and websocket-client.

Started by run.mjs; see there for the variables. Prints a line for each scenario and transport.
"""

import json
import os
import queue
import sys
import threading
import time
import traceback
import urllib.request

import engineio
import socketio

URL = os.environ["MATRIX_URL"]
SMALL_URL = os.environ["MATRIX_SMALL_URL"]
RELAY_URL = os.environ["MATRIX_RELAY_URL"]
CUT_URL = os.environ["MATRIX_CUT_URL"]
LIMIT_S = 10
WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}

# It refuses an answer to a poll with more than 16 packets unless told otherwise.
engineio.payload.Payload.max_decode_packets = 1000

opened = []
way = None


class Client:
    """A connected client with what it has heard, by event."""

    def __init__(self, url=URL, namespace="/", auth=None, query="", events=(), **options):
        self.namespace = namespace
        self.heard = {}
        self.sio = socketio.Client(handle_sigint=False, **{"reconnection": False, **options})
        opened.append(self.sio)
        for event in ("connect", "disconnect", "connect_error", *events):
            self.heard[event] = queue.Queue()
            self.sio.on(event, self._listener(event), namespace=namespace)
        self.url = url + query
        self.auth = auth

    def connect(self):
        self.sio.connect(self.url, transports=WAYS[way], namespaces=[self.namespace], auth=self.auth, wait_timeout=LIMIT_S)
        return self

    def _listener(self, event):
        return lambda *args: self.heard[event].put(list(args))

    def next(self, event):
        try:
            return self.heard[event].get(timeout=LIMIT_S)
        except queue.Empty:
            raise AssertionError(f'no "{event}"') from None

    def emit(self, event, *args):
        self.sio.emit(event, args, namespace=self.namespace)

    def ask(self, event, *args):
        answer = self.sio.call(event, args, namespace=self.namespace, timeout=LIMIT_S)
        return list(answer) if isinstance(answer, tuple) else [answer]

    @property
    def id(self):
        return self.sio.get_sid(self.namespace)

    @property
    def transport(self):
        return self.sio.transport()


def same(got, expected):
    assert got == expected, f"{got!r:.150} is not {expected!r:.150}"


def connect():
    client = Client().connect()
    same(client.transport, "polling" if way == "polling" else "websocket")
    [who] = client.ask("whoami")
    same([who["id"], who["namespace"], who["query"]["transport"]], [client.id, "/", WAYS[way][0]])


def namespace():
    same(Client(namespace="/echo").connect().ask("echo", 1), [1])
    admin = Client(namespace="/admin", auth={"token": "open sesame"}, query="/?colour=blue").connect()
    [who] = admin.ask("whoami")
    same([who["id"], who["namespace"], who["auth"]["token"], who["query"]["colour"]], [admin.id, "/admin", "open sesame", "blue"])


def eager():
    # connect() returns without waiting, and so the first emit may come before the answer.
    client = Client(events=["echo"])
    client.sio.connect(client.url, transports=WAYS[way], namespaces=["/"], wait=False)
    client.next("connect")
    same(client.ask("echo", "before"), ["before"])


def text():
    client = Client(events=["echo"]).connect()
    for sent in ["", "plain", "grüße", "漢字 😀 \u0000 \u2028", '"quoted\\"', "é" * 5000]:
        same(client.ask("echo", sent), [sent])
    client.emit("echo", "漢字 😀", {"ключ": ["значение"]})
    same(client.next("echo"), ["漢字 😀", {"ключ": ["значение"]}])


def order():
    client = Client(events=["echo"]).connect()
    for number in range(100):
        client.emit("echo", number)
    same([client.next("echo") for _ in range(100)], [[number] for number in range(100)])


def binary():
    client = Client(events=["echo"]).connect()
    sent = {"list": [bytes([0, 1, 255]), {"deep": b"bytes"}], "text": "and text", "none": b""}
    same(client.ask("echo", sent), [sent])
    client.emit("echo", sent, b"\7" * 3000)
    same(client.next("echo"), [sent, b"\7" * 3000])


def acks():
    client = Client()
    client.sio.on("question", lambda what: ("because", {"what": what}))
    client.connect()
    same(client.ask("echo", 1, "two", [3]), [1, "two", [3]])
    same(client.ask("ask", "why?"), [None, "because", {"what": "why?"}])


def rooms():
    ann, bob, eve = [Client(events=["room", "broadcast"]).connect() for _ in range(3)]
    room = f"room-{os.getpid()}-{time.time_ns()}"
    ann.ask("room:join", room)
    bob.ask("room:join", room)
    eve.emit("room:emit", room, "to the room")
    same([ann.next("room"), bob.next("room")], [[room, "to the room"]] * 2)
    bob.ask("room:leave", room)
    ann.emit("room:emit", room, "fewer")
    same(ann.next("room"), [room, "fewer"])
    ann.emit("broadcast", room)
    same([bob.next("broadcast"), eve.next("broadcast")], [[room]] * 2)
    for client in (ann, bob, eve):
        client.ask("echo", "settled")
    same([client.heard["room"].qsize() for client in (ann, bob, eve)], [0, 0, 0])
    same(ann.heard["broadcast"].qsize(), 0)


def server_disconnect():
    for whole in (False, True):
        client = Client().connect()
        client.emit("disconnect-me", whole)
        same(client.next("disconnect"), ["server disconnect"])


def client_disconnect():
    client = Client().connect()
    before = client.id
    client.sio.disconnect()
    same(client.next("disconnect"), ["client disconnect"])
    client.connect()
    assert client.id != before, "the same id again"
    same(client.ask("echo", "back"), ["back"])


def cut():
    client = Client(url=RELAY_URL, reconnection=True, reconnection_delay=0.05, randomization_factor=0).connect()
    before = client.id
    client.next("connect")
    urllib.request.urlopen(CUT_URL).read()
    same(client.next("disconnect"), ["transport error"])
    client.next("connect")
    assert client.id != before, "the same id again"
    same(client.ask("echo", "still here"), ["still here"])


def refused():
    client = Client(namespace="/admin", auth={"token": "wrong"})
    try:
        client.connect()
        raise AssertionError("it was let in")
    except socketio.exceptions.ConnectionError:
        pass
    [error] = client.next("connect_error")
    same([error["message"], list(error["data"])], ["not authorized", ["hint"]])


def large():
    client = Client().connect()
    for sent in ("x" * 1_000_000, b"\3" * 1_000_000):
        same(client.ask("echo", sent), [sent])


def burst():
    client = Client(url=SMALL_URL, events=["echo"]).connect()
    for number in range(100):
        client.emit("echo", number, "x" * 2000)
    same([client.next("echo") for _ in range(100)], [[number, "x" * 2000] for number in range(100)])


def main():
    global way
    threading.excepthook = lambda args: print(args.exc_type.__name__, args.exc_value, file=sys.stderr)
    for task in json.loads(os.environ["MATRIX_TASKS"]):
        way = task["way"]
        try:
            globals()[task["scenario"].replace(" ", "_")]()
            print(f"ok {way} {task['scenario']}", flush=True)
        except Exception as error:  # whatever it is, the scenario has failed
            traceback.print_exc()
            print(f"not {way} {task['scenario']}: {type(error).__name__}: {error!s:.300}".replace("\n", " "), flush=True)
        for sio in opened:
            sio.disconnect()
        opened.clear()
    os._exit(0)


main()
