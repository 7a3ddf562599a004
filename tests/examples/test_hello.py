"""Do the four smallest programs greet each other, each with each, and does the README show the same two?"""

import re
import runpy
import signal
import socket
import sys
import textwrap
from pathlib import Path

import pytest
from tests.examples.programs import example
from tests.support.programs import Program

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not socket.has_ipv6, reason="these programs use IPv6")


@pytest.mark.parametrize("server", ["hello.server", "hello.server_asyncio", "porting.server"])
def test_every_client_is_greeted_by_every_server(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Program(example(server, "0")) as host:
        port = host.wait_for(r"listening on \[::\]:(\d+)")[1]
        for client in ("hello.client", "hello.client_asyncio", "porting.client"):
            monkeypatch.setattr(sys, "argv", [client, port])
            runpy.run_module(f"examples.{client}", run_name="__main__")
            assert capsys.readouterr() == ("Hello, world\n", "")
        if sys.platform != "win32":
            host.signal(signal.SIGINT)
            status = host.finish()
            if server == "porting.server":  # as the C# program beside it, it knows no end
                assert host.output[-1] == "KeyboardInterrupt"
            else:
                assert (status, host.output[1:]) == (0, [])
            assert not any("Warning" in line or "never" in line for line in host.output)


def words(text: str) -> list[str]:
    """The statements of a program in the order they stand, without comments, `print` calls and indentation."""
    lines = [re.sub(r"  # .*", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "print("))]


@pytest.mark.parametrize(("name", "place"), [("server", 0), ("client", 1)])
def test_the_readme_shows_the_same_programs(name: str, place: int) -> None:
    readme = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    program = (ROOT / "examples" / "hello" / f"{name}.py").read_text("utf-8")
    shown = [line.replace('"[::]:27015"', 'f"[::]:{port}"') for line in words(readme[place])]
    shown = [line.replace('"localhost:27015"', 'f"localhost:{port}"') for line in shown]
    assert [line for line in words(program) if line in shown] == shown


@pytest.mark.parametrize(("name", "place"), [("server", 0), ("client", 1)])
def test_the_porting_page_shows_the_programs_that_were_run(name: str, place: int) -> None:
    folder = ROOT / "examples" / "porting"
    page = (folder / "README.md").read_text("utf-8")
    program = (folder / f"{name}.py").read_text("utf-8")
    shown = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[place]
    run = program[program.index("    with gs.NetworkingSockets()") : program.index("\n\nif __name__")]
    assert shown == "import gamesockets as gs\n\nport = 27015\n" + textwrap.dedent(run).strip() + "\n"
    assert page.count("```csharp") == 2
