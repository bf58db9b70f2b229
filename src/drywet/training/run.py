"""A run folder: ``config.json`` says what it is, everything else is made from that."""

from pathlib import Path
from typing import Any, Literal

from drywet import files
from drywet.errors import RunError, SettingsError
from drywet.settings import Settings, fingerprint, parse
from drywet.training.settings import RunSettings

CONFIG = "config.json"


class RunConfig(Settings):
    """Who a run is: its settings, and its place in a study if it has one."""

    format: Literal[1] = 1
    name: str
    number: int = 0
    factors: dict[str, str] = {}
    request: str | None = None  # hash of what a user asked for, where drywet chose the rest
    settings: RunSettings

    def run_id(self, dataset_sha256: str) -> str:
        """Hash of the resolved settings and the dataset; names and numbers do not matter."""
        return fingerprint([self.settings.model_dump(mode="json"), dataset_sha256])[:12]


def open_run(folder: Path | str, config: RunConfig, dataset_sha256: str) -> Path:
    """The run's folder, made now or found as it was left.

    Raises
    ------
    RunError
        If another run lives there.
    """
    folder = Path(folder)
    run_id = config.run_id(dataset_sha256)
    if (folder / CONFIG).is_file():
        found_id = files.read_json_object(folder / CONFIG).get("id")
        if found_id != run_id:
            raise RunError(
                f"{folder}: belongs to another run ({found_id}; this one is {run_id}: other settings or other audio). "
                "Choose another folder with --out, or delete this one"
            )
        return folder
    if files.in_use(folder):
        raise RunError(f"{folder}: is not empty and no run folder (no {CONFIG}); choose another folder with --out")
    values: dict[str, Any] = {"format": 1, "id": run_id, **config.model_dump(mode="json", exclude={"format"})}
    values |= {"controls": values["settings"]["controls"], "dataset_sha256": dataset_sha256}
    files.write_json(folder / CONFIG, values)
    return folder


def read_settings(folder: Path | str) -> RunSettings:
    """The settings a run was made with, from its ``config.json``."""
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise RunError(f"{folder}: is no run folder (no {CONFIG})")
    values = files.read_json_object(path)
    if values.get("format") != 1:
        raise RunError(f"{path}: is no run of format 1")
    try:
        return parse(RunSettings, values.get("settings"), str(path))
    except SettingsError as error:
        raise RunError(f"{error}; the file is damaged, or of a newer version") from None
