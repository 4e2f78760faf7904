"""What python-tuf takes for the same work: prints `what | wall | CPU | peak memory` lines.

usage: python_tuf.py TARGETS BINS. Inside one process: the interpreter's start and imports are not counted. Entries are synthetic, as in
the lists cuff is given; nothing is flushed to the disk.
"""

import datetime
import hashlib
import pathlib
import resource
import sys
import tempfile
import time

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import (DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp)
from tuf.api.serialization.json import JSONSerializer
from tuf.ngclient import FetcherInterface, Updater

TARGETS, BINS = int(sys.argv[1]), int(sys.argv[2])
EXPIRES = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=30)
CONTENT = b"x" * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()
DIGITS = 1 if BINS == 1 else (BINS - 1).bit_length() // 4 + (1 if (BINS - 1).bit_length() % 4 else 0)
SHARE = 16**DIGITS // BINS
KEYS = {role: CryptoSigner.generate_ed25519() for role in ("root", "targets", "snapshot", "timestamp", "bins")}
COMPACT = JSONSerializer(compact=True)


def measured(what, task):
    wall, cpu = time.perf_counter(), time.process_time()
    result = task()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show = lambda s: f"{s * 1000:.1f} ms" if s < 1 else f"{s:.2f} s"
    print(f"{what} | {show(wall)} | {show(cpu)} | {memory:.0f} MiB", flush=True)
    return result


def bin_of(path):
    return int(hashlib.sha256(path.encode()).hexdigest()[:DIGITS], 16) // SHARE


def name(number):
    return f"bin-{number * SHARE:0{DIGITS}x}"


def entry(path):
    return TargetFile(length=len(CONTENT), hashes={"sha256": DIGEST}, path=path)


def write(folder, role, metadata):
    version = "" if role == "timestamp" else f"{metadata.signed.version}."
    data = metadata.to_bytes(COMPACT)
    (folder / f"{version}{role}.json").write_bytes(data)
    return data


def pinned(version, data):
    return MetaFile(version=version, length=len(data), hashes={"sha256": hashlib.sha256(data).hexdigest()})


def create(folder):
    bins = [Targets(expires=EXPIRES) for _ in range(BINS)]
    for number in range(TARGETS):
        path = f"unit/{number:08}.bin"
        bins[bin_of(path)].targets[path] = entry(path)
    key = KEYS["bins"].public_key
    roles = {}
    for number in range(BINS):
        prefixes = [f"{p:0{DIGITS}x}" for p in range(number * SHARE, (number + 1) * SHARE)]
        roles[name(number)] = DelegatedRole(name(number), [key.keyid], 1, True, path_hash_prefixes=prefixes)
    targets = Metadata(Targets(expires=EXPIRES, delegations=Delegations({key.keyid: key}, roles)))
    snapshot = Metadata(Snapshot(expires=EXPIRES))
    targets.sign(KEYS["targets"])
    snapshot.signed.meta = {"targets.json": pinned(1, write(folder, "targets", targets))}
    for number, signed in enumerate(bins):
        metadata = Metadata(signed)
        metadata.sign(KEYS["bins"])
        snapshot.signed.meta[f"{name(number)}.json"] = pinned(1, write(folder, name(number), metadata))
    root = Metadata(Root(expires=EXPIRES))
    for role in ("root", "targets", "snapshot", "timestamp"):
        root.signed.add_key(KEYS[role].public_key, role)
    root.sign(KEYS["root"])
    write(folder, "root", root)
    finish(folder, snapshot)


def finish(folder, snapshot):
    snapshot.sign(KEYS["snapshot"])
    timestamp = Metadata(Timestamp(expires=EXPIRES, snapshot_meta=pinned(snapshot.signed.version, write(folder, "snapshot", snapshot))))
    timestamp.signed.version = snapshot.signed.version
    timestamp.sign(KEYS["timestamp"])
    write(folder, "timestamp", timestamp)


def add(folder):
    path = "unit/extra.bin"
    role = name(bin_of(path))
    snapshot = Metadata.from_file(str(folder / "1.snapshot.json"))
    metadata = Metadata.from_file(str(folder / f"1.{role}.json"))
    metadata.signed.targets[path] = entry(path)
    metadata.signed.version += 1
    metadata.sign(KEYS["bins"])
    snapshot.signed.meta[f"{role}.json"] = pinned(2, write(folder, role, metadata))
    snapshot.signed.version += 1
    finish(folder, snapshot)


class Files(FetcherInterface):
    def __init__(self, folder):
        self.folder = folder

    def _fetch(self, url):
        path = self.folder / url.removeprefix("file://")
        if url.startswith("file://targets"):
            yield CONTENT
            return
        if not path.is_file():
            raise DownloadHTTPError("not found", 404)
        yield path.read_bytes()


def fetch(folder):
    with tempfile.TemporaryDirectory() as memory:
        updater = Updater(
            metadata_dir=memory, metadata_base_url="file://", target_base_url="file://targets/", fetcher=Files(folder),
            bootstrap=(folder / "1.root.json").read_bytes(), target_dir=memory)
        updater.config.targets_max_length = updater.config.snapshot_max_length = 100 << 20
        updater.refresh()
        updater.download_target(updater.get_targetinfo("unit/00000007.bin"))


with tempfile.TemporaryDirectory() as place:
    folder = pathlib.Path(place)
    measured("create", lambda: create(folder))
    measured("add one", lambda: add(folder))
    measured("client, cold", lambda: fetch(folder))
