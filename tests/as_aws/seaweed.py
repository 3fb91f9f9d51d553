"""SeaweedFS that takes a bucket from the host's name, as AWS does."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

from creative_s3.core.local.ports import remove_sockets, reserve_ports
from creative_s3.core.local.process import ensure_bucket, find_weed
from tests.servers.processes import HOST, process
from tests.servers.server import ACCESS_KEY, REGION, SECRET_KEY, Running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_KEYS = (ACCESS_KEY, SECRET_KEY)
_ENV = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
_STARTS = 5


@contextlib.contextmanager
def seaweedfs(directory: Path, domains: Iterable[str]) -> Iterator[Running]:
    """Run the server while the body of the ``with`` runs.

    Args:
        directory: Where its data, log and sockets go.
        domains: What a bucket's name may stand before.
    """
    for attempt in range(_STARTS):
        with contextlib.ExitStack() as stack:
            ports = _free_ports()
            home = directory / str(attempt)
            stack.callback(remove_sockets, home, ports)
            served = process(_command(home, domains, ports), directory=home, env=_ENV, port=ports["s3.port"])
            try:
                pid = stack.enter_context(served)
            except AssertionError:  # another process has taken a port since
                if attempt == _STARTS - 1:
                    raise
                continue
            wait_until(partial(ensure_bucket, ports, _KEYS, "ready", REGION))
            yield Running("seaweedfs", f"http://{HOST}:{ports['s3.port']}", pids=(pid,))
            os.kill(pid, signal.SIGKILL)  # asked to end, it waits for its connections
            return


def _free_ports() -> dict[str, int]:
    sockets = reserve_ports({})
    ports = {name: reserved.getsockname()[1] for name, reserved in sockets.items()}
    for reserved in sockets.values():
        reserved.close()
    return ports


def _command(directory: Path, domains: Iterable[str], ports: Mapping[str, int]) -> list[str]:
    flags = {
        "dir": directory,
        "ip": HOST,
        "ip.bind": HOST,
        **ports,
        "s3.domainName": ",".join(domains),
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.max": 1000,
        "volume.preStopSeconds": 0,
        "filer.localSocket": directory / "filer.sock",
        "s3.localSocket": directory / "s3.sock",
    }
    return [str(find_weed()), "mini", *(f"-{name}={value}" for name, value in flags.items())]
