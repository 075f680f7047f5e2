#!/usr/bin/env python3
"""Measures the service against a bare Actix handler; scripts/bench builds both and calls this.

Server and load have a core each, and the load never sleeps (awake.c). Every cost is CPU time of the server's process per request, so that it
does not depend on how far the load fills the server; service and bare handler alternate, so that other work of the machine affects both
alike. docs/performance.md explains each line.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
ACCESS_LOG_OFF = "info,actix_server=warn,portcullis::access=off"
ACCESS_LOG_ON = "info,actix_server=warn"
CONNECTIONS = 32
TICK = os.sysconf("SC_CLK_TCK")
# Fields that Actix itself adds to every response.
ACTIX_FIELDS = ("content-length", "content-type", "date", "connection")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def settings(tokens, database, level):
    """The service's environment without its address: it trusts the issuer of these tokens."""
    return {
        "DATABASE_URL": database,
        "DATABASE_MIGRATE": "true",
        "OIDC_ISSUERS_FILE": str(tokens / "issuers.toml"),
        "LOG_FORMAT": "json",
        # Rate limits are counted as usual and never reached.
        "RATE_LIMIT_FAILURES_PER_MINUTE": "1000000",
        "RATE_LIMIT_REQUESTS_PER_MINUTE": "1000000",
        "LOG_LEVEL": level,
    }


def fields_beside_actix(headers):
    """The header fields of a response that the service adds, as arguments of the bare handler."""
    return [f"{name.lower()}: {value}" for name, value in headers.items() if name.lower() not in ACTIX_FIELDS]


