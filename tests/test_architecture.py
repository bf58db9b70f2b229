"""The layout that a newcomer relies on, read from the imports."""

import ast
from pathlib import Path

import drywet

SOURCE = Path(drywet.__file__).parent
FOUNDATION = {
    "errors",
    "files",
    "settings",
    "signals",
    "controls",
    "effect",
    "executor",
    "rendering",
    "kernel_cache",
    "vectors",
    "text",
}
FOUNDATION |= {"audio", "audio_headers", "audio_pipe"}
# Each stage and the stages it may import, beside the foundation.
MAY_IMPORT = {
    "measures": set(),
    "circuits": {"measures"},
    "interfaces": set(),
    "dataset": {"measures", "circuits", "interfaces"},
    "models": {"measures", "circuits", "dataset"},
    "training": {"measures", "circuits", "dataset", "models"},
    "engine": set(),
    "live": {"circuits", "engine", "interfaces"},
    "export": {"measures", "circuits", "dataset", "models", "training", "engine"},
    "evaluation": {"measures", "circuits", "dataset", "models"},
    "analysis": {"measures", "circuits", "dataset", "models", "evaluation"},
    "report": {"measures", "circuits", "dataset", "models", "evaluation", "analysis"},
    "listening": {"measures", "circuits", "dataset", "models", "evaluation", "analysis"},
}


def imported(path):
    """Names of the modules a file imports, dotted."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def stage_of(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def drywet_stages(path):
    stages = {name.split(".")[1] for name in imported(path) if name.startswith("drywet.")}
    return {stage for stage in stages if (SOURCE / stage).is_dir() or (SOURCE / f"{stage}.py").is_file()}


def test_nothing_imports_a_later_stage():
    wrong = []
    for path in SOURCE.rglob("*.py"):
        stage = stage_of(path)
        if stage in ("cli", "__init__", "__main__"):
            continue
        allowed = FOUNDATION | MAY_IMPORT.get(stage, set()) | {stage}
        wrong += [f"{path.relative_to(SOURCE)} imports {other}" for other in drywet_stages(path) - allowed]
    assert wrong == []


def test_every_folder_has_its_place_in_the_order():
    folders = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").is_file()}
    assert folders == set(MAY_IMPORT) | {"signals", "cli"}


def test_circuits_engine_live_measures_and_signals_never_import_torch():
    for stage in ("circuits", "engine", "interfaces", "live", "measures", "signals"):
        for path in (SOURCE / stage).rglob("*.py"):
            assert not any(name.split(".")[0] == "torch" for name in imported(path)), path


def test_nothing_unsafe_is_used():
    """No pickle, no torch.load, no eval or exec, no shell."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load", "os.system", "numpy.load", "np.load"), (
                    path,
                    called,
                )
                assert not any(k.arg == "shell" for k in node.keywords), (path, called)
        assert not any(name.split(".")[0] in ("pickle", "joblib", "dill", "marshal") for name in imported(path)), path
