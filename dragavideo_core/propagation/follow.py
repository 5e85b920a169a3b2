"""The clicked points of a drag followed over every frame of the file, and their sets with them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..media.clip import Clip, strip_of_clip
from ..media.strip import scaled_pictures
from ..progress import Progress
from .classical_tracks import follow_points
from .tracks import Job, Tracks, inside_frame, smoothed
from .visibility import bridged

_SIDE = 240
"""Shorter side of the pictures that points are followed in, px."""


def follow_jobs(
    clip: Clip, jobs: list[Job], pins: Tensor, key_frame: int, side: int, progress: Progress
) -> tuple[list[Tracks], Tracks]:
    """Tracks of each job's sets and of the pins [Q, 2], in working px of the taken frames.

    Args:
        jobs: the first holds all sets from the key frame, others sets from frames on which a person put them right.
        side: points of a set; the middle one is followed.
    """
    count, size = len(clip.frames), clip.geometry.working_size
    if count == 1:
        progress("propagation", 1, 1)
        found = [Tracks(job.start[None], inside_frame(job.start, size)[None]) for job in jobs]
        return found, Tracks(pins[None], inside_frame(pins, size)[None])
    strip = strip_of_clip(clip)
    pictures, done = scaled_pictures(strip.pictures, _SIDE), 0

    def on_frame() -> None:
        nonlocal done
        done += 1
        progress("propagation", done, len(jobs) * (len(pictures) - 1))

    def follow(frame: int, points: Tensor) -> Tracks:
        return _followed(clip, pictures, strip.taken, frame, points, on_frame)

    middles = [job.start.unflatten(0, (-1, side))[:, side // 2] for job in jobs]
    first = follow(key_frame, torch.cat([middles[0], pins]))
    number = len(middles[0])
    found = [Tracks(first.positions[:, :number], first.visible[:, :number])]
    found += [follow(job.frame, middle) for job, middle in zip(jobs[1:], middles[1:])]
    still = Tracks(first.positions[:, number:], first.visible[:, number:])
    return [_with_sets(tracks, job, side, size) for tracks, job in zip(found, jobs)], still


def _followed(
    clip: Clip,
    pictures: np.ndarray,
    taken: tuple[int, ...],
    frame: int,
    points: Tensor,
    on_frame: Callable[[], None],
) -> Tracks:
    """Points [K, 2] (working px of taken frame `frame`) in every taken frame."""
    width, height = clip.geometry.source_size
    scale = points.new_tensor([pictures.shape[2] / width, pictures.shape[1] / height])
    start = (clip.geometry.to_source(points) + 0.5) * scale - 0.5
    at = taken[frame]
    found = bridged(follow_points(pictures, at, start, on_frame))
    known = torch.zeros_like(found.visible)
    known[at] = True
    smooth = smoothed(found, known, (pictures.shape[2], pictures.shape[1]))
    index = torch.tensor(taken)
    places = clip.geometry.to_working((smooth.positions[index] + 0.5) / scale - 0.5)
    places[frame] = points
    return Tracks(places, smooth.visible[index] & inside_frame(places, clip.geometry.working_size))


def _with_sets(tracks: Tracks, job: Job, side: int, size: tuple[int, int]) -> Tracks:
    """Each set [K, S] moves with its followed point [K], and is as visible as that; what leaves the frame is not."""
    sets = job.start.unflatten(0, (-1, side))
    moved = sets + (tracks.positions - sets[:, side // 2]).unsqueeze(2)
    visible = tracks.visible.unsqueeze(2).expand(moved.shape[:3]) & inside_frame(moved, size)
    return Tracks(moved.flatten(1, 2), visible.flatten(1, 2))
