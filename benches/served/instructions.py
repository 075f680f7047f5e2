#!/usr/bin/env python3
"""Counts the instructions of a request under callgrind, which are free of noise. scripts/bench-instructions builds and calls this.

One connection sends one request after another, so that only the request itself is counted. Instructions are not time: waits for memory or
for the kernel are not included. But they show where the work is, and whether a change reduced it.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from run import ACCESS_LOG_OFF, fields_beside_actix, free_port, settings

SHUT, OPEN, ME = "/measured/shut", "/measured/open", "/api/v1/me"
# Name, path, tokens, requests before counting starts, counted requests.
WORKLOADS = (
    ("open", OPEN, "warm", 1100, 2000),
    ("known", SHUT, "warm", 1100, 2000),
    ("GET /api/v1/me", ME, "warm", 1100, 2000),
    ("refused", SHUT, "refused", 100, 500),
    ("cold RS256", SHUT, "RS256", 100, 500),
    ("cold ES256", SHUT, "ES256", 100, 500),
    ("cold EdDSA", SHUT, "EdDSA", 100, 500),
    ("first contact", SHUT, "strangers", 50, 300),
)


class Counted:
    """A server under callgrind."""

    def __init__(self, folder, arguments, environment, port):
        self.port, self.counts = port, folder / f"counts-{port}"
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self.counts}"]
        self.process = subprocess.Popen(
            [*command, *map(str, arguments)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.dumps = 0

    def wait_until(self, path, seconds=120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                sys.exit(f"{self.process.args} has ended")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
                    return answer
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{path} was not answered in {seconds} s")

    def control(self, *what):
        subprocess.run(["callgrind_control", *what, str(self.process.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def count(self, path, tokens, before, counted):
        """Instructions per request."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            self.ask(connection, path, tokens, range(before))
            self.control("-z")
            self.control("-i", "on")
            self.ask(connection, path, tokens, range(before, before + counted))
            self.control("-i", "off")
        self.control("--dump")
        self.dumps += 1
        dump = Path(f"{self.counts}.{self.dumps}").read_text()
        total = next(int(line.split()[1]) for line in dump.splitlines() if line.startswith("totals:"))
        return total / counted

    def ask(self, connection, path, tokens, numbers):
        for number in numbers:
            token = tokens[number % len(tokens)]
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n"
            connection.sendall(head.encode())
            if not connection.recv(65536).startswith((b"HTTP/1.1 200", b"HTTP/1.1 401")):
                sys.exit(f"{path} returned an unexpected status")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench-instructions", description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    programs = Path(parser.parse_args().bin) / "examples"
    folder = Path(tempfile.mkdtemp())
    running = []
    try:
        subprocess.run([programs / "measured", "tokens", folder / "tokens", "50"], check=True)
        tokens = {file.name: file.read_text().split() for file in (folder / "tokens").iterdir() if file.suffix != ".toml"}
        port = free_port()
        environment = settings(folder / "tokens", f"sqlite://{folder / 'service.db'}", ACCESS_LOG_OFF)
        environment |= {
            "PATH": os.environ["PATH"],
            "SERVER_BIND": f"127.0.0.1:{port}",
            "SERVER_MANAGEMENT_BIND": "off",
        }
        service = Counted(folder, [programs / "measured", "serve"], environment, port)
        running.append(service)
        service.wait_until("/health/ready")
        fields = fields_beside_actix(service.wait_until(OPEN).headers)
        port = free_port()
        bare = Counted(folder, [programs / "bare", f"127.0.0.1:{port}", *fields], None, port)
        running.append(bare)
        bare.wait_until("/")
        counts = {"bare": bare.count(SHUT, tokens["warm"], 1100, 2000)}
        for name, path, file, before, counted in WORKLOADS:
            counts[name] = service.count(path, tokens[file], before, counted)
            print(f"{name:16}{counts[name]:>12,.0f}", flush=True)
        print(f"{'bare':16}{counts['bare']:>12,.0f}")
        print(json.dumps({name: round(count) for name, count in counts.items()}))
    finally:
        for server in running:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
