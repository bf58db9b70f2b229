"""Readers of model files: each turns a file into a network of the engine, or says what is wrong with it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drywet.engine.contract import Array
from drywet.engine.formats import network, run
from drywet.engine.formats.c_header import is_c_header, read_c_header
from drywet.engine.formats.file import ModelFile
from drywet.engine.formats.nam import read_nam
from drywet.engine.formats.onnx import is_onnx, read_onnx
from drywet.engine.formats.proteus import read_proteus
from drywet.engine.formats.rtneural import AIDAX_KEYS, read_aidax, read_rtneural
from drywet.engine.formats.safetensors import is_safetensors, read_safetensors
from drywet.engine.formats.tree import Node, parse
from drywet.errors import ModelFileError

MAX_FILE_BYTES = 1 << 26

__all__ = ["ModelFile", "read", "read_bytes"]


def read(path: Path | str, linear_order: str = "engine") -> ModelFile:
    """The model in a file of any format that drywet knows, or the best model in a run folder, without torch.

    Raises
    ------
    ModelFileError
        If the file is missing, too large, damaged, newer than this drywet, or of no format that it knows.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "best.safetensors"
        if not path.is_file():
            raise ModelFileError(f"{path.parent}: holds no trained model (best.safetensors); train it first")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(content) > MAX_FILE_BYTES:
        raise ModelFileError(f"{path}: is larger than the {MAX_FILE_BYTES} bytes that are read")
    return read_bytes(content, str(path), linear_order)


def read_bytes(content: bytes, where: str, linear_order: str = "engine") -> ModelFile:
    """The same from the content of a file; ``where`` opens every complaint. What it is, is told by the content."""
    if is_safetensors(content):
        texts, tensors = read_safetensors(content, where)
        return _located(where, _read_safetensors, texts, tensors)
    if is_onnx(content):
        return _located(where, read_onnx, content, where)
    if is_c_header(content):
        return _located(where, read_c_header, content, where)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        raise ModelFileError(
            f"{where}: is no model file that drywet knows (.nam, AIDA-X, Proteus, RTNeural, ONNX, safetensors, C header)"
        )
    return _located(where, _read_json, parse(content, where), linear_order)


def _located(where: str, read: Callable[..., ModelFile], *given: Any) -> ModelFile:
    """What ``read`` makes of it; a complaint of a network gets the file's name."""
    try:
        return read(*given)
    except ModelFileError as error:
        if str(error).startswith(where):
            raise
        raise ModelFileError(f"{where}: {error}") from None


def _read_json(root: Node, linear_order: str) -> ModelFile:
    if "architecture" in root or "weights" in root:
        return read_nam(root, linear_order)
    if "model_data" in root or "state_dict" in root:
        return read_proteus(root)
    if "layers" in root:
        return read_aidax(root) if any(key in root for key in AIDAX_KEYS) else read_rtneural(root)
    return root.fail(
        "is JSON, but no model: no architecture (.nam), layers (AIDA-X, RTNeural) or model_data (Proteus) in it"
    )


def _read_safetensors(texts: Mapping[str, str], tensors: Mapping[str, Array]) -> ModelFile:
    if run.HEADER in texts:
        return run.read_run(texts, tensors, "drywet model")
    if network.HEADER in texts:
        return network.read_network(parse(texts[network.HEADER].encode(), "network"), tensors, "network")
    raise ModelFileError("holds tensors, but says not of which model")
