"""The command line: one module per command; each parses, calls the Python function of the same name, and prints.

Results go to stdout, progress and errors to stderr. Exit status: see ``drywet.errors``.
"""

import io
import os
import signal as signals
import sys

import typer

from drywet import __version__
from drywet.errors import DrywetError, StorageError
from drywet.text import printable

app = typer.Typer(
    name="drywet",
    help="Learn what a guitar pedal does to a signal, measure how close the copy is, and play it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"drywet {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
) -> None:
    """Options of every command. ``--debug`` is looked for by :func:`main`, before anything can fail."""


def _mount() -> None:
    from drywet.cli import (
        align,
        analyze,
        bench,
        capture,
        check,
        circuit,
        convert,
        dataset,
        demo,
        devices,
        distill,
        doctor,
        evaluate,
        export,
        import_model,
        inspect,
        listen,
        models,
        play,
        render,
        report,
        signal,
        study,
        train,
    )

    app.command()(demo.demo)
    app.command()(train.train)
    app.command()(evaluate.evaluate)
    app.command()(analyze.analyze)
    app.command()(models.models)
    app.command()(render.render)
    app.command()(play.play)
    app.command()(export.export)
    app.command("import")(import_model.import_model)
    app.command()(convert.convert)
    app.command()(inspect.inspect)
    app.command()(bench.bench)
    app.command()(distill.distill)
    app.command()(report.report)
    app.command()(listen.listen)
    app.command()(check.check)
    app.command()(align.align)
    app.command()(capture.capture)
    app.command()(devices.devices)
    app.command()(doctor.doctor)
    app.add_typer(study.app, name="study", help="Studies: many runs from one file.")
    app.add_typer(dataset.app, name="dataset", help="Datasets: recordings with their manifest.")
    app.add_typer(signal.app, name="signal", help="Signals to play through a device: make, show.")
    app.add_typer(circuit.app, name="circuit", help="Virtual circuits: render, list, show.")


def _prepare_streams() -> None:
    """A service or ``>&-`` may leave a command without stdin, stdout or stderr, or with an old encoding; consoles need all."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")  # a sign that the encoding lacks is no reason to fail


def _leave_tidily() -> None:
    """``kill`` and a closed terminal end a command as Ctrl-C does: no half-written file and no worker stays."""

    def leave(number: int, frame: object) -> None:
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        wish = getattr(signals, name, None)  # Windows has no SIGHUP
        if wish is not None and signals.getsignal(wish) is signals.SIG_DFL:  # nohup ignores it
            signals.signal(wish, leave)


_prepare_streams()
_mount()


def main() -> None:
    """Run the command line; every failure is one clear message and an exit status."""
    _leave_tidily()
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(arguments)
    except DrywetError as error:
        if debug:
            raise
        _complain(str(error), error.exit_status)
    except SystemExit as leaving:
        if leaving.code == 130:  # typer turns Ctrl-C into this
            _complain("interrupted. Run the same command again to go on", 130)
        raise
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; that is no error
        sys.exit(0)
    except OSError as error:  # a path that cannot even be asked about: too long, or in a folder that may not be read
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}cannot be read or written ({error.strerror or error})", StorageError.exit_status)
    except Exception as error:
        if debug:
            raise
        _complain(f"unexpected {type(error).__name__}: {error}. Add --debug to see where, and please report it", 1)


def _complain(message: str, status: int) -> None:
    print(printable(f"error: {message}", "\n\t"), file=sys.stderr)
    sys.exit(status)
