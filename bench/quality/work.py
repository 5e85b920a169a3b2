"""Doing the work: which (row, case) pairs there are, what of them is done, and the rest in worker processes."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from dragavideo_core.model.drag_model import DragModel
from dragavideo_core.model.loading import load_model
from dragavideo_core.pipeline import propagate_clip
from dragavideo_core.settings import Preset, override

from . import measures
from .cases import Case
from .rows import Row, timed
from .store import Numbers, Store, case_key, model_key, pair_key

log = logging.getLogger(__name__)

POINTS = "propagation"
"""The one entry of a case that is no row: how well its points were propagated."""
Results = dict[str, dict[str, Numbers]]
"""row -> case -> measures."""


@dataclass(frozen=True)
class Model:
    """How a worker process comes to its model and settings."""

    path: str = "bundled"
    device: str = "cpu"
    settings: tuple[tuple[str, object], ...] = ()

    def load(self) -> tuple[DragModel, Preset]:
        """The model, and its preset with the replaced settings."""
        model = load_model(self.path, device=self.device)
        return model, override(model.preset, dict(self.settings))


@dataclass(frozen=True, eq=False)
class Job:
    """A case and the rows that it is to be edited by."""

    case: Case
    rows: tuple[Row, ...]


def keys_of(job: Job, model: str, preset: Preset) -> dict[str, str]:
    """The store's key of each of a job's pairs."""
    of_case = case_key(job.case)
    keys = {row.name: pair_key(model, row, of_case, preset) for row in job.rows}
    return keys if job.case.truth is None else {POINTS: pair_key(model, POINTS, of_case, preset), **keys}


def run_job(
    model: DragModel,
    preset: Preset,
    job: Job,
    keys: dict[str, str],
    store: Store,
    tell: Callable[[str], None] = log.info,
) -> None:
    """Do what is missing of a job, one pair after the other; each is kept as soon as it is done."""
    case = job.case
    missing = [name for name, key in keys.items() if store.recall(name, case, key) is None]
    if not missing:
        return
    clip = case.clip(preset.size)
    sets = propagate_clip(model, clip, case.instruction, preset=preset, mask=case.mask)
    if POINTS in missing:
        store.keep(POINTS, case, keys[POINTS], measures.propagation_measures(model, case, clip, sets), None)
    reference = measures.reference_of(model, clip, sets)
    for row in (row for row in job.rows if row.name in missing):
        if measures.memory_is_known():
            measures.reset_peak_memory()
        edit = timed(row, model, case, clip, preset)
        peak = measures.peak_memory_mb() if measures.memory_is_known() else float("nan")
        numbers = measures.edit_measures(model, case, clip, reference, edit) | {"peak_memory_mb": peak}
        store.keep(row.name, case, keys[row.name], numbers, edit.frames)
        tell(f"{case.name}  {row.name}  {edit.seconds:.0f} s")


def collect(jobs: Sequence[Job], keys: Sequence[dict[str, str]], store: Store) -> Results:
    """All finished pairs of the jobs."""
    results: Results = {}
    for job, names in zip(jobs, keys):
        for name, key in names.items():
            numbers = store.recall(name, job.case, key)
            if numbers is not None:
                results.setdefault(name, {})[job.case.name] = numbers
    return results


def missing_pairs(jobs: Sequence[Job], keys: Sequence[dict[str, str]], store: Store) -> Iterator[tuple[Job, str]]:
    """(job, row's name) of all that is still to do."""
    for job, names in zip(jobs, keys):
        for name, key in names.items():
            if store.recall(name, job.case, key) is None:
                yield job, name


def estimate(jobs: Sequence[Job], keys: Sequence[dict[str, str]], store: Store, workers: int) -> float:
    """About how many seconds the missing pairs take on idle cores."""
    total = 0.0
    for job, name in missing_pairs(jobs, keys, store):
        cost = next((row.cost for row in job.rows if row.name == name), 1.0)
        total += (cost + 0.4) * len(job.case.source)  # 0.4 s a frame to measure it
    return total / max(1, workers)


def run_jobs(
    model: Model, jobs: Sequence[Job], store: Store, workers: int = 2
) -> tuple[Results, dict[str, dict[str, str]]]:
    """Do all jobs, `workers` processes with one thread each; 1 works in this process.

    Pairs that are in the store already are not done again.

    Returns:
        What was measured, and case -> row -> key of the pair in the store.
    """
    loaded, preset = model.load()
    of_model = model_key(loaded)
    keys = [keys_of(job, of_model, preset) for job in jobs]
    seconds = estimate(jobs, keys, store, workers)
    left = sum(1 for _ in missing_pairs(jobs, keys, store))
    log.info("%d pairs to do of %d; about %.0f minutes", left, sum(map(len, keys)), seconds / 60)
    begin = time.perf_counter()
    waiting = [(job, names) for job, names in zip(jobs, keys) if list(missing_pairs([job], [names], store))]
    if workers <= 1 or len(waiting) <= 1:
        for job, names in waiting:
            run_job(loaded, preset, job, names, store)
    else:
        del loaded
        # A fresh interpreter each: torch does not survive a fork with threads.
        context = multiprocessing.get_context("spawn")
        with context.Pool(workers, begin_worker, (model,)) as pool:
            for name in pool.imap_unordered(_work, [(job, names, store) for job, names in waiting]):
                log.info("done: %s (%.0f s)", name, time.perf_counter() - begin)
    return collect(jobs, keys, store), {job.case.name: names for job, names in zip(jobs, keys)}


_LOADED: dict[str, tuple[DragModel, Preset]] = {}


def begin_worker(model: Model) -> None:
    """In a worker: one thread, quiet, and the model."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    _LOADED["model"] = model.load()


def model_here() -> tuple[DragModel, Preset]:
    """In a worker: what `begin_worker` loaded."""
    return _LOADED["model"]


def _work(task: tuple[Job, dict[str, str], Store]) -> str:
    job, keys, store = task
    run_job(*model_here(), job, keys, store)
    return job.case.name
