"""The test served to a browser on this machine, and answers written to disk as they come.

Loopback only. A page of another site could still send requests here, so the Host header must name this server (against
DNS rebinding), and answers must say that they come from its own page.
"""

import hashlib
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from drywet.errors import DrywetError, RunError, StorageError
from drywet.files import write_bytes
from drywet.listening.answers import MAX_BYTES, parse_answers, printable
from drywet.listening.design import read_key
from drywet.listening.page import ANSWERS, PAGE

HOST = "127.0.0.1"
MOST_ANSWERS = 10_000  # files; a script gone wild must not fill the disk
TIMEOUT_SECONDS = 20
# Not by mimetypes, which asks the operating system; where that takes .js for text, browsers refuse to run it.
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves in the middle of a reply is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_server(
    folder: Path | str, port: int = 0, told: Callable[[str], None] = lambda message: None
) -> ThreadingHTTPServer:
    """A server of the test in ``folder``, bound to the loopback interface; call its ``serve_forever()``.

    Only files that are in ``folder/page`` now are given out, each under its own name. Answers are checked against the key
    and written to ``folder/answers`` whole, under a name made from their content: nothing that a request says becomes part
    of a path, and no file is written over. ``told`` hears about each. Port 0 takes a free one.

    Raises
    ------
    RunError
        If the folder holds no test.
    StorageError
        If the port is taken.
    """
    folder = Path(folder)
    key = read_key(folder)
    page, inbox = folder / PAGE, folder / ANSWERS
    known = {f"/{path.relative_to(page).as_posix()}": path for path in page.rglob("*") if path.is_file()}
    if "/index.html" not in known:
        raise RunError(f"{page}: has no index.html; the test is not whole. Make it again")
    known["/"] = known["/index.html"]
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_SECONDS
        server_version, sys_version = "drywet", ""

        def do_GET(self) -> None:
            if not self._is_for_us():
                return
            path = known.get(self.path.partition("?")[0])
            if path is None:
                self._reply(HTTPStatus.NOT_FOUND, "there is no such file in this test")
                return
            try:
                content = path.read_bytes()
            except OSError as error:
                told(f"{path}: cannot be read ({error.strerror})")
                self._reply(HTTPStatus.NOT_FOUND, "this file of the test cannot be read any more")
                return
            self._reply(HTTPStatus.OK, content, KINDS.get(path.suffix, "application/octet-stream"))

        def do_POST(self) -> None:
            if not self._is_for_us():
                return
            length = self.headers.get("Content-Length", "")
            if self.path != "/answers":
                self._reply(HTTPStatus.NOT_FOUND, "answers go to /answers")
            elif self.headers.get("Origin") != f"http://{self.headers['Host']}":
                self._reply(HTTPStatus.FORBIDDEN, "answers are taken from the page of this test only")
            elif self.headers.get("Content-Type") != "application/json":
                self._reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "answers are application/json")
            elif not (length.isascii() and length.isdigit()):
                self._reply(HTTPStatus.LENGTH_REQUIRED, "say how long the answers are")
            elif len(length) > 9 or int(length) > MAX_BYTES:
                self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"answers have at most {MAX_BYTES} bytes")
            else:
                content = self.rfile.read(int(length))
                with one_at_a_time:
                    self._take(content)

        def _take(self, content: bytes) -> None:
            try:
                listener = printable(parse_answers(content, key).listener) or "unnamed"
                name = f"{hashlib.sha256(content).hexdigest()[:24]}.json"
                if not (inbox / name).exists():
                    if sum(1 for _ in inbox.glob("*.json")) >= MOST_ANSWERS:
                        raise StorageError(f"there are {MOST_ANSWERS} answers already")
                    write_bytes(inbox / name, content)
            except StorageError as error:
                told(str(error))
                self._reply(HTTPStatus.INSUFFICIENT_STORAGE, "they could not be written; tell who runs this test")
            except DrywetError as error:
                told(f"refused: {error}")
                self._reply(HTTPStatus.BAD_REQUEST, f"not accepted: {error}")
            else:
                told(f"{ANSWERS}/{name}: answers of {listener}")
                self._reply(HTTPStatus.CREATED, "thank you")

        def _is_for_us(self) -> bool:
            port = server.server_port
            if self.headers.get("Host") in (f"{HOST}:{port}", f"localhost:{port}"):
                return True
            self._reply(HTTPStatus.MISDIRECTED_REQUEST, f"this server is http://{HOST}:{port}/ and nothing else")
            return False

        def _reply(self, status: HTTPStatus, content: bytes | str, kind: str = "text/plain; charset=utf-8") -> None:
            body = content.encode() if isinstance(content, str) else content
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("X-Frame-Options", "DENY")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Silent: what matters is told."""

    try:
        server = _Server((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise StorageError(
            f"port {port} cannot be used ({error}). Choose another with --port, or 0 for a free one"
        ) from error
    return server
