"""agentlib.py - a second, independent client of the agent protocol, and TAP output, for the tests."""
import base64
import json
import os
import socket
import subprocess
import sys
import time


class Tap:
    """Runs functions as TAP tests; a test that raises fails, with its reason."""

    def __init__(self, prefix=""):
        self.n = 0
        self.failed = 0
        self.prefix = prefix + ": " if prefix else ""

    def run(self, name, fn):
        self.n += 1
        name = self.prefix + name
        try:
            fn()
        except Exception as why:  # a test program reports every failure, whatever it is
            self.failed += 1
            print(f"not ok {self.n} - {name}")
            print(f"# {type(why).__name__}: {str(why)[:1500]}")
        else:
            print(f"ok {self.n} - {name}")
        sys.stdout.flush()

    def done(self):
        print(f"1..{self.n}")
        return 1 if self.failed or not self.n else 0


def equal(got, want):
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def true(what, text="not so"):
    if not what:
        raise AssertionError(text)


class Agent:
    """One channel. Every wait is bounded."""

    def __init__(self, path, hello=True, timeout=20, v=1):
        self.v = v
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.buf = b""
        self.id = 0
        if hello:
            self.hello_reply = self.hello()

    def close(self):
        self.sock.close()

    def raw(self, data):
        self.sock.sendall(data)

    def send(self, **msg):
        self.raw(json.dumps(msg).encode() + b"\n")

    def recv(self):
        while b"\n" not in self.buf:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("the agent closed the channel")
            self.buf += got
        line, self.buf = self.buf.split(b"\n", 1)
        if len(line) + 1 > 65536:
            raise AssertionError(f"a line of {len(line)} bytes")
        msg = json.loads(line)
        if msg.get("raw"):
            msg["bytes"] = self.recv_raw(msg["raw"])
        return msg

    def recv_raw(self, n):
        """What a line announced; ended by ";" and a newline."""
        true(1 <= n <= 32768, f"{n} bytes announced")
        while len(self.buf) < n + 2:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError("the agent closed the channel")
            self.buf += got
        data, end, self.buf = self.buf[:n], self.buf[n:n + 2], self.buf[n + 2:]
        equal(end, b";\n")
        return data

    def send_raw(self, data, **msg):
        self.raw(json.dumps({**msg, "raw": len(data)}).encode() + b"\n" + data + b";\n")

    def hello(self):
        nonce = os.urandom(8).hex()
        self.raw(b"\n")
        self.send(v=self.v, id=1, op="hello", nonce=nonce)
        while True:
            reply = self.recv()
            if reply.get("nonce") == nonce:
                self.id = 1
                return reply

    def start(self, op, **args):
        self.id += 1
        self.send(id=self.id, op=op, **args)
        return self.id

    def call(self, op, **args):
        rid = self.start(op, **args)
        reply = self.recv()
        equal(reply["id"], rid)
        return reply

    def collect(self, rid):
        """Everything of a running exec until its end: (stdout, stderr, last message)."""
        out = {"stdout": b"", "stderr": b""}
        while True:
            msg = self.recv()
            equal(msg["id"], rid)
            if "ok" in msg or msg["ev"] == "exit":
                return out["stdout"], out["stderr"], msg
            if msg["ev"] in out:
                out[msg["ev"]] += base64.b64decode(msg["data"], validate=True)

    def exec(self, *argv, stdin=None, **args):
        rid = self.start("exec", argv=list(argv), stdin=stdin is not None, **args)
        if stdin is not None:
            for i in range(0, len(stdin), 32768):
                self.send(op="stdin", to=rid, data=b64(stdin[i:i + 32768]))
            self.send(op="stdin", to=rid, eof=True)
        return self.collect(rid)

    def read_file(self, path):
        rid, data = self.start("read_file", path=path), b""
        while True:
            msg = self.recv()
            equal(msg["id"], rid)
            if "ok" in msg:
                return data, msg
            data += base64.b64decode(msg["data"], validate=True)

    def write_file(self, path, data, **args):
        rid = self.start("write_file", path=path, **args)
        for i in range(0, len(data), 32768):
            self.send(op="data", to=rid, data=b64(data[i:i + 32768]))
        self.send(op="data", to=rid, eof=True)
        reply = self.recv()
        equal(reply["id"], rid)
        return reply


def b64(data):
    return base64.b64encode(data).decode()


def wait_until(what, seconds=20):
    """Poll until what() is true; the bound is only there so that a broken test ends."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("it did not come true")
        time.sleep(0.02)


def start_agent(program, path, **popen):
    child = subprocess.Popen([program, "--agent-uds", path], **popen)
    wait_until(lambda: os.path.exists(path) or child.poll() is not None)
    true(child.poll() is None, "the agent did not start")
    return child
