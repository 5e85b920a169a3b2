"""Getting a DragModel from the bundled weights, one .safetensors checkpoint, or a diffusers folder. Never the network.

diffusers and transformers are imported only when something is loaded.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import DragAVideoError
from ..presets import BEST
from ..settings import load_preset
from .checkpoint import SD1_CONTEXT, TEXT, UNET, VAE, check_checkpoint
from .devices import pick_device, pick_dtype
from .drag_model import DTYPES, DragModel, check_dtype, from_parts

BUNDLED = "bundled"
BUNDLED_FOLDER = Path(__file__).resolve().parents[1] / "bundled" / "model"
SD15_CONFIG = Path(__file__).resolve().parent / "configs" / "sd15"
WHERE = "put checkpoints into ComfyUI/models/checkpoints and give the path, or use 'bundled'"


def load_model(
    path: str | Path = BUNDLED,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
) -> DragModel:
    """Load a model.

    Args:
        path: "bundled", a Stable Diffusion 1.x .safetensors checkpoint, or a diffusers folder. A folder may carry its
            own settings in drag_preset.json; otherwise they are the paper's.
        device: `pick_device()` where left out.
        dtype: of the UNet, also "fp32", "bf16" or "fp16"; `pick_dtype(device)` where left out.

    Raises:
        DragAVideoError: nothing there, not Stable Diffusion 1.x-shaped, damaged, or a dtype the device cannot do. The
            message says what was found and what to do.
    """
    place = torch.device(device) if device is not None else pick_device()
    if (place.type == "cuda" and not torch.cuda.is_available()) or (
        place.type == "mps" and not torch.backends.mps.is_available()
    ):
        raise DragAVideoError(
            f"This Python's torch ({torch.__version__}) finds no {place.type} device; choose cpu, or install the torch "
            "build for your GPU (pytorch.org)."
        )
    number = _dtype(dtype, place)
    check_dtype(place, number)
    if str(path) == BUNDLED:
        folder = BUNDLED_FOLDER
        if not (folder / "model_index.json").is_file():
            raise DragAVideoError(f"The bundled model is missing from '{folder}'; install Drag-A-Video again.")
        return _load_folder(folder, BUNDLED, place, number)
    path = Path(path).expanduser()
    if path.is_dir():
        return _load_folder(path, path.resolve().name, place, number)
    if not path.is_file():
        raise DragAVideoError(f"There is no model '{path}'; {WHERE}.")
    return _load_checkpoint(path, check_checkpoint(path), SD15_CONFIG, place, number)


def _dtype(dtype: torch.dtype | str | None, device: torch.device) -> torch.dtype:
    if dtype is None:
        return pick_dtype(device)
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype not in DTYPES:
        raise DragAVideoError(f"'{dtype}' is no number format; choose {', '.join(DTYPES)}.")
    return DTYPES[dtype]


# --- diffusers folder -----------------------------------------------------------------------------------------------


def _load_folder(folder: Path, name: str, device: torch.device, dtype: torch.dtype) -> DragModel:
    _check_folder(folder)
    from diffusers import AutoencoderKL, UNet2DConditionModel

    with torch.random.fork_rng(devices=[]):  # Modules are first filled at random; the caller's state stays.
        unet = _component(folder, "unet", UNet2DConditionModel)
        vae = _component(folder, "vae", AutoencoderKL)
        file = _weights(folder, "text_encoder")
        text = load_text_encoder(_tensors(file), folder / "text_encoder", f"{folder.name}/text_encoder")
    return from_parts(
        unet,
        vae,
        text,
        load_tokenizer(folder / "tokenizer"),
        load_scheduler(folder),
        preset=load_preset(folder, BEST),
        name=name,
        device=device,
        dtype=dtype,
    )


def _check_folder(folder: Path) -> None:
    """Refuse a folder that is no Stable Diffusion 1.x, from its small files alone."""
    if not (folder / "model_index.json").is_file():
        raise DragAVideoError(
            f"'{folder}' is no diffusers model: it has no model_index.json. Give the folder that holds unet, vae, "
            "text_encoder, tokenizer and scheduler, or a .safetensors checkpoint."
        )
    index = _json(folder / "model_index.json")
    kind = str(index.get("_class_name", "unknown"))
    if "XL" in kind or "text_encoder_2" in index:
        raise DragAVideoError(f"'{folder.name}' is a Stable Diffusion XL model ({kind}); use a Stable Diffusion 1.x.")
    for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler"):
        if not (folder / part).is_dir():
            raise DragAVideoError(
                f"'{folder.name}' ({kind}) has no folder '{part}'; a Stable Diffusion 1.x model in diffusers' layout "
                "has unet, vae, text_encoder, tokenizer and scheduler."
            )
    unet, vae = _json(folder / "unet" / "config.json"), _json(folder / "vae" / "config.json")
    for config, wanted in ((unet, "UNet2DConditionModel"), (vae, "AutoencoderKL")):
        found = config.get("_class_name", wanted)
        if found != wanted:
            raise DragAVideoError(f"'{folder.name}' has a {found} where Stable Diffusion 1.x has a {wanted}.")
    width = unet.get("cross_attention_dim")
    if width == 1024:
        raise DragAVideoError(f"'{folder.name}' is a Stable Diffusion 2 model (prompts of width 1024); use 1.x.")
    hidden = _json(folder / "text_encoder" / "config.json").get("hidden_size")
    if width != hidden:
        raise DragAVideoError(
            f"'{folder.name}': the UNet reads prompts of width {width}, but its text encoder gives {hidden}; "
            f"a Stable Diffusion 1.x model has {SD1_CONTEXT} for both."
        )


def _weights(folder: Path, part: str) -> Path:
    """The .safetensors file of a part, the full one before its fp16 variant; the first shard where it is split."""
    found = sorted((folder / part).glob("*.safetensors"), key=lambda file: (".fp16" in file.name, file.name))
    if not found:
        pickled = any((folder / part).glob("*.bin"))
        raise DragAVideoError(
            f"'{folder.name}/{part}' has no .safetensors weights"
            + (" (only a pickled .bin, which can run any program when opened)." if pickled else ".")
            + " Download the model in that format."
        )
    return found[0]


def _component(folder: Path, part: str, kind: Any) -> Any:
    """UNet or VAE of a folder, from safetensors only."""
    variant = "fp16" if ".fp16" in _weights(folder, part).name else None
    try:
        module = kind.from_pretrained(
            folder, subfolder=part, variant=variant, use_safetensors=True, local_files_only=True
        )
    except Exception as error:  # The libraries raise many kinds; a person needs the file's name in every case.
        raise DragAVideoError(
            f"'{folder.name}/{part}' is damaged or incomplete ({_first_line(error)}); download it again."
        ) from error
    _check_whole(module, part, folder.name)
    return module


def load_tokenizer(folder: Path) -> Any:
    """The CLIPTokenizer in a folder.

    Raises:
        DragAVideoError: files missing or unreadable.
    """
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # As above.
        raise DragAVideoError(f"The tokenizer in '{folder}' cannot be read ({_first_line(error)}).") from error


def load_scheduler(folder: Path) -> Any:
    """A DDIM scheduler with the noise levels of the model folder's scheduler, whatever that one's class."""
    from diffusers import DDIMScheduler

    # Euler and DPM files leave these out; DDIMScheduler's own defaults are not Stable Diffusion's.
    config = {"steps_offset": 1, "set_alpha_to_one": False, **_json(folder / "scheduler" / "scheduler_config.json")}
    known = set(inspect.signature(DDIMScheduler).parameters)
    return DDIMScheduler.from_config({key: value for key, value in config.items() if key in known})


# --- single-file checkpoint -----------------------------------------------------------------------------------------


def _load_checkpoint(
    path: Path, names: Collection[str], config: Path, device: torch.device, dtype: torch.dtype
) -> DragModel:
    """A checked checkpoint with tensors `names`; every configuration is read from the folder `config`."""
    from diffusers import AutoencoderKL, UNet2DConditionModel

    scheduler = load_scheduler(config)
    if "v_pred" in names:  # The mark that trainers put into v-prediction checkpoints.
        scheduler = type(scheduler).from_config(scheduler.config, prediction_type="v_prediction")
    with torch.random.fork_rng(devices=[]):
        unet = _from_ldm(path, UNET, UNet2DConditionModel, config, "unet")
        vae = _from_ldm(path, VAE, AutoencoderKL, config, "vae")
        given = {key[len(TEXT) :]: value for key, value in _tensors(path, TEXT).items()}
        text = load_text_encoder(given, config / "text_encoder", path.name)
    return from_parts(
        unet,
        vae,
        text,
        load_tokenizer(config / "tokenizer"),
        scheduler,
        preset=BEST,
        name=path.stem,
        device=device,
        dtype=dtype,
    )


def _from_ldm(path: Path, prefix: str, kind: Any, config: Path, part: str) -> Any:
    tensors = _tensors(path, prefix)
    try:
        module = kind.from_single_file(tensors, config=str(config), subfolder=part, local_files_only=True)
    except Exception as error:  # As above.
        raise DragAVideoError(
            f"The {part} in '{path.name}' is incomplete or not Stable Diffusion 1.x's ({_first_line(error)}); "
            "use a complete Stable Diffusion 1.x checkpoint."
        ) from error
    _check_whole(module, part, path.name)
    # Without accelerate, diffusers leaves tensors that a file lacks at their random values and says nothing.
    absent = len(module.state_dict()) - len(tensors)
    if absent > 0:
        raise DragAVideoError(f"The {part} in '{path.name}' lacks {absent} tensors; download the checkpoint again.")
    return module


def _check_whole(module: Any, part: str, where: str) -> None:
    """Refuse a network in which a tensor was never filled: with accelerate, what a file lacks stays without values."""
    empty = next((name for name, weight in module.state_dict().items() if weight.is_meta), None)
    if empty is not None:
        raise DragAVideoError(f"The {part} in '{where}' lacks the tensor '{empty}'; download it again.")


def load_text_encoder(given: Mapping[str, Tensor], config: Path, where: str) -> Any:
    """CLIP's text encoder from tensors with transformers' names, any version's.

    Args:
        given: name -> tensor, with or without "text_model." in front.
        config: folder with the encoder's config.json.
        where: what a message calls the place that the tensors come from.

    Raises:
        DragAVideoError: a tensor is missing or of another shape.
    """
    from transformers import CLIPTextConfig, CLIPTextModel

    module = CLIPTextModel(CLIPTextConfig.from_pretrained(config))
    wanted = module.state_dict()
    # "text_model." came and went on both sides: in checkpoints with their age, in transformers with version 5.
    plain = {key.removeprefix("text_model."): value.float() for key, value in given.items()}
    state = {key: plain.get(key.removeprefix("text_model.")) for key in wanted}
    for key, value in state.items():
        if value is None or value.shape != wanted[key].shape:
            raise DragAVideoError(
                f"The text encoder in '{where}' is cut or not Stable Diffusion 1.x's (differs at {key}); "
                "use a complete Stable Diffusion 1.x model."
            )
    module.load_state_dict(state)
    return module


def _tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """The file's tensors whose names begin with `prefix`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DragAVideoError(f"'{path}' is truncated or damaged ({error}); download it again.") from None


def _json(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DragAVideoError(f"'{path}' cannot be read ({_first_line(error)}); download the model again.") from None
    if not isinstance(values, dict):
        raise DragAVideoError(f"'{path}' is no JSON object; download the model again.")
    return values


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
