"""A trained model as a file (safetensors) and as an Effect."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from drywet import audio
from drywet.errors import RunError, SettingsError
from drywet.models.contract import Model
from drywet.models.registry import FAMILIES, build
from drywet.settings import parse

FORMAT = 1
HEADER = "drywet"
MAX_FILE_BYTES = 1 << 30


class TrainedEffect:
    """A trained model as an Effect: float32 on the CPU, state carried from block to block, no latency."""

    latency = 0

    def __init__(self, model: Model, sample_rate: int, controls: Mapping[str, float] | None = None):
        """``controls`` are the knobs' default rotations; by default every knob of the model at noon."""
        self.model = model.eval()
        self.sample_rate = sample_rate
        self.controls = {name: (controls or {}).get(name, 0.5) for name in model.settings.controls}
        self.reset()

    def reset(self) -> None:
        self.state = self.model.initial_state(1)

    def process(self, dry: np.ndarray, controls: Mapping[str, float]) -> np.ndarray:
        knobs = torch.tensor([[controls[name] for name in self.controls]], dtype=torch.float32)
        with torch.no_grad():
            signal = torch.from_numpy(np.ascontiguousarray(dry, np.float32)).unsqueeze(0)
            predicted, self.state = self.model(signal, knobs, self.state)
        return predicted[0].numpy()


def model_bytes(model: Model, sample_rate: int) -> bytes:
    """The content of a model file: weights, and in the header the settings to build the model from."""
    header = {"format": FORMAT, "sample_rate": sample_rate, "model": model.settings.model_dump(mode="json")}
    # One entry, because safetensors writes several in random order, and the same model should be the same file.
    metadata = {HEADER: json.dumps(header)}
    return save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, metadata=metadata)


def load_effect(path: Path | str) -> TrainedEffect:
    """The Effect in a model file, or the best model in a run folder.

    Raises
    ------
    RunError
        If the file is missing, damaged, of another format, or its weights do not fit its settings or are not finite.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "best.safetensors"
        if not path.is_file():
            raise RunError(f"{path.parent}: holds no trained model (best.safetensors); train it first, or to the end")
    if not path.is_file():
        raise RunError(f"{path}: no such file")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise RunError(f"{path}: is {path.stat().st_size} bytes large, at most {MAX_FILE_BYTES} are read")
    try:
        with safe_open(path, framework="pt") as file:
            settings_class, sample_rate, values = _checked_header(path, file.metadata() or {})
            model = build(_checked_settings(path, settings_class, values))
            expected = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
            found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118, no mapping
            if found != expected:
                wrong = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))[0]
                raise RunError(
                    f"{path}: {wrong} has shape {found.get(wrong)}, the model settings in the file want "
                    f"{expected.get(wrong)}; the file is damaged"
                )
            weights = {name: file.get_tensor(name) for name in found}
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path}: not readable as a model file ({error})") from error
    for name, tensor in weights.items():
        if tensor.dtype != torch.float32 or not torch.isfinite(tensor).all():
            raise RunError(f"{path}: {name} is not finite float32; the file is damaged or the model diverged")
    model.load_state_dict(weights)
    return TrainedEffect(model, sample_rate)


def _checked_header(path: Path, metadata: dict[str, str]) -> tuple[type, int, dict]:
    try:
        header = json.loads(metadata[HEADER])
        if header["format"] != FORMAT:
            raise RunError(
                f"{path}: is a drywet model of format {header['format']}, this version reads format {FORMAT}"
            )
        values, sample_rate = header["model"], int(header["sample_rate"])
        settings_class = FAMILIES[values["family"]][0]
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RunError(f"{path}: is no drywet model, or its header is damaged ({error!r})") from error
    if not audio.LOWEST_RATE <= sample_rate <= audio.HIGHEST_RATE:
        raise RunError(f"{path}: sample rate {sample_rate} Hz is impossible; the file is damaged")
    return settings_class, sample_rate, values


def _checked_settings(path: Path, settings_class: type, values: dict):
    try:
        return parse(settings_class, values, str(path))
    except SettingsError as error:
        raise RunError(f"{error}; the file is damaged, or of a newer version") from error
