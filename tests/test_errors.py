"""What counts as memory that ran out: the words of CUDA, its libraries, Metal and CPUs."""

from __future__ import annotations

import pytest
import torch

from dragavideo_core import __main__ as command_line
from dragavideo_core.errors import DragAVideoError, ran_out_of_memory


@pytest.mark.parametrize(
    "words",
    [
        "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 5.80 GiB",
        "MPS backend out of memory (MPS allocated: 17.99 GiB, other allocations: 64.00 MiB)",
        "Invalid buffer size: 16.00 GiB",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "GET was unable to find an engine to execute this computation",
        "[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes",
        "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
    ],
)
def test_words_of_memory(words: str) -> None:
    assert ran_out_of_memory(RuntimeError(words)) and ran_out_of_memory(torch.cuda.OutOfMemoryError(words))


def test_other_errors_are_others() -> None:
    assert not ran_out_of_memory(RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"))
    assert not ran_out_of_memory(DragAVideoError("Memory ran out even with one frame at a time (CUDA out of memory)."))


def test_the_command_line_says_what_helps(tmp_path, capsys, monkeypatch) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(command_line, "load_model", run_out)
    assert command_line.main(["drag", "--example", "creature", "--out", str(tmp_path)]) == 2
    assert "Memory ran out (CUDA out of memory); lower --size" in capsys.readouterr().err

    def no_more(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(command_line, "load_model", no_more)
    assert command_line.main(["drag", "--example", "creature", "--out", str(tmp_path)]) == 2
    assert "Memory ran out (no more main memory); lower --size" in capsys.readouterr().err
