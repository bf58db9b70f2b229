"""What listening tests of the models found, as ``drywet listen --analyze`` left it beside the models."""

from dataclasses import dataclass
from pathlib import Path

from drywet.errors import RunError
from drywet.files import read_json_object

FINDINGS = "*/findings.json"
KINDS = {
    "abx": "ABX: which of two is the device, told apart or not",
    "mushra": "MUSHRA: all versions rated at once, the device hidden among them",
}


@dataclass(frozen=True)
class ListeningTest:
    """One test in words: its title, of what kind, how many listeners count, what follows and what does not."""

    title: str
    kind: str
    listeners: int
    conclusions: tuple[str, ...]
    limits: tuple[str, ...]


def read_listening_tests(folder: Path) -> tuple[list[ListeningTest], list[str]]:
    """The analysed tests whose folders stand in the folder of a run or study, and notes on those that cannot be read."""
    tests, notes = [], []
    for path in sorted(folder.glob(FINDINGS)):
        try:
            found = read_json_object(path)
            conclusions, limits = (tuple(map(str, found[name])) for name in ("conclusions", "limits"))
            kind = KINDS.get(str(found["kind"]), str(found["kind"]))
            tests.append(ListeningTest(str(found["title"]), kind, len(found["listeners"]), conclusions, limits))
        except (RunError, KeyError, TypeError):
            notes.append(
                f"Listening test in {path.parent.name}: its findings cannot be read. `drywet listen FOLDER --analyze` "
                "writes them anew."
            )
    return tests, notes
