"""Tracks In and Tracks Out: point tracks from and to other packs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..dragavideo_core.errors import DragAVideoError
from . import host, memory, sockets
from .base import PackNode
from .preview import check_frames

if TYPE_CHECKING:
    from ..dragavideo_core.instruction.track_formats import PointTracks
    from ..dragavideo_core.media.clip import Clip
    from ..dragavideo_core.propagation.point_sets import PointSets

CORE_TRACKS = getattr(io, "Tracks", None)
"""ComfyUI's own TRACKS type, which older versions lack."""


class TracksIn(PackNode):
    """Gives DRAGAVIDEO_POINTS from drawn paths."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        core = [] if CORE_TRACKS is None else [
            CORE_TRACKS.Input("core_tracks", optional=True, tooltip="ComfyUI's TRACKS, in place of the text.")
        ]  # fmt: skip
        return io.Schema(
            node_id="DragAVideoTracksIn",
            **sockets.found_by("track", "import tracks", "spline", "cotracker", "ati"),
            display_name="Tracks In (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Makes a drag of paths drawn with other packs (KJNodes' spline editor, ATI, WanTrackToVideo, "
            "CoTracker, DragNUWA, DragAnything): each path's first point is the handle, its last the target.",
            inputs=[
                sockets.clip_input("The clip that the paths were drawn on."),
                io.String.Input(
                    "tracks",
                    default="[]",
                    multiline=True,
                    tooltip="Paths as text: [[{x, y}, ...], ...], a list of such strings, or [[[x, y], ...], ...].",
                ),
                io.Int.Input(
                    "frame", default=0, min=0, max=1000000, tooltip="Frame of the file that the paths were drawn on."
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    tooltip="Width of the picture they were drawn on, if not the clip's own (DragNUWA: 576). 0: own.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    tooltip="Its height (DragNUWA: 320). 0: the clip's own.",
                ),
                *core,
            ],
            outputs=[
                sockets.Points.Output(display_name="points", tooltip="The drag, for Point-Set Propagation."),
                io.String.Output(display_name="json", tooltip="The same as JSON, for Drag Points."),
            ],
        )

    @classmethod
    def execute(
        cls, clip: Clip, tracks: str, frame: int, width: int, height: int, core_tracks: Any = None
    ) -> io.NodeOutput:
        from ..dragavideo_core.instruction.checks import validate_instruction
        from ..dragavideo_core.instruction.track_formats import parse_tracks, scaled_tracks
        from ..dragavideo_core.instruction.value import DragInstruction, DragPair

        with memory.computing():
            found = _core_tracks(core_tracks) if core_tracks is not None else parse_tracks(tracks)
            size = clip.geometry.source_size
            if bool(width) != bool(height):
                raise DragAVideoError("Give both width and height of the picture the tracks were drawn on, or neither.")
            if width:
                found = scaled_tracks(found, (width, height), size)
            pairs = tuple(DragPair(*_ends(found, index)) for index in range(found.positions.shape[1]))
            _check_inside([point for pair in pairs for point in (pair.handle, pair.target)], size)
            points = DragInstruction(pairs, frame=frame, size=size)
            validate_instruction(points, clip)
        return io.NodeOutput(points, points.to_json())


class TracksOut(PackNode):
    """Gives the sets' middles as tracks that other packs read."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        core = [] if CORE_TRACKS is None else [
            CORE_TRACKS.Output(display_name="core_tracks", tooltip="The same as ComfyUI's TRACKS.")
        ]  # fmt: skip
        return io.Schema(
            node_id="DragAVideoTracksOut",
            **sockets.found_by("track", "export tracks", "spline", "wan tracks", "ati"),
            display_name="Tracks Out (Drag-A-Video)",
            category=sockets.CATEGORY,
            description="Gives the tracked points to other packs: KJNodes, ATI and WanTrackToVideo, CoTracker, "
            "DragNUWA, DragAnything, SAM2.",
            inputs=[
                sockets.clip_input(),
                sockets.PointSets.Input("point_sets", tooltip="From Point-Set Propagation."),
                io.Combo.Input(
                    "which",
                    options=["handles", "targets", "handles to targets"],
                    default="handles",
                    tooltip="handles: how the object moves. targets: how it shall move. handles to targets: from the "
                    "one to the other over the length of the clip.",
                ),
                io.Combo.Input(
                    "format",
                    options=["spline", "cotracker", "dragnuwa", "points"],
                    default="spline",
                    tooltip="spline: KJNodes, ATI, WanTrackToVideo. cotracker: one JSON string a track. dragnuwa: also "
                    "DragAnything. points: the first frame's points, for SAM2 or KJNodes' points editor.",
                ),
                io.Int.Input("width", default=0, min=0, max=16384, tooltip="Picture width to scale to; 0: the clip's."),
                io.Int.Input("height", default=0, min=0, max=16384, tooltip="Picture height; 0: the clip's."),
                io.Int.Input(
                    "length",
                    default=0,
                    min=0,
                    max=10000,
                    tooltip="Number of frames to stretch the tracks to (ATI and WanTrackToVideo: 121); 0: the clip's.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="tracks", tooltip="All tracks in one text."),
                io.String.Output(
                    display_name="track_list", is_output_list=True, tooltip="One JSON string a track, as CoTracker."
                ),
                *core,
            ],
        )

    @classmethod
    def execute(
        cls, clip: Clip, point_sets: PointSets, which: str, format: str, width: int, height: int, length: int
    ) -> io.NodeOutput:
        from ..dragavideo_core.instruction import track_formats as forms
        from ..dragavideo_core.propagation.set_tracks import set_tracks

        check_frames(clip, point_sets)
        with memory.computing():
            found = set_tracks(point_sets, which)
            size = clip.geometry.source_size
            found = forms.scaled_tracks(found, size, (width or size[0], height or size[1]))
            if length:
                found = forms.resampled_tracks(found, length)
            values: list[Any] = [forms.write_tracks(found, format), forms.write_track_list(found)]
            if CORE_TRACKS is not None:
                values.append({"track_path": found.positions.clone(), "track_visibility": found.visible.clone()})
        return io.NodeOutput(*values)


def _core_tracks(value: dict[str, Any]) -> PointTracks:
    from ..dragavideo_core.instruction.track_formats import PointTracks

    path = host.given(value["track_path"])
    visible = value.get("track_visibility")
    seen = path.new_ones(path.shape[:2]).bool() if visible is None else host.given(visible) > 0.5
    return PointTracks(path, seen)


def _ends(tracks: PointTracks, index: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """First and last position of a track where it is seen."""
    seen = tracks.visible[:, index].nonzero()[:, 0].tolist()
    if not seen:
        raise DragAVideoError(f"Track {index + 1} is seen in no frame, so it says nothing about a drag; leave it out.")
    first, last = tracks.positions[seen[0], index].tolist(), tracks.positions[seen[-1], index].tolist()
    return (first[0], first[1]), (last[0], last[1])


def _check_inside(points: list[tuple[float, float]], size: tuple[int, int]) -> None:
    for x, y in points:
        if not (-0.5 <= x <= size[0] - 0.5 and -0.5 <= y <= size[1] - 0.5):
            raise DragAVideoError(
                f"A track is at ({x:g}, {y:g}), outside the clip of {size[0]}x{size[1]} pixels. Connect the clip that "
                "the tracks were drawn on, or give the width and height of the picture that they were drawn on."
            )
