"""Shall the data path of this wheel be compiled, and how? A hook of hatchling, the build tool.

The modules named in pyproject.toml are compiled with mypyc, as one unit, from the very source that the wheel holds
too. `GAMESOCKETS_COMPILE` decides: 0 never, 1 always, and a failure fails the build. Without it a common machine with a
C compiler compiles, and where anything goes wrong the wheel is pure Python, which lacks nothing but speed.

And where is the project at home? `GAMESOCKETS_REPOSITORY_URL` says so where a release is made; a build without it
names no addresses, rather than some that may be wrong.
"""

from __future__ import annotations

import ast
import glob
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE: Final = "GAMESOCKETS_COMPILE"
REPOSITORY_VARIABLE: Final = "GAMESOCKETS_REPOSITORY_URL"
COMPILER: Final = ["mypy[mypyc]==2.4.1", "setuptools>=65"]
"""Pinned, since what a newer mypy objects to would stop the compilation."""

_VERSIONS: Final = ((3, 11), (3, 14))
_MACHINES: Final = frozenset(("x86_64", "aarch64", "arm64"))
"""Where the compiler itself can be had without compiling it first."""

_PACKAGE: Final = "gamesockets"
"""The shared code of all modules goes into it, not beside it, where freezers and other packages would not look."""

_OPTIMISATION: Final = "1"
"""Measured: -O2 and -O3 take up to twice as long and gain nothing, since calls into Python's own C code dominate."""


