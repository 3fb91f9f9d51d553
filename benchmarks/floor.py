"""What is left of a command without what this project adds: the same requests, sent by bare threads.

Run it alone: ``python -m benchmarks.floor [--rounds N]``. No index, plan, price, catalog, retry or progress;
the requests have the condition, tags, metadata and checksum of ours, and downloads are checked, made durable
and named as ours are. The ratio to s5cmd says what no better program of this kind could undercut here: the
server's work for such requests, and the libraries' imports.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from benchmarks.data import Files
from benchmarks.measuring import median, run
from benchmarks.programs import program
from benchmarks.server import running, workplace
from benchmarks.tables import table

if TYPE_CHECKING:
    from benchmarks.measuring import Cost
    from benchmarks.server import Server
    from creative_s3.core.transfers.direct_requests import DirectRequests
    from creative_s3.core.transfers.wire import Line

_SETS = (Files(5_000, 64 << 10), Files(400, 2 << 20))
_IMPORTS = "import boto3, pydantic_settings, typer, rich.console, rich.live; boto3.client('s3')"
_THREADS = 10
_TAGS = "asset-type=scene_background&region=us&season=fall&style=minimal&campaign=campaign-07"
_METADATA = {"cache-key": "scene_0000001", "asset-type": "scene_background", "region": "US", "season": "fall"}


def main() -> int:
    """Measure and print; with ``--child``, be the client that is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=4, metavar=("WHAT", "ENDPOINT", "BUCKET", "FOLDER"))
    options = parser.parse_args()
    if options.child:
        return _move(*options.child)
    rows: list[tuple[str, ...]] = []
    with workplace() as place, running(place) as server:
        for files in _SETS:
            rows += _measured(files, place, server, options.rounds)
        costs = [
            run([sys.executable, "-c", _IMPORTS], server.environment).cost for _ in range(options.rounds)
        ]
        rows.append(("imports and an S3 client", "python", f"{median(costs).wall_s:.2f}", "", ""))
    print(table(("work", "who", "s", "floor / s5cmd", "CPU s"), rows))
    return 0


def _measured(files: Files, place: Path, server: Server, rounds: int) -> list[tuple[str, ...]]:
    source, target = place / "in", place / "out"
    source.mkdir()
    for number in range(files.count):
        (source / f"{number:05}").write_bytes(os.urandom(files.size_bytes))
    costs: dict[tuple[str, str], list[Cost]] = {}
    for number in range(rounds):
        bucket = f"floor-{files.size_bytes}-{number}"
        server.make_bucket(bucket)
        url = f"s3://{bucket}"
        s5cmd = [program("s5cmd"), "--endpoint-url", server.endpoint_url, "--log", "error"]
        ours = [sys.executable, "-m", "benchmarks.floor", "--child"]
        where = [server.endpoint_url, bucket]
        for (work, who), command in {
            ("upload", "floor"): [*ours, "put", *where, str(source)],
            ("upload", "s5cmd"): [*s5cmd, "cp", f"{source}/*", f"{url}/peer/"],
            ("download", "floor"): [*ours, "get", *where, str(target)],
            ("download", "s5cmd"): [*s5cmd, "cp", f"{url}/peer/*", f"{target}/"],
        }.items():
            target.mkdir()
            server.settle()
            costs.setdefault((work, who), []).append(run(command, server.environment).cost)
            _empty(target)
        server.delete_bucket(bucket)
    _empty(source)
    rows: list[tuple[str, ...]] = []
    for (work, who), found in costs.items():
        middle = median(found)
        ratio = f"{middle.wall_s / median(costs[work, 's5cmd']).wall_s:.2f}" if who == "floor" else ""
        rows.append(
            (f"{work} {files.label}", who, f"{middle.wall_s:.2f}", ratio, f"{middle.cpu_s:.2f}"),
        )
    return rows


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


# -- the client that is measured


def _move(what: str, endpoint_url: str, bucket: str, folder: str) -> int:
    from creative_s3.core.s3.connection import connect
    from creative_s3.core.transfers.direct_requests import DirectRequests
    from creative_s3.core.transfers.lines import lines_to
    from creative_s3.settings import S3Config

    connection = connect(S3Config.from_env(env_file=None, bucket_name=bucket, endpoint_url=endpoint_url))
    requests = DirectRequests(connection)
    lines = lines_to(connection, requests.endpoint_url)
    names: SimpleQueue[str] = SimpleQueue()
    if what == "put":
        listed = sorted(path.name for path in Path(folder).iterdir())
    else:
        pages = connection.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="floor/")
        listed = [entry["Key"].rpartition("/")[2] for page in pages for entry in page["Contents"]]
    for name in listed:
        names.put(name)
    step = _put if what == "put" else _get
    failures: list[BaseException] = []

    def work(line: Line) -> None:
        try:
            while True:
                step(line, requests, Path(folder, names.get_nowait()))
        except Empty:
            line.close()
        except BaseException as error:  # noqa: BLE001 - raised again by the one who waits
            failures.append(error)

    threads = [threading.Thread(target=work, args=(lines.new(),)) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return 0


def _put(line: Line, requests: DirectRequests, path: Path) -> None:
    from creative_s3.core.files.checksums import crc64nvme_of
    from creative_s3.core.transfers.flights import Flight, answer_of

    content = path.read_bytes()
    crc64nvme = crc64nvme_of(content)
    flight = Flight(f"floor/{path.name}", path, len(content), _ignore, _ignore, if_none_match="*")
    request = requests.put(
        flight,
        {
            "ChecksumCRC64NVME": crc64nvme,
            "ContentType": "image/png",
            "StorageClass": "STANDARD",
            "Metadata": _METADATA,
            "Tagging": _TAGS,
        },
    )
    line.send(requests.signed(request) if request else b"", content)
    said, pieces = line.receive(has_body=True)
    for _ in pieces:
        pass
    if answer_of(said.headers.items()).crc64nvme != crc64nvme:
        raise RuntimeError(f"this proves nothing: {said}")


def _get(line: Line, requests: DirectRequests, path: Path) -> None:
    from creative_s3.core.files.checksums import Crc64
    from creative_s3.core.transfers.flights import Flight, answer_of

    request = requests.get(Flight(f"floor/{path.name}", path, 0, _ignore, _ignore))
    line.send(requests.signed(request) if request else b"")
    said, pieces = line.receive(has_body=True)
    crc = Crc64()
    partial = path.with_name(f".{path.name}")
    with partial.open("xb") as file:
        for piece in pieces:
            crc.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if answer_of(said.headers.items()).crc64nvme != crc.base64:
        raise RuntimeError(f"this proves nothing: {said}")
    os.link(partial, path)
    partial.unlink()


def _ignore(_: object) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
