"""Are the pictures of the documentation whole, small, and made by the scripts that are said to make them?"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

import pytest
from docs import moving_picture, pictures
from docs.moving_picture import Frame

ROOT: Final = Path(__file__).parent.parent
IMAGES: Final = ROOT / "docs" / "images"
SVG: Final = "{http://www.w3.org/2000/svg}"
BYTES_MAX: Final = 60_000


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.svg")), ids=lambda path: path.stem)
def test_pictures_are_whole_and_load_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    root = ET.fromstring(text)  # noqa: S314 - our own file
    assert root.tag == f"{SVG}svg"
    assert "viewBox" in root.attrib
    assert not re.search(r"(?:href|src)=|url\((?!#)|<script", text)


@pytest.mark.parametrize("name", ["play", "handshake", "loss", "drain", "lanes"])
def test_pictures_have_a_text_for_those_who_do_not_see_them(name: str) -> None:
    root = ET.parse(IMAGES / f"{name}.svg").getroot()  # noqa: S314 - our own file
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text
    assert root.attrib["role"] == "img"
    assert (IMAGES / f"{name}.svg").stat().st_size < BYTES_MAX


@pytest.mark.parametrize(("name", "text"), sorted(pictures.render().items()))
def test_pictures_are_what_their_tables_say(name: str, text: str) -> None:
    """If not: `python -m docs.pictures`."""
    assert (IMAGES / name).read_text(encoding="utf-8") == text


def test_the_moving_picture_shows_a_real_run() -> None:
    """Two seconds of it: both ends move, and what is said of the messages is what was counted."""
    frames = moving_picture.record(2.0)
    last = frames[-1]
    assert 0 <= last.states_lost < last.states_sent
    assert last.reliable_came <= last.reliable_sent
    assert len({frozenset(frame.seen.items()) for frame in frames}) > 5
    root = ET.fromstring(moving_picture.render(frames))  # noqa: S314 - our own text
    assert len(root.findall(f"{SVG}circle")) == 3 * len(frames[0].decided)


def test_every_value_of_an_animation_has_its_moment() -> None:
    frames = [Frame({0: (x, 1)}, {0: (max(x - 1, 0), 1)}, [], x, 0, x, x) for x in range(25)]
    root = ET.fromstring(moving_picture.render(frames))  # noqa: S314 - our own text
    moves = [move for move in root.iter(f"{SVG}animate") if move.attrib["attributeName"] == "cx"]
    assert [len(move.attrib["values"].split(";")) for move in moves] == [25, 25, 25]
    seen = moves[2].attrib["values"].split(";")
    assert moves[1].attrib["values"].split(";")[:-1] == seen[1:]
