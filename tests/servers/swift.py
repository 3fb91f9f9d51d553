"""OpenStack Swift with its s3api: four servers, one replica of everything, and a memcached for its tokens."""

from __future__ import annotations

import contextlib
import getpass
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.installing import debian_packages, python_packages
from tests.servers.processes import HOST, free_ports, listens, process, run
from tests.servers.server import Running, Server, installed, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "swift"
_PROGRAM = "bin/swift-proxy-server"
_MEMCACHED = "root/usr/bin/memcached"
_KINDS = ("account", "container", "object")
_PIPELINE = (
    "catch_errors proxy-logging cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes"
    " symlink proxy-logging proxy-server"
)
_DEFAULT = """\
[DEFAULT]
bind_ip = {host}
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
devices = {devices}
mount_check = false
fallocate_reserve = 0
disable_fallocate = true
recon_cache_path = {recon}
[pipeline:main]
pipeline = {pipeline}
"""
_OPTIONS = {
    "cache": {"use": "egg:swift#memcache", "memcache_servers": "{memcached}"},
    "s3api": {"use": "egg:swift#s3api", "location": "us-east-1", "s3_acl": "no"},
    "tempauth": {"use": "egg:swift#tempauth", "user_test_tester": "testing .admin"},
    "versioned_writes": {
        "use": "egg:swift#versioned_writes",
        "allow_versioned_writes": "true",
        "allow_object_versioning": "true",
    },
}


@contextmanager
def _run(directory: Path) -> Iterator[Running]:
    etc = directory / "etc"
    for folder in (etc, directory / "devices" / "d1", directory / "recon"):
        folder.mkdir(parents=True)
    ports = dict(zip((*_KINDS, "proxy", "memcached"), free_ports(len(_KINDS) + 2), strict=True))
    hash_ = "[swift-hash]\nswift_hash_path_prefix = tests\nswift_hash_path_suffix = tests\n"
    policy = "[storage-policy:0]\nname = one\ndefault = yes\n"
    (etc / "swift.conf").write_text(hash_ + policy, encoding="utf-8")
    programs = installed(_NAME) / "bin"
    for kind in _KINDS:
        ring = [str(programs / "swift-ring-builder"), str(etc / f"{kind}.builder")]
        run([*ring, "create", "4", "1", "1"], directory=directory)
        run([*ring, "add", f"r1z1-{HOST}:{ports[kind]}/d1", "1"], directory=directory)
        run([*ring, "rebalance"], directory=directory)
    with contextlib.ExitStack() as stack:
        memcached = [
            str(installed(_NAME) / _MEMCACHED),
            "-l",
            HOST,
            "-p",
            str(ports["memcached"]),
            "-u",
            "root",
        ]
        libraries = str(installed(_NAME) / "root/usr/lib/x86_64-linux-gnu")
        pids = [
            stack.enter_context(
                process(
                    memcached,
                    directory=directory,
                    env={"LD_LIBRARY_PATH": libraries},
                    port=ports["memcached"],
                    ready=listens,
                )
            )
        ]
        for kind in (*_KINDS, "proxy"):
            config = etc / f"{kind}-server.conf"
            config.write_text(_config(kind, directory, ports), encoding="utf-8")
            arguments = [str(programs / f"swift-{kind}-server"), str(config)]
            pids.append(stack.enter_context(process(arguments, directory=directory, port=ports[kind])))
        url = f"http://{HOST}:{ports['proxy']}"
        yield Running(_NAME, url, "test:tester", "testing", pids=tuple(reversed(pids)))


def _config(kind: str, directory: Path, ports: dict[str, int]) -> str:
    """Return the configuration of one of the four."""
    pipeline = _PIPELINE if kind == "proxy" else f"{kind}-server"
    lines = [
        _DEFAULT.format(
            host=HOST,
            port=ports[kind],
            user=getpass.getuser(),
            etc=directory / "etc",
            devices=directory / "devices",
            recon=directory / "recon",
            pipeline=pipeline,
        )
    ]
    *filters, app = pipeline.split()
    for name in dict.fromkeys(filters):
        options = _OPTIONS.get(name) or {"use": f"egg:swift#{name.replace('-', '_')}"}
        lines += [f"[filter:{name}]", *(f"{key} = {value}" for key, value in options.items())]
    lines += [f"[app:{app}]", f"use = egg:swift#{kind}"]
    if kind == "proxy":
        lines += ["account_autocreate = true", "allow_account_management = true"]
    return "\n".join(lines).replace("{memcached}", f"{HOST}:{ports['memcached']}") + "\n"


def _obstacle() -> str | None:
    return missing(_NAME, _PROGRAM) or missing(_NAME, _MEMCACHED)


def _install(directory: Path) -> None:
    python_packages(directory, ("swift>=2.35",))
    debian_packages(directory, "memcached")


SWIFT = Server(_NAME, "PyPI: swift, with Debian's memcached", _run, _obstacle, _install)
