"""Frame rates of clocks that jump, pause, begin anew or are missing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from dragavideo_core.media.clip import load_clip
from dragavideo_core.media.frame_access import frame_table
from dragavideo_core.media.timing import begin_of, frame_rate
from tests.films import write_film


def at_24(stamps: list[float]) -> list[float | None]:
    return [stamp / 24 for stamp in stamps]


REGULAR = list(range(24))


@pytest.mark.parametrize(
    "stamps",
    [
        [*REGULAR[:22], 7200 * 24, 7200 * 24 + 1],
        [7200 * 24, *REGULAR[1:]],
        [*REGULAR[:12], 7200 * 24, *REGULAR[13:]],
        [*REGULAR[:12], *range(24 * 3600, 24 * 3600 + 12)],
        [*REGULAR[:12], *range(18, 30)],
        [*REGULAR[:12], *REGULAR[:12]],
        [0, *range(7200 * 24, 7200 * 24 + 23)],
    ],
)
@pytest.mark.parametrize("stated", [(24.0,), (49.0, 1000.0), ()])
def test_jumps_of_the_clock_do_not_count(stamps: list[float], stated: tuple[float, ...]) -> None:
    assert frame_rate(at_24(stamps), stated) == pytest.approx(24.0, rel=1e-6)


def test_the_average_of_a_variable_rate_and_the_exact_stated_one() -> None:
    assert frame_rate([0, 0.1, 0.15, 0.4, 0.45, 1.0, 1.1, 1.15, 1.4, 1.8], (20.0,)) == pytest.approx(5.0)
    milliseconds: list[float | None] = [round(n * 1001 / 30000, 3) for n in range(40)]
    assert frame_rate(milliseconds, (30000 / 1001,)) == 30000 / 1001
    assert frame_rate([None] * 9, (30.0, 25.0)) == 30.0 and frame_rate([0.5], ()) == 24.0


def test_where_a_stretch_begins() -> None:
    assert begin_of(at_24([48.0, 49, 50, 51]), 24) == 2.0
    assert begin_of(at_24([7200 * 24, 1.0, 2, 3, 4]), 24) == pytest.approx(0.0)
    assert begin_of(at_24([*range(12), *range(24 * 3600, 24 * 3600 + 12)]), 24) == 0.0
    assert begin_of([None, None], 24) == 0.0


@pytest.mark.parametrize(("fps", "form"), [(30, "h264"), (Fraction(30000, 1001), "h264"), (60, "h264"), (30, "m4v")])
def test_bare_streams_state_their_rate_inside(tmp_path: Path, fps: Fraction | int, form: str) -> None:
    path = write_film(tmp_path / f"a.{form}", codec="libx264" if form == "h264" else "mpeg4", form=form, fps=fps)
    assert load_clip(path, size=96, every=1).fps == float(fps) == frame_table(path).fps
    assert frame_table(path).count == 24


def test_a_clock_that_begins_anew_in_a_file(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.ts").read_bytes()
    (tmp_path / "b.ts").write_bytes(film + film)
    assert load_clip(tmp_path / "b.ts", size=96, every=1, limit=100).fps == 24.0
    assert frame_table(tmp_path / "b.ts").fps == 24.0
