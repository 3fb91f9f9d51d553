"""Runs Python with a resolver that knows the tests' server under AWS's names, and nothing else.

For where there is no mount namespace or port 443: ``python resolving.py FILE -m MODULE …``, or ``-c CODE``.
"""

from __future__ import annotations

import json
import runpy
import socket
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    known, address = frozenset(told["hosts"]), tuple(told["address"])
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - socket's own
        if host in known:
            return resolve(*address, *arguments, **more)
        if str(host).startswith("127."):
            return resolve(host, port, *arguments, **more)
        raise socket.gaierror(socket.EAI_NONAME, f"a test may not ask for {host}")

    socket.getaddrinfo = getaddrinfo
    way, what, *rest = sys.argv[2:]
    sys.argv = [what if way == "-m" else "-c", *rest]
    sys.path[0] = ""
    if way == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as python -c does


if __name__ == "__main__":
    main()