class Server:
    """A process on the server's core, and its cost so far."""

    def __init__(self, core, arguments, port, environment=None, log=None):
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core), *map(str, arguments)],
            env=environment or {},
            stdout=log or subprocess.DEVNULL,
            stderr=subprocess.STDOUT if log else None,
        )

    def wait_until(self, path, seconds=20):
        """Returns once `path` is answered 200: the time since the start, in milliseconds."""
        request = f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode()
        while time.perf_counter() - self.started < seconds:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(request)
                    if connection.recv(64).startswith(b"HTTP/1.0 200"):
                        return (time.perf_counter() - self.started) * 1e3
            except OSError:
                pass
            if self.process.poll() is not None:
                sys.exit(f"{self.process.args} has ended")
            time.sleep(0.0005)
        sys.exit(f"{self.url}{path} was not answered in {seconds} s")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss_mib(self):
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024

    def stop(self):
        # As from a terminal: it stops at once, without the grace period for load balancers.
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Bench:
    def __init__(self, arguments):
        self.bin = Path(arguments.bin)
        self.rounds, self.seconds, self.quick = arguments.rounds, arguments.seconds, arguments.quick
        self.awake = None if arguments.sleeping_load else self.awake_load(Path(arguments.folder))
        self.folder = Path(arguments.folder)
        self.tokens = self.folder / "tokens"
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = cores[0], cores[-1]
        # The PostgreSQL server that scripts/bench --postgres provides.
        self.server = os.environ["PORTCULLIS_TEST_DATABASE"] if arguments.postgres else None
        self.databases = 0
        self.samples = {}
        # Microseconds of one check, and of an uncached token beyond a cached one and that check, by algorithm.
        self.signatures = {name: [] for name in ALGORITHMS}
        self.proofs = {name: [] for name in ALGORITHMS}
        self.figures = {}
        self.running = []

    @staticmethod
    def awake_load(folder):
        """Compiles the library that keeps wrk from sleeping."""
        library = folder / "awake.so"
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", library, HERE / "awake.c"]
        subprocess.run(list(map(str, command)), check=True)
        return str(library)

    # Processes

    def start(self, arguments, environment=None, log=None):
        port = free_port()
        server = Server(self.server_core, arguments(port), port, environment and environment(port), log)
        self.running.append(server)
        return server

    def stop(self, server):
        server.stop()
        self.running.remove(server)

    def service(self, level=ACCESS_LOG_OFF, program="examples/measured", database=None, wait=True):
        """The service with a new database, or with the given one."""
        environment = settings(self.tokens, database or self.new_database(), level)
        # The reader of the log runs on the other core.
        reader = ["taskset", "-c", str(self.load_core), "cat"]
        pipe = subprocess.Popen(reader, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        server = self.start(
            lambda _: [self.bin / program, "serve"],
            lambda port: environment | {"SERVER_BIND": f"127.0.0.1:{port}"},
            pipe.stdin,
        )
        pipe.stdin.close()
        if wait:
            server.wait_until("/health/ready")
        return server

    def new_database(self):
        self.databases += 1
        name = f"service-{self.databases}"
        if self.server is None:
            return f"sqlite://{self.folder / name}.db"
        at = urlsplit(self.server)
        # By environment variables, because arguments are visible to all users.
        access = {"PGHOST": at.hostname, "PGPORT": str(at.port), "PGUSER": at.username, "PGPASSWORD": at.password}
        command = ["psql", "-q", "-d", "postgres", "-c", f'CREATE DATABASE "{name}"']
        subprocess.run(command, env={"PATH": os.environ["PATH"]} | access, check=True)
        return at._replace(path=f"/{name}").geturl()

    def load(self, server, path, tokens=None, seconds=None):
        """The result of wrk, with the CPU time of the server."""
        environment = {"PATH": os.environ["PATH"]} | ({"TOKENS": str(self.tokens / tokens)} if tokens else {})
        environment |= {"LD_PRELOAD": self.awake} if self.awake else {}
        seconds = seconds or self.seconds
        command = ["taskset", "-c", self.load_core, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
        command += ["-s", HERE / "load.lua", f"{server.url}{path}"]
        before = server.cpu_seconds()
        printed = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, check=True).stdout
        result = json.loads(printed.decode().splitlines()[-1])
        result["cpu_us"] = (server.cpu_seconds() - before) * 1e6 / max(result["requests"], 1)
        result["rate"] = result["requests"] / result["seconds"]
        return result

    def sample(self, name, server, path, tokens=None, seconds=None, refused=False, limit=None):
        result = self.load(server, path, tokens, seconds)
        wrong = result["broken"] or result["refused"] != (result["requests"] if refused else 0)
        if wrong:
            sys.exit(f"{name}: unexpected responses: {result}")
        if limit and result["presented"] > limit and not self.quick:
            sys.exit(f"{name}: {result['presented']} requests, but only {limit} tokens to send once each")
        result["rss_mib"] = server.rss_mib()
        self.samples.setdefault(name, []).append(result)
        return result

    # Workloads

    def known(self):
        """Cached tokens of recent callers."""
        off, on = self.service(), self.service(ACCESS_LOG_ON)
        bare = self.bare(off)
        # Separates the effect of memory: one token stays in the processor's cache, a thousand do not.
        (self.tokens / "one").write_text((self.tokens / "warm").read_text().splitlines()[0] + "\n")
        for server in (off, on):
            self.load(server, "/measured/shut", "warm", 1)
        for _ in range(self.rounds):
            self.sample("bare", bare, "/measured/shut", "warm")
            self.sample("open", off, "/measured/open", "warm")
            self.sample("known", off, "/measured/shut", "warm")
            self.sample("open, one token", off, "/measured/open", "one")
            self.sample("known, one token", off, "/measured/shut", "one")
            self.sample("known, logged", on, "/measured/shut", "warm")
            self.sample("GET /api/v1/me", off, "/api/v1/me", "warm")
            self.sample("refused", off, "/measured/shut", "refused", refused=True)
        for server in (off, on, bare):
            self.stop(server)

    def bare(self, service):
        """The bare handler, with the header fields of the service's response."""
        token = (self.tokens / "warm").read_text().split(maxsplit=1)[0]
        request = urllib.request.Request(f"{service.url}/measured/shut", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as answer:
            expected = self.shape(answer)
            fields = fields_beside_actix(answer.headers)
        bare = self.start(lambda port: [self.bin / "examples/bare", f"127.0.0.1:{port}", *fields])
        bare.wait_until("/")
        with urllib.request.urlopen(bare.url) as answer:
            shape = self.shape(answer)
            if shape != expected:
                sys.exit(f"the bare handler's response differs from the service's: {shape}, {expected}")
        return bare

    @staticmethod
    def shape(answer):
        fields = {name.lower(): value for name, value in answer.headers.items()}
        # The date differs each time.
        return answer.status, answer.read(), {name: "" if name in ("date",) else fields[name] for name in sorted(fields)}

    def cold(self):
        """Each token once, of recent callers."""
        limits = {name: len((self.tokens / name).read_text().split()) for name in ALGORITHMS}
        for _ in range(max(3, self.rounds // 4)):
            for algorithm in ALGORITHMS:
                server = self.service()
                self.load(server, "/measured/shut", "warm", 1)
                warm = self.sample("warm before cold", server, "/measured/shut", "warm", 1)["cpu_us"]
                before = self.raw_check(algorithm)
                result = self.sample(
                    f"cold {algorithm}", server, "/measured/shut", algorithm, 1, limit=limits[algorithm]
                )
                signature = statistics.mean((before, self.raw_check(algorithm)))
                self.stop(server)
                self.signatures[algorithm].append(signature)
                self.proofs[algorithm].append(result["cpu_us"] - warm - signature)
        self.figures["signature_us"] = {name: statistics.median(self.signatures[name]) for name in ALGORITHMS}

    def raw_check(self, algorithm):
        """Microseconds of one check at this moment."""
        command = ["taskset", "-c", str(self.server_core), str(self.bin / "examples/measured"), "signatures"]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)[algorithm]

    def strangers(self):
        """Each token of a new principal."""
        limit = len((self.tokens / "strangers").read_text().split())
        for _ in range(3):
            server = self.service()
            self.sample("first contact", server, "/measured/shut", "strangers", 3, limit=limit)
            self.stop(server)

    def many(self):
        """As many tokens as the cache holds."""
        server = self.service()
        self.load(server, "/measured/shut", "warm", 1)
        presented, count = 0, len((self.tokens / "RS256").read_text().split())
        while presented < count:
            # Each round begins with the first token.
            presented = self.load(server, "/measured/shut", "RS256", 15)["presented"]
        self.sample("100,000 tokens", server, "/measured/shut", "RS256", 3)
        self.stop(server)

    def rest(self):
        """Time from the start to the first ready response, and memory while idle. The service itself, not the example."""
        ready = []
        database = self.new_database()
        for number in range(9):
            server = self.service(ACCESS_LOG_ON, "portcullis", database, wait=False)
            took = server.wait_until("/health/ready")
            if number:
                # The first start created the database.
                ready.append(took)
            time.sleep(0.5)
            self.figures["rest_mib"] = server.rss_mib()
            self.stop(server)
        self.figures["ready_ms"] = statistics.median(ready)

    # Figures

    def median(self, name, member):
        return statistics.median(sample[member] for sample in self.samples[name])

    def ratio(self, one, other):
        """The ratio of the CPU time of `one` to that of `other`: the median over pairs measured alternately."""
        return statistics.median(
            a["cpu_us"] / b["cpu_us"] for a, b in zip(self.samples[one], self.samples[other], strict=True)
        )

    def rows(self):
        bare = self.median("bare", "cpu_us")
        for name in self.samples:
            cost = self.median(name, "cpu_us")
            yield {
                "workload": name,
                "requests_per_second": round(self.median(name, "rate")),
                "p50_us": round(self.median(name, "p50_us")),
                "p99_us": round(self.median(name, "p99_us")),
                "cpu_ms_per_1000": round(cost, 2),
                "rss_mib": round(self.median(name, "rss_mib"), 1),
                "ratio_to_bare": round(bare / cost, 3),
            }

    def verdicts(self, lists):
        """Each line of the budget: required, measured, whether it is met; `None` if it was not measured."""

        def least(name, wanted, seen):
            return {"line": name, "wanted": f"≥ {wanted:,}", "seen": round(seen, 3), "met": seen >= wanted}

        def most(name, wanted, seen, unit):
            return {
                "line": name, "wanted": f"≤ {wanted:,.1f} {unit}", "seen": f"{seen:,.1f} {unit}", "met": seen <= wanted
            }

        yield least("(a) over itself without authenticate and require", 0.9, self.ratio("open", "known"))
        yield least("(b) over bare, access log off", 0.75, self.ratio("bare", "known"))
        yield least("(b) over bare, access log on", 0.6, self.ratio("bare", "known, logged"))
        for algorithm in ALGORITHMS:
            over = statistics.median(self.proofs[algorithm])
            yield most(f"{algorithm} token never seen, over a known one and the raw check", 6, over, "µs")
        yield least("new principals a second", 2000, self.median("first contact", "rate"))
        yield most("memory at rest", 20, self.figures["rest_mib"], "MiB")
        yield most("memory with 100,000 tokens", 150, self.median("100,000 tokens", "rss_mib"), "MiB")
        yield most("ready", 100, self.figures["ready_ms"], "ms")
        yield {"line": "lists stay flat", "wanted": "≤ × 2", "seen": lists or "not measured", "met": lists and True}


def measure_lists(repository):
    """Fills a database and fetches pages; fails if a page costs more than twice the first."""
    ended = subprocess.run([repository / "scripts/bench-lists"], stdout=subprocess.PIPE, text=True)
    print(ended.stdout, end="")
    if ended.returncode:
        sys.exit("scripts/bench-lists has failed")
    return "flat"


def table(header, rows, markdown):
    texts = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[at]) for row in texts) for at in range(len(header))]
    if markdown:
        texts.insert(1, ["---", *["---:"] * (len(header) - 1)])
        return "\n".join("| " + " | ".join(row) + " |" for row in texts)
    aligned = lambda row: "  ".join([row[0].ljust(widths[0]), *[c.rjust(w) for c, w in zip(row[1:], widths[1:])]])
    return "\n".join(aligned(row) for row in texts)


