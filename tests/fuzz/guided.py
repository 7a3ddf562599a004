"""A run that is guided by coverage. Needs atheris: `pip install atheris`, which exists for some systems only.

    python -m tests.fuzz.guided TARGET DIRECTORY [libFuzzer options, as -max_total_time=60]

What reaches something new is put into DIRECTORY. `python -m tests.fuzz TARGET --grow DIRECTORY` then adds to the
corpus what is worth keeping. The pure build is needed: compiled code tells nothing of what it runs.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gamesockets"]):
    from tests.fuzz.targets import TARGETS, corpus


def main() -> None:
    name, directory, *options = sys.argv[1:]
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(corpus(name)):
        (folder / f"corpus-{number:04}").write_bytes(data)
    atheris.Setup([sys.argv[0], str(folder), "-max_len=600", "-timeout=30", *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
