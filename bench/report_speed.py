"""The report of a study: how long it takes to build on one core, how large it is, and how fast Chromium opens it.

    python bench/report_speed.py

Without --study, the study is made of numbers: the published grid of 36 models, six riffs of 8 s, 9 of the models heard.
Seconds of one core are CPU time of the process, which other work on the machine does not lengthen as it does wall time.
Opening is measured by the browser itself, from the start of the navigation: when the first text is painted, when all that
the page asks for at once is there (load), and when the first sound could play.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

from drywet.report import build_study_report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fake_study import write_study

VIEWPORTS = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}

_FIRST_SOUND = """() => new Promise(done => {
    const look = () => {
        const player = document.querySelector("audio[data-signal=predicted]");
        if (player?.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) done(performance.now());
        else setTimeout(look, 5);
    };
    look();
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--study", type=Path, help="a study folder instead of the made-up one")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a made-up riff")
    parser.add_argument("--visits", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = arguments.study or write_study(Path(folder) / "study", seconds=arguments.seconds)
        started, cpu = time.perf_counter(), time.process_time()
        page = build_study_report(study, Path(folder) / "report")
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        sizes = {path.suffix: 0 for path in page.parent.rglob("*") if path.is_file()}
        for path in page.parent.rglob("*"):
            if path.is_file():
                sizes[path.suffix] += path.stat().st_size
        print(f"built in {cpu:.1f} s of one core ({wall:.1f} s by the clock)")
        listed = ", ".join(f"{suffix[1:]} {size / 1e6:.1f}" for suffix, size in sorted(sizes.items()))
        print(f"folder {sum(sizes.values()) / 1e6:.1f} MB: {listed}")
        for name, viewport in VIEWPORTS.items():
            print(f"{name}: {open_page(page, viewport, arguments.visits)}")


def open_page(page: Path, viewport: dict[str, int], visits: int) -> str:
    """Medians over visits, each with a browser that knows nothing of the page yet."""
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(visits):
            tab = browser.new_context(viewport=viewport).new_page()
            tab.goto(page.as_uri(), wait_until="commit")
            audible = tab.evaluate(_FIRST_SOUND)
            tab.wait_for_timeout(500)
            rows.append(
                tab.evaluate(
                    "() => [performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,"
                    f" performance.getEntriesByType('navigation')[0].loadEventEnd, {audible}]"
                )
            )
            tab.context.close()
        browser.close()
    painted, loaded, audible = (median(column) / 1000 for column in zip(*rows, strict=True))
    return f"painted after {painted:.2f} s, loaded after {loaded:.2f} s, first sound after {audible:.2f} s (median of {visits})"


if __name__ == "__main__":
    main()
