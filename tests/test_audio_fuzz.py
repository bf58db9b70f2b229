"""Damaged sound files, 20 000 a run: an AudioFileError or a correct read; no crash, no hang, no more than 256 MB.

More of them, or others: DRYWET_FUZZ_FILES=1000000 DRYWET_FUZZ_SEED=1 pytest tests/test_audio_fuzz.py
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="needs the memory limits of Unix")
import mutated_sound

FILES = int(os.environ.get("DRYWET_FUZZ_FILES", 20_000)) // len(mutated_sound.FORMATS)
SEED = int(os.environ.get("DRYWET_FUZZ_SEED", 0))

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads its own size from /proc (Linux)")


@pytest.mark.timeout(max(300, FILES // 20))
@pytest.mark.parametrize("family", mutated_sound.FORMATS)
def test_a_mutated_file_is_refused_with_a_reason_or_read_correctly(tmp_path, family):
    result = subprocess.run(
        [sys.executable, mutated_sound.__file__, family, str(SEED), "0", str(FILES), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    at = (tmp_path / "at").read_text() if (tmp_path / "at").exists() else "the start"
    assert result.returncode == 0, (
        f"{family}, seed {SEED}, ended by {result.returncode} at {at}: {result.stderr[-2000:]}"
    )
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["faults"] == []
    assert report["outcomes"]["refused"] + report["outcomes"]["read"] == FILES
    assert report["outcomes"]["read"] > 0.01 * FILES  # the mutations leave something to read


@pytest.mark.parametrize("family", mutated_sound.FORMATS)
def test_a_mutated_file_is_known_by_its_seed_and_number(family):
    contents = mutated_sound.whole_files(family)
    again = mutated_sound.whole_files(family)
    for number in range(20):
        assert mutated_sound.mutated(contents, 3, number) == mutated_sound.mutated(again, 3, number)
