"""Python processes that are forked from one which has loaded torch and Lightning already.

A fresh interpreter spends five seconds on imports before it trains for one. These processes are as real: they have an
environment and output of their own, and can be killed. Start a fresh one only where
imports, or who starts whom, are what is tested.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path

LOADED = (
    "lightning_fabric",
    "lightning_fabric.strategies.ddp",
    "matplotlib.pyplot",
    "sklearn.linear_model",
    "timm",
    "torch.distributed",
    "torchvision.transforms.v2",
    "tyro",
    "longtail.jobs.pretrain",
    "longtail.jobs.run",
    "longtail.jobs.train",
    "longtail.recipes",
)


class ForkServer:
    """Starts processes; its own has loaded what they need."""

    def __init__(self):
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._output = tempfile.TemporaryDirectory()
        self._started = []

    def start(self, *words, **environment):
        """Start what `python WORDS` would, with further variables of the environment."""
        output = tempfile.mkdtemp(dir=self._output.name)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        process = Forked(self, Path(output), words=list(map(str, words)), environment=environment)
        self._started.append(process)
        return process

    def killed_at(self, mark, *words):
        """Start what `python WORDS` would, and kill it as `kill -9` does once the file `mark` is there."""
        victim, deadline = self.start(*words), time.monotonic() + 60
        while not mark.exists() and time.monotonic() < deadline and victim.poll() is None:
            time.sleep(0.001)
        victim.kill()
        assert mark.exists(), victim.told()

    def run(self, *words, **environment):
        """Start, and wait for the end."""
        process = self.start(*words, **environment)
        process.wait()
        return process

    def start_ranks(self, number, *words):
        """Start as many processes as torchrun would, and tell them so."""
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "TORCHELASTIC_RUN_ID": "none"}
        shared |= {"WORLD_SIZE": str(number), "LOCAL_WORLD_SIZE": str(number), "GROUP_RANK": "0"}
        return [self.start(*words, RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in range(number)]

    def run_ranks(self, number, *words):
        """Start them, wait for the end of all, and make sure that it was a good one."""
        for process in self.start_ranks(number, *words):
            assert process.wait() == 0, process.told()

    def ask(self, **request):
        """Return the answer of the server's process."""
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return json.loads(self._server.stdout.readline())

    def kill_all(self):
        """End what a test has left."""
        for process in self._started:
            process.kill()
        self._started.clear()

    def close(self):
        """End what still runs, and the server."""
        self.kill_all()
        self._server.communicate()
        self._output.cleanup()


class Forked:
    """A process that was started, much like `subprocess.Popen`."""

    def __init__(self, server, output, **request):
        self.returncode, self._server = None, server
        self._out, self._err = output / "out", output / "err"
        files = {"out": os.fspath(self._out), "err": os.fspath(self._err)}
        self.pid = server.ask(folder=os.fspath(Path.cwd()), **files, **request)

    def poll(self):
        if self.returncode is None:
            self.returncode = self._server.ask(ended=self.pid)
        return self.returncode

    def wait(self, timeout=300):
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("forked", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)
        self.wait()

    def said(self):
        """Return what it wrote to stdout."""
        return self._out.read_text()

    def told(self):
        """Return what it wrote to stderr."""
        return self._err.read_text()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def serve():
    """Fork for each request that asks for a process; a child returns its request."""
    for name in LOADED:
        import_module(name)
    gc.freeze()  # else each process looks for garbage among a million objects, and ends a second later
    assert threading.active_count() == 1, "threads do not survive a fork"
    for line in sys.stdin:
        request = json.loads(line)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                return request
        print(json.dumps(answer), flush=True)
    raise SystemExit


def become(words, environment, folder, out, err):
    """Be the process that `python WORDS` would be, to its end."""
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY), (2, err, os.O_WRONLY)):
        os.dup2(os.open(path, flags | os.O_CREAT), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    sys.orig_argv[1:] = words
    status = 1
    try:
        carry_out(words)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # an interpreter would take a second to clear away all that was loaded


def carry_out(words):
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = words
        sys.path[0] = os.fspath(Path(words[0]).parent)
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    become(**serve())