def report(bench, lists, markdown):
    rows, verdicts = list(bench.rows()), list(bench.verdicts(lists))
    header = ("Workload", "Requests/s", "p50 µs", "p99 µs", "CPU ms/1,000", "RSS MiB", "Ratio to bare")
    print()
    print(table(header, [list(row.values()) for row in rows], markdown))
    print()
    signatures = bench.figures["signature_us"]
    print(table(("Raw signature check", "µs"), [(name, f"{signatures[name]:.1f}") for name in ALGORITHMS], markdown))
    print()
    word = {True: "yes", False: "no", None: "-"}
    lines = [(v["line"], v["wanted"], v["seen"], word[v["met"]]) for v in verdicts]
    print(table(("Budget", "Wanted", "Seen", "Met"), lines, markdown))
    print()
    print(json.dumps({"rows": rows, "figures": bench.figures, "budget": verdicts}, ensure_ascii=False))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="number of alternations of service and bare handler (20)")
    parser.add_argument("--seconds", type=int, default=1, help="duration of each measurement in seconds (1)")
    parser.add_argument("--lists", action="store_true", help="also measure pages of 1,000,000 users, which take minutes to create")
    parser.add_argument("--markdown", action="store_true", help="print tables as in docs/performance.md")
    parser.add_argument("--postgres", action="store_true", help="use a separate PostgreSQL server instead of SQLite")
    parser.add_argument("--sleeping-load", action="store_true", help="let the load sleep until the server's responses wake it")
    parser.add_argument("--quick", action="store_true", help="use a fiftieth of the tokens for a trial; the figures are not valid")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.folder = Path(arguments.bin) / "bench-data"
    shutil.rmtree(arguments.folder, ignore_errors=True)
    arguments.folder.mkdir()
    bench = Bench(arguments)
    try:
        report_progress = lambda text: print(text, file=sys.stderr, flush=True)
        report_progress("signing tokens")
        share = ["50"] if arguments.quick else []
        subprocess.run([bench.bin / "examples/measured", "tokens", bench.tokens, *share], check=True)
        for work in (bench.rest, bench.known, bench.cold, bench.strangers, bench.many):
            report_progress(work.__doc__.splitlines()[0])
            work()
        lists = measure_lists(HERE.parent.parent) if arguments.lists else None
    finally:
        for server in list(bench.running):
            server.stop()
        shutil.rmtree(arguments.folder, ignore_errors=True)
    report(bench, lists, arguments.markdown)


if __name__ == "__main__":
    main()