class CompileHook(BuildHookInterface[Any]):
    """Adds extension modules to the wheel, or leaves it as it is."""

    PLUGIN_NAME = "custom"

    _scratch: tempfile.TemporaryDirectory[str] | None = None
    """Holds what was compiled until the wheel is written."""

    def dependencies(self) -> list[str]:
        """What the build needs beyond hatchling: nothing, unless it will compile."""
        return COMPILER if _wanted() == "1" or (_wanted() == "auto" and not _obstacle()) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is put together."""
        wanted = _wanted()
        if wanted == "0" or version != "standard":
            return
        problem = _obstacle() if wanted == "auto" else ""
        if not problem:
            problem = self._compile(build_data)
        if problem and wanted == "1":
            raise SystemExit(f"gamesockets: {problem}. {VARIABLE}=0 builds without compiling.")
        if problem:
            self.app.display_warning(f"gamesockets: pure Python, because {problem}. {VARIABLE}=1 shows more.")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """After the wheel was written."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def _compile(self, build_data: dict[str, Any]) -> str:
        """Compiles in a directory aside, in a process of its own; what went wrong, empty if nothing."""
        self._scratch = tempfile.TemporaryDirectory(prefix="gamesockets-build-")
        scratch = Path(self._scratch.name)
        shutil.copytree(Path(self.root, "src"), scratch / "src", ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, __file__, *self.config["modules"]]
        done = subprocess.run(command, cwd=scratch / "src", capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            if _wanted() == "1":
                sys.stderr.write(done.stdout + done.stderr)
            last_lines = (done.stdout + done.stderr).strip().splitlines()[-1:]
            return "; ".join([f"compiling failed with status {done.returncode}", *last_lines])
        libraries = [path for path in (scratch / "lib").rglob("*") if path.is_file()]
        build_data["force_include"].update(
            {str(path): path.relative_to(scratch / "lib").as_posix() for path in libraries}
        )
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        return ""


class UrlHook(MetadataHookInterface):
    """Adds the project's addresses to what the package says of itself."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Before anything is built."""
        home = os.environ.get(REPOSITORY_VARIABLE, "").rstrip("/")
        metadata["urls"] = urls_of(home) if home else {}


def urls_of(home: str) -> dict[str, str]:
    """The project's addresses, for a repository there."""
    if not home.startswith("https://"):
        raise SystemExit(f"gamesockets: {REPOSITORY_VARIABLE} is {home!r}; it must begin with https://")
    return {
        "Source": home,
        "Documentation": f"{home}/blob/main/docs/index.md",
        "Changelog": f"{home}/blob/main/CHANGELOG.md",
        "Issues": f"{home}/issues",
        "Security": f"{home}/security/policy",
    }


def _wanted() -> str:
    wanted = os.environ.get(VARIABLE) or "auto"
    if wanted not in ("0", "1", "auto"):
        raise SystemExit(f"gamesockets: {VARIABLE} is {wanted!r}; it must be 0, 1 or auto.")
    return wanted


def _obstacle() -> str:
    """Why this machine had better not try, empty if it may."""
    if sys.implementation.name != "cpython" or not _VERSIONS[0] <= sys.version_info[:2] <= _VERSIONS[1]:
        return f"Python {platform.python_version()} ({sys.implementation.name}) is not one the compiler is tried with"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "this Python is free-threaded"
    is_common = sys.platform == "darwin" or (sys.platform == "linux" and platform.libc_ver()[0] == "glibc")
    if not is_common or platform.machine() not in _MACHINES:
        return f"the compiler is not tried on {sysconfig.get_platform()}"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's header files are not installed"
    return ""


# ---------------------------------------------------------------- in the process that compiles


def compile_modules(patterns: list[str]) -> None:
    """Compiles the modules below the current directory; what comes out goes to ../lib."""
    from mypyc.build import mypycify  # noqa: PLC0415 - the build tool runs this file without mypyc, too
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415
    from setuptools.dist import Distribution  # noqa: PLC0415

    class BuildFilesAtOnce(build_ext):  # type: ignore[misc,unused-ignore]
        """The compiler runs for several files of an extension at a time."""

        def build_extensions(self) -> None:
            compile_files = self.compiler.compile

            def compile_at_once(sources: list[str], **options: Any) -> list[str]:
                with ThreadPoolExecutor(os.cpu_count()) as pool:
                    objects = list(pool.map(lambda source: compile_files([source], **options), sources))
                return [path for paths in objects for path in paths]

            if self.compiler.compiler_type == "unix":
                self.compiler.compile = compile_at_once
            super().build_extensions()

    # Without the packages installed on this machine, so that the result depends on our own source alone.
    flags = ["--no-site-packages", "--ignore-missing-imports", "--cache-dir", "mypy_cache"]
    modules = sorted(path for pattern in patterns for path in glob.glob(pattern))
    extensions = mypycify(
        [*flags, *modules],
        opt_level=_OPTIMISATION,
        debug_level="0",
        multi_file=True,
        group_name=f"{_PACKAGE}.compiled",
        target_dir="c",
    )
    for extension in extensions:
        # mypyc writes the header of a group that lies in a package into a folder of that package.
        extension.include_dirs.append(f"c/{_PACKAGE}")
    build = BuildFilesAtOnce(Distribution({"name": "gamesockets", "ext_modules": extensions}))
    build.build_lib = "../lib"
    build.build_temp = "o"
    build.parallel = os.cpu_count()
    build.ensure_finalized()
    build.run()
    show_imports(modules)


def show_imports(modules: list[str]) -> None:
    """Adds a function that is never called to the wheel's build.py: it imports what the compiled modules import.

    Tools that freeze programs (PyInstaller, cx_Freeze) look for import statements in Python code, and there are none in
    extension modules.
    """
    lines = [f"    import {name}\n" for name in sorted(imports_of(modules) | {f"{_PACKAGE}.compiled__mypyc"})]
    source = Path(_PACKAGE, "build.py")
    function = 'def _imports_of_compiled_modules() -> None:\n    """Never called: for tools that freeze programs."""\n'
    text = "\n\n".join([source.read_text(encoding="utf-8"), function + "".join(lines)])
    Path("../lib", source).write_text(text, encoding="utf-8")


def imports_of(paths: list[str]) -> set[str]:
    """Every module that the modules at these paths import; the paths are relative to the current directory."""
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update([alias.name for alias in node.names])
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                # `from gamesockets.wire import datagram` imports a module, too.
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                found.update([name for name in members if Path(*name.split(".")).with_suffix(".py").exists()])
    return found


def try_out() -> None:
    """Uses one of the compiled modules. Those around it need packages that are not here."""
    code = (
        "import sys, types\n"
        "for name in ('gamesockets', 'gamesockets.wire'):\n"
        "    package = sys.modules[name] = types.ModuleType(name)\n"
        "    package.__path__ = ['../lib/' + name.replace('.', '/')]\n"
        "sys.path.insert(0, '../lib')\n"
        "from gamesockets.wire.numbers import decode_varint, encode_varint\n"
        "assert decode_varint(encode_varint(70_000), 0, 3, 5) == (70_000, 3)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603


if __name__ == "__main__":
    compile_modules(sys.argv[1:])
    try_out()
