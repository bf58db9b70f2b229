"""``drywet listen``: blind listening tests, and what the listeners' answers say."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from drywet.cli import common

if TYPE_CHECKING:
    from drywet.listening import Findings

DEFAULT_PORT = 8340
TITLE = "How close is the copy?"


def listen(
    folders: list[Path] = typer.Argument(
        help="Runs, studies, or a webMUSHRA configuration (.yaml) to make a test of. With --serve, --analyze, --export: the "
        "folder of a test; after it, answers to analyze."
    ),
    test: str = typer.Option(
        None, help="Make a test: mushra (rate all models at once) or abx (is there a difference?)."
    ),
    out: Path = typer.Option(None, "--out", "-o", help="The new folder of the test, or of the export."),
    clips: list[str] = typer.Option(None, "--clips", help="Clips to hear; repeat it for several. Default: up to 8."),
    models: list[str] = typer.Option(
        None, "--models", help="Models to hear, by name, number or run folder. Default: best, median, worst of a study."
    ),
    anchor: list[str] = typer.Option(
        ["low", "linear"], help="Anchors: low (3.5 kHz), mid (7 kHz), linear (best filter); repeat it for several."
    ),
    seconds: float = typer.Option(10.0, min=1.0, max=30.0, help="Length of an excerpt, the loudest of its clip."),
    trials: int = typer.Option(16, min=1, max=200, help="ABX trials per model and listener."),
    title: str = typer.Option(None, help=f"What listeners read on top. Default: {TITLE}"),
    serve: bool = typer.Option(False, "--serve", help="Serve the test to browsers on this machine; keep the answers."),
    port: int = typer.Option(DEFAULT_PORT, min=0, max=65_535, help="Port to serve on; 0 takes a free one."),
    analyze: bool = typer.Option(False, "--analyze", help="Analyze the answers in the test's folder, or those named."),
    export: bool = typer.Option(False, "--export", help="Write the test in FOLDER for webMUSHRA into --out."),
    results: Path = typer.Option(None, "--results", help="With --analyze: also write the answers as webMUSHRA's CSV."),
    force: bool = typer.Option(False, "--force", help="Write over the file that --results names."),
    json_: bool = typer.Option(False, "--json", help="Print the findings as JSON."),
) -> None:
    """Make a blind listening test, serve it, or analyze its answers.

    The test is a page that opens without a server; listeners get FOLDER/page and send back a file. All sounds are equally
    loud (0.1 LU), start together, and switch without a gap. FOLDER/key.json says what is what: do not hand it out.

    A test whose folder stands in that of its run or study is in the report of it, once it has been analyzed.

    Example: `drywet listen studies/ds340-stateful --test mushra --out studies/ds340-stateful/listening` then
    `drywet listen studies/ds340-stateful/listening --serve` then `... --analyze` in the place of `--serve`
    """
    from drywet.errors import SettingsError

    folder = folders[0]
    wanted = [name for name, given in (("--serve", serve), ("--analyze", analyze), ("--export", export)) if given]
    if len(wanted) > 1:
        raise SettingsError(f"{' and '.join(wanted)}: give one of them at a time")
    if analyze:
        if results is not None:
            common.refuse_existing(results, force)
        _analyze(folder, folders[1:], results, json_)
    elif serve:
        _serve(folder, port)
    elif export:
        if out is None:
            raise SettingsError("--export: say with --out where webMUSHRA's files go")
        _export(folder, out)
    else:
        kind = common.choice(test or "", ("mushra", "abx"), "--test")
        if out is None:
            raise SettingsError("say with --out where the test goes")
        _make(folders, kind, out, clips, models, anchor, seconds, trials, title)


def _make(folders, kind, out, clips, models, anchor, seconds, trials, title) -> None:
    from drywet import listening
    from drywet.cli.progress import stage
    from drywet.errors import SettingsError
    from drywet.listening import webmushra
    from drywet.listening.anchors import ANCHORS

    if folders[0].suffix in (".yaml", ".yml"):
        if clips or models or len(folders) > 1:
            raise SettingsError(
                f"{folders[0]}: says itself what is heard; leave --clips, --models and other folders out"
            )
        named, material = webmushra.read_config(folders[0], kind)
        title = title or named
    else:
        anchors = [ANCHORS[common.choice(name, tuple(ANCHORS), "--anchor")] for name in anchor]
        material = listening.collect_items(
            folders, clips=clips or (), models=models or (), anchors=anchors, seconds=seconds
        )
    for note in material.notes:
        common.stderr.print(note)
    matched = listening.match_loudness(material.items)
    design = listening.design_test(
        matched.items,
        kind,
        title=title or TITLE,
        loudness_lufs=matched.loudness_lufs,
        gains_db=matched.gains_db,
        trials=trials,
    )
    with stage("writing sounds", len(design.samples)) as bar:
        page = listening.write_test(design, out, lambda done, total: bar.update(done, done / total))
    size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
    common.stdout.print(str(page))
    screens = len(design.public()["trials"])
    common.stderr.print(
        f"{len(matched.items)} excerpts, {len(design.key.models)} models, {screens} screens to answer, {size / 1e6:.0f} MB, "
        f"at {matched.loudness_lufs:.1f} LUFS. Listeners get {page.parent}; keep {out / 'key.json'} to yourself. "
        f"`{common.program()} listen {out} --serve` collects the answers on this machine"
    )


def _serve(folder: Path, port: int) -> None:
    from drywet import listening

    server = listening.make_server(folder, port, common.stderr.print)
    try:
        common.stdout.print(f"http://127.0.0.1:{server.server_port}/")
        common.stderr.print(f"answers go to {folder / 'answers'}; Ctrl-C ends it")
        server.serve_forever()
    except KeyboardInterrupt:
        common.stderr.print("ended")
    finally:
        server.server_close()


def _export(folder: Path, out: Path) -> None:
    from drywet import listening
    from drywet.listening import webmushra

    common.stdout.print(str(webmushra.write_config(folder, listening.read_key(folder), out)))


def _analyze(folder: Path, paths: list[Path], results: Path | None, json_: bool) -> None:
    from drywet import files, listening
    from drywet.errors import StorageError
    from drywet.listening import findings, webmushra_results

    key = listening.read_key(folder)
    answered = findings.gather(folder, key, paths)
    if results is not None:
        webmushra_results.write_results(results, key, answered)
    found = findings.find(key, answered)
    try:
        files.write_json(folder / "findings.json", found.as_dict())  # where a report of the models finds it
    except StorageError as error:
        common.stderr.print(f"the findings are not kept for reports: {error}")
    if json_:
        common.print_json(found.as_dict())
    else:
        _print(found)


def _print(found: "Findings") -> None:
    for file in found.unused:
        common.stderr.print(f"not used: {file}")
    for name, reason in found.failed:
        common.stderr.print(f"did not pass the screening: {name} {reason}")
    common.stdout.print(f"{found.title}: {len(found.listeners)} listener{'s' * (len(found.listeners) != 1)}")
    if found.ratings is not None:
        rows = [
            {
                "version": each.condition,
                "mean": f"{each.mean:.1f}",
                "95 % interval": _interval(each.mean_interval, "{:.1f}"),
                "median": f"{each.median:.1f}",
                "95 % interval of it": _interval(each.median_interval, "{:.1f}"),
            }
            for each in found.ratings.conditions
        ]
        common.print_table(rows, "ratings, 0 to 100")
    if found.heard:
        rows = [
            {
                "model": each.model,
                "right": f"{each.correct} of {each.trials}",
                "share": f"{each.share:.0%}",
                "95 % interval": _interval(each.interval, "{:.0%}"),
                "d'": "" if each.d_prime is None else f"{each.d_prime:.2f}",
                "p": f"{each.p_holm:.3g}",
            }
            for each in found.heard
        ]
        common.print_table(rows, "X recognised")
    if found.agreement:
        rows = [
            {
                "measure": each.label,
                "Spearman": f"{each.spearman:.2f}",
                "95 % interval": _interval(each.spearman_interval, "{:.2f}"),
                "Kendall": f"{each.kendall:.2f}",
                "95 % interval of it": _interval(each.kendall_interval, "{:.2f}"),
            }
            for each in found.agreement
        ]
        common.print_table(rows, "agreement of each measure with the listeners: 1 is the same order")
    for sentence in (*found.conclusions, *found.limits):
        common.stdout.print(f"- {sentence}")


def _interval(interval: tuple[float, float] | None, form: str) -> str:
    return "" if interval is None else f"{form.format(interval[0])} to {form.format(interval[1])}"
