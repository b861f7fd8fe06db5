"""Every test and program can be imported on every system: what only one of them has is asked for, or stands inside of
what runs there alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("run_server.py", "streamer", "models", "kernels", "training", "benchmarks", "examples", "scripts", "tests")
# Modules and names of the standard library that Windows lacks, of those that anybody here could want.
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMES = {
    "os": {
        "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getpriority", "getuid", "killpg",
        "memfd_create", "mkfifo", "mknod", "nice", "O_CLOEXEC", "O_NOFOLLOW", "PRIO_PROCESS", "sched_getaffinity",
        "sched_setaffinity", "setpgid", "setpriority", "setsid", "sysconf", "uname", "wait4", "waitid",
    },
    "signal": {
        "SIGALRM", "SIGCONT", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGSTOP", "SIGUSR1", "SIGUSR2", "alarm", "pthread_kill",
        "setitimer",
    },
    "socket": {"AF_UNIX", "SO_REUSEPORT"},
    "time": {"tzset"},
}  # fmt: skip
# Where the product uses such a name: after it has found out that it is there, or that the system is Linux.
USES = {
    ("kernels/cache_folder.py", "os.getuid"): "asks with `hasattr`",
    ("streamer/files/output_claim.py", "fcntl"): "not on Windows",
    ("streamer/runtime/address_space.py", "resource"): "on Linux alone",
    ("streamer/runtime/fork_server.py", "os.fork"): "only in what a fork server has forked",
    ("streamer/runtime/fork_server.py", "os.waitid"): "only where there is a fork server",
    ("streamer/runtime/fork_server.py", "signal.SIGCONT"): "only where there is a fork server",
    ("streamer/runtime/prctl.py", "signal.SIGKILL"): "on Linux alone",
    ("streamer/runtime/priority.py", "os.PRIO_PROCESS"): "not on Windows",
    ("streamer/runtime/priority.py", "os.setpriority"): "not on Windows",
    ("streamer/runtime/priority.py", "os.setsid"): "on Linux alone",
    ("streamer/server/certificate.py", "os.memfd_create"): "asks with `hasattr`",
}


def files() -> Iterator[Path]:
    for part in PARTS:
        yield from [ROOT / part] if part.endswith(".py") else sorted((ROOT / part).rglob("*.py"))


def posix_names(node: ast.AST) -> Iterator[str]:
    """What a syntax node itself names that Windows lacks."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in MODULES)
    elif isinstance(node, ast.ImportFrom):
        if node.module in MODULES:
            yield str(node.module)
        yield from (f"{node.module}.{a.name}" for a in node.names if a.name in NAMES.get(str(node.module), ()))
    elif isinstance(node, ast.Attribute) and node.attr in NAMES.get(ast.unparse(node.value), ()):
        yield ast.unparse(node)


def run_by_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that importing a module runs on every system: all but the insides of functions, and of what asks for
    `sys.platform`.
    """
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in (*child.decorator_list, *child.args.defaults, *filter(None, child.args.kw_defaults)):
                yield from ast.walk(each)
        elif not isinstance(child, ast.Lambda | ast.If) or (
            isinstance(child, ast.If) and "sys.platform" not in ast.unparse(child.test)
        ):
            yield child
            yield from run_by_import(child)


def test_no_import_needs_what_windows_lacks() -> None:
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)} {name}"
        for path in files()
        for node in run_by_import(ast.parse(path.read_text(encoding="utf-8")))
        for name in posix_names(node)
    ]
    assert found == []


def test_the_product_uses_what_windows_lacks_in_known_places() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in files()
        if path.relative_to(ROOT).parts[0] in ("run_server.py", "streamer", "models", "kernels")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in posix_names(node)
    }
    assert found == USES.keys()


def test_the_product_names_the_encoding_of_its_texts() -> None:
    """Windows takes its code page otherwise."""
    found = []
    for path in files():
        if path.relative_to(ROOT).parts[0] not in ("run_server.py", "streamer", "models", "kernels"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                is_named = any(keyword.arg == "encoding" for keyword in node.keywords)
                places = {"read_text": 0, "write_text": 1}.get(node.func.attr)
                if places is not None and not is_named and len(node.args) <= places:
                    found.append(f"{path.relative_to(ROOT).as_posix()}:{node.lineno}")
    assert found == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import os\nos.getuid()", ["os.getuid"]),
        ("import resource", ["resource"]),
        ("if sys.platform != 'win32':\n    import fcntl", []),
        ("if True:\n    import fcntl", ["fcntl"]),
        ("from signal import SIGKILL", ["signal.SIGKILL"]),
        ("@mark(signal.SIGSTOP)\ndef f(a=os.fork): os.getuid()", ["signal.SIGSTOP", "os.fork"]),
        ("def f():\n    import fcntl", []),
        ("class A:\n    b = os.uname()\n    def f(self): os.fork()", ["os.uname"]),
        ("hasattr(os, 'getuid') and (lambda: os.getuid())", []),
    ],
)
def test_the_law_reads_what_an_import_runs(source: str, names: list[str]) -> None:
    assert [name for node in run_by_import(ast.parse(source)) for name in posix_names(node)] == names
