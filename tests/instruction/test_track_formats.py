"""Tracks of other packs: every form in and out, and every misuse in words."""

from __future__ import annotations

import json

import pytest
import torch

from dragavideo_core.errors import DragAVideoError
from dragavideo_core.instruction.track_formats import (
    FORMATS,
    PointTracks,
    parse_tracks,
    resampled_tracks,
    scaled_tracks,
    write_track_list,
    write_tracks,
)


@pytest.fixture
def tracks() -> PointTracks:
    """Two points in three frames; the second is not seen in the last."""
    positions = torch.tensor([[[1.0, 2.0], [10.5, 20.0]], [[3.0, 4.0], [11.5, 21.0]], [[5.0, 6.0], [12.0, 22.0]]])
    visible = torch.tensor([[True, True], [True, True], [True, False]])
    return PointTracks(positions, visible)


@pytest.mark.parametrize("form", ["spline", "dragnuwa"])
def test_what_is_written_is_read_back(form: str, tracks: PointTracks) -> None:
    assert torch.equal(parse_tracks(write_tracks(tracks, form)).positions, tracks.positions)


def test_cotracker_knows_what_is_not_seen(tracks: PointTracks) -> None:
    for text in (write_tracks(tracks, "cotracker"), write_track_list(tracks)):
        found = parse_tracks(text)
        assert torch.equal(found.visible, tracks.visible)
        assert torch.equal(found.positions[tracks.visible], tracks.positions[tracks.visible])


def test_points_are_the_first_frame(tracks: PointTracks) -> None:
    assert json.loads(write_tracks(tracks, "points")) == [{"x": 1.0, "y": 2.0}, {"x": 10.5, "y": 20.0}]


@pytest.mark.parametrize(
    "text",
    [
        '[{"x": 1, "y": 2}, {"x": 3, "y": 4}]',
        "[{'x': 1, 'y': 2}, {'x': 3, 'y': 4}]",
        "[[{'x': 1, 'y': 2}, {'x': 3, 'y': 4}]]",
        "[[[1, 2], [3, 4]]]",
        "[[1, 2], [3, 4]]",
        '["[{\\"x\\": 1, \\"y\\": 2}, {\\"x\\": 3, \\"y\\": 4}]"]',
        '{"positive": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "negative": []}',
    ],
)
def test_every_form_of_one_track_is_understood(text: str) -> None:
    assert parse_tracks(text).positions.tolist() == [[[1.0, 2.0]], [[3.0, 4.0]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no tracks"),
        ("drag the ear", "not JSON"),
        ("3", "no tracks"),
        ("[3]", "no list of positions"),
        ("[[]]", "no list of positions"),
        ('[[{"x": 1}]]', "where a position should be"),
        ('[[{"x": "a", "y": 2}]]', "where a position should be"),
        ("[[[1, 2]], [[1, 2], [3, 4]]]", "different lengths"),
    ],
)
def test_what_is_no_track_is_refused_in_words(text: str, message: str) -> None:
    with pytest.raises(DragAVideoError, match=message):
        parse_tracks(text)


def test_an_unknown_form_is_refused(tracks: PointTracks) -> None:
    with pytest.raises(DragAVideoError, match="choose one of"):
        write_tracks(tracks, "csv")
    assert all(write_tracks(tracks, form) for form in FORMATS)


def test_scaling_keeps_pixel_centres(tracks: PointTracks) -> None:
    doubled = scaled_tracks(tracks, (100, 50), (200, 100))
    assert doubled.positions[0, 0].tolist() == [2.5, 4.5]
    back = scaled_tracks(doubled, (200, 100), (100, 50))
    torch.testing.assert_close(back.positions, tracks.positions)


def test_resampling_keeps_the_ends(tracks: PointTracks) -> None:
    longer = resampled_tracks(tracks, 5)
    assert longer.positions[:, 0].tolist() == [[1.0, 2.0], [2.0, 3.0], [3.0, 4.0], [4.0, 5.0], [5.0, 6.0]]
    assert longer.visible[:, 1].tolist()[0] and not bool(longer.visible[-1, 1])
    assert resampled_tracks(tracks, 1).positions[0, 0].tolist() == [1.0, 2.0]
