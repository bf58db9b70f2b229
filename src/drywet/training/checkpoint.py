"""``last.safetensors``: all that training needs to go on as if it had never stopped, in one atomic file."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from drywet import files
from drywet.errors import RunError
from drywet.training.adam import Adam


@dataclass
class Progress:
    """Where training stands. With a budget that counts, every number that influences later updates is here or in a tensor."""

    epoch: int = 0
    batch: int = 0  # updates done in this epoch
    update: int = 0  # updates done in all
    seconds: float = 0.0  # time spent on training and validation
    validations: int = 0
    best_esr: float | None = None
    best_update: int = 0
    since_best: int = 0  # validations since the best one
    learning_rate_scale: float = 1.0  # halved with every roll-back
    roll_backs: int = 0
    error_energy: float = 0.0  # sums since the last validation
    wet_energy: float = 0.0
    absolute_error: float = 0.0
    samples: int = 0


def save_checkpoint(
    path: Path,
    progress: Progress,
    model: nn.Module,
    average: Tensor,
    optimizer: Adam,
    state: tuple[Tensor, ...],
) -> None:
    """Write everything, whole or not at all."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()} | _vectors(average, optimizer)
    tensors["optimizer.steps"] = torch.tensor(optimizer.steps)
    tensors |= {f"state.{index}": tensor.detach() for index, tensor in enumerate(state)}
    content = save(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        metadata={"progress": json.dumps(asdict(progress))},
    )
    files.write_bytes(path, content)


def load_checkpoint(
    path: Path, model: nn.Module, average: Tensor, optimizer: Adam
) -> tuple[Progress, tuple[Tensor, ...]]:
    """Put weights, their average and moments back; return the progress and the recurrent state.

    Raises
    ------
    RunError
        If the file is damaged or does not fit the model.
    """
    try:
        with safe_open(path, framework="pt") as file:
            values = json.loads((file.metadata() or {})["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
        progress = TypeAdapter(Progress).validate_python({field.name: values[field.name] for field in fields(Progress)})
        model.load_state_dict(_under("model.", tensors))
        for name, target in _vectors(average, optimizer).items():
            if tensors[name].shape != target.shape:
                raise ValueError(f"{name} has shape {tuple(tensors[name].shape)}, this model {tuple(target.shape)}")
            target.copy_(tensors[name])
        optimizer.steps = int(tensors["optimizer.steps"])
        state = _under("state.", tensors)
    except (SafetensorError, OSError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise RunError(
            f"{path}: cannot be resumed from ({error}); delete it to train this run from the start"
        ) from error
    return progress, tuple(state[str(index)] for index in range(len(state)))


def _vectors(average: Tensor, optimizer: Adam) -> dict[str, Tensor]:
    return {"average": average, "optimizer.mean": optimizer.mean, "optimizer.square": optimizer.square}


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
