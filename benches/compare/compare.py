"""Runs every tool on the same work and prints one table for each kind of it.

usage: compare.py CUFF WORK [images|repositories|uploads|scale ...]
"""

import hashlib
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CUFF = pathlib.Path(sys.argv[1]).resolve()
WORK = pathlib.Path(sys.argv[2]).resolve()
WORDS = sys.argv[3:] or ["images", "repositories", "uploads"]
HERE = pathlib.Path(__file__).parent
BIN = WORK / "python" / "bin"
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Cost:
    """Wall and CPU seconds of a process, and the most memory it held, in MiB."""

    def __init__(self, wall, cpu, memory):
        self.wall, self.cpu, self.memory = wall, cpu, memory

    @staticmethod
    def middle(costs):
        return Cost(*(statistics.median(getattr(c, n) for c in costs) for n in ("wall", "cpu", "memory")))


def run(command, folder, environment=None):
    start = time.perf_counter()
    child = subprocess.Popen([str(word) for word in command], cwd=folder, env={**os.environ, **(environment or {})}, **QUIET)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if child.returncode != 0:
        sys.exit(f"{command}: exit code {child.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def often(times, command, folder, before=lambda: None, environment=None):
    costs = []
    for _ in range(times):
        before()
        costs.append(run(command, folder, environment))
    return Cost.middle(costs)


def ms(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def row(name, cost):
    print(f"| {name} | {ms(cost.wall)} | {ms(cost.cpu)} | {cost.memory:.0f} MiB |", flush=True)


def head(title):
    print(f"\n### {title}\n\n| what | wall | CPU | peak memory |\n|---|---|---|---|")


def images():
    """Sign and verify 512 KiB, whole processes, keys without a passphrase. cuff's sign reviews and judges a whole repository."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=WORK))
    image = os.urandom(512 << 10)
    (folder / "image.bin").write_bytes(image)
    head("Sign and verify a 512 KiB image, whole processes, median of 9")
    keys = folder / "imgtool.pem"
    run([BIN / "imgtool", "keygen", "-k", keys, "-t", "ed25519"], folder)
    sign = [BIN / "imgtool", "sign", "-k", keys, "--header-size", "0x200", "--pad-header", "--slot-size", "0x100000",
            "--version", "1.0.0", "--align", "4", "image.bin", "signed.bin"]
    row("imgtool sign", often(9, sign, folder))
    row("imgtool verify", often(9, [BIN / "imgtool", "verify", "-k", keys, "signed.bin"], folder))
    subprocess.run(["minisign", "-G", "-W", "-p", "m.pub", "-s", "m.key"], cwd=folder, check=True, **QUIET)
    row("minisign -S", often(9, ["minisign", "-S", "-s", "m.key", "-m", "image.bin"], folder))
    row("minisign -V", often(9, ["minisign", "-V", "-p", "m.pub", "-m", "image.bin"], folder))
    shutil.copytree(HERE / "image", folder / "build")
    # A vector table that points into the image, as `build` demands.
    image = (0x20001000).to_bytes(4, "little") + (0x2102C041).to_bytes(4, "little") + image[8:]
    (folder / "build" / "image.bin").write_bytes(image)
    for who in ("alice", "online"):
        cuff(folder, f"key new {who} --unencrypted")
    cuff(folder, "init desk --key root=alice.pub --product band --online online.pub")
    fetch = "fetch store band/{}.0.0 --root store/metadata/1.root.json"
    for release in (1, 2):
        row("cuff build", run([CUFF, "build", f"build/manifest-{release}.toml", "--board", "build/board.toml", "-o", "band.cuff"], folder))
        cuff(folder, "stage band.cuff")
        line = ["sign", "--key", "alice.key", "--review", review(folder)]
        if release == 2:
            shutil.copytree(folder / "desk", folder / "pristine")

            def fresh():
                shutil.rmtree(folder / "desk")
                shutil.copytree(folder / "pristine", folder / "desk")

            row("cuff sign (reviews the repository, hashes and signs)", often(9, [CUFF, *line], folder, fresh, DESK))
            fresh()
        cuff(folder, " ".join(line))
        cuff(folder, "publish --to store --online-key online.key")
        cuff(folder, fetch.format(release) + " --sealed -o sealed.cuff")
        if release == 1:
            cuff(folder, "sim new wearable --board build/board.toml")
            cuff(folder, "device provision sim:wearable sealed.cuff --hardware band-a --serial 1 --root store/metadata/1.root.json")
            cuff(folder, "device info sim:wearable --save state.json")
    row("cuff verify (a device's judge: whole chain, and the image)",
        often(9, [CUFF, *"verify sealed.cuff --for state.json".split()], folder))
    row("cuff fetch (a client: whole chain from the first root, and the bundle)",
        often(9, [CUFF, *fetch.format(2).split(), "-o", "got.cuff"], folder))
    row("cuff --version", often(9, [CUFF, "--version"], folder))
    shutil.rmtree(folder)


DESK = {"CUFF_DESK": "desk"}


def cuff(folder, line):
    done = subprocess.run([str(CUFF), *line.split()], cwd=folder, env={**os.environ, **DESK}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cuff {line}: {done.stdout}{done.stderr}")
    return done.stdout


def review(folder):
    import json
    return json.loads(cuff(folder, "review --json"))["digest"]


def bins(folder, count):
    """An empty repository of bins, published."""
    for who in ("alice", "online", "machine"):
        cuff(folder, f"key new {who} --unencrypted")
    cuff(folder, f"init desk --key root=alice.pub --online online.pub --bins {count} --bin-key machine.pub")
    cuff(folder, f"sign --key alice.key --review {review(folder)}")
    cuff(folder, f"publish {KEYS}")


KEYS = "--online-key online.key --bin-key machine.key --to store"
ADD = ["bins", "add", *KEYS.split()]


def listing(folder, targets):
    content = b"x" * 4096
    digest = hashlib.sha256(content).hexdigest()
    # Line by line: what this process holds is the least that any process it starts seems to hold.
    with open(folder / "list", "w") as lines:
        for n in range(targets):
            lines.write(f"{digest} 4096 unit/{n:08}.bin\n")
    return content, digest


def repositories():
    """Create, add one, read one, against python-tuf and tough (inside one process: the interpreter's start is left out)."""
    for targets, count in ((1_000, 1), (1_000, 1024), (100_000, 1), (100_000, 1024)):
        kind = "flat" if count == 1 else f"{count} bins"
        head(f"{targets:,} targets, {kind}")
        if targets > 20_000 and count == 1:
            print("| cuff: refused, by design: a role of 4 MiB is more than its clients read; it says to take more bins | | | |")
        else:
            repository(targets, count)
        for tool, words in (("python-tuf", [BIN / "python", HERE / "python_tuf.py"]), ("tough", [WORK / "tough" / "release" / "tough-bench"])):
            done = subprocess.run([*words, str(targets), str(count)], capture_output=True, text=True, check=True)
            for line in done.stdout.splitlines():
                print(f"| {tool} {line} |", flush=True)


def repository(targets, count):
    folder = pathlib.Path(tempfile.mkdtemp(dir=WORK))
    bins(folder, count)
    content, digest = listing(folder, targets)
    row("cuff bins add --list (all of them)", run([CUFF, *ADD, "--list", "list"], folder, DESK))
    numbers = iter(range(100))

    def one():
        (folder / "one").write_text(f"{digest} 4096 unit/extra-{next(numbers)}.bin\n")

    row("cuff bins add (one more)", often(9, [CUFF, *ADD, "--list", "one"], folder, one, DESK))
    target = folder / "store" / "targets" / "unit"
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{digest}.00000007.bin").write_bytes(content)
    root = "--root store/metadata/1.root.json"
    fetch = f"bins fetch store unit/00000007.bin {root} -o got".split()
    row("cuff bins fetch (cold: nothing remembered)", often(9, [CUFF, *fetch], folder))
    warm = [*fetch, "--metadata-dir", "memory"]
    row("cuff bins fetch (remembers what it trusted)", often(9, [CUFF, *warm], folder))
    sizes = {name: max((p.stat().st_size for p in (folder / "store" / "metadata").glob(pattern)), default=0)
             for name, pattern in (("snapshot", "*.snapshot.json"), ("targets", "*.targets.json"), ("bin", "*.bin-*.json"))}
    print(f"| cuff, bytes a client reads | snapshot {sizes['snapshot']:,} | targets {sizes['targets']:,} | bin {sizes['bin']:,} |")
    shutil.rmtree(folder)


def scale():
    """A million targets in 4096 bins, for real."""
    head("1,000,000 targets, 4096 bins")
    repository(1_000_000, 4096)


def uploads():
    """Files to a local S3 server: cuff beside object_store itself, 16 requests at a time, in turns."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([BIN / "moto_server", "--host", "127.0.0.1", "--port", str(port)], **QUIET)
    address = f"http://127.0.0.1:{port}"
    for _ in range(100):
        time.sleep(0.2)
        if subprocess.run(["curl", "--silent", "--fail", "-X", "PUT", f"{address}/bucket"], **QUIET).returncode == 0:
            break
    environment = {**DESK, "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
                   "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    try:
        done = subprocess.run(["cargo", "bench", "--quiet", "--bench", "upload"], cwd=HERE.parents[1],
                              env={**os.environ, **environment}, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        print(done.stdout)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
for word in ("images", "repositories", "uploads", "scale"):
    if word in WORDS:
        globals()[word]()
