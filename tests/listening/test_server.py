"""The server: it gives out the page and nothing else, and takes answers and nothing else."""

import http.client
import json
import shutil
import threading

import pytest
from simulated_listeners import abx_answers

from drywet.errors import RunError, StorageError
from drywet.listening import make_server, read_answers


@pytest.fixture(scope="module")
def folder(make_test, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "test"
    shutil.copytree(make_test("abx"), folder)
    (folder.parent / "secret.txt").write_text("not for listeners")
    return folder


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def server(folder, told):
    server = make_server(folder, 0, told.append)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def ask(server):
    """Send one request; the address, origin and type are those of the test's own page unless given."""

    def ask(method, path, body=None, **headers):
        own = f"127.0.0.1:{server.server_port}"
        given = {"Host": own, "Origin": f"http://{own}", "Content-Type": "application/json", **headers}
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name.replace("_", "-"), value)
        if body is not None and "Content_Length" not in headers:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply, content

    return ask


@pytest.fixture
def answers(abx_key):
    return json.dumps(abx_answers(abx_key, lambda model: True)).encode()


def test_the_page_and_its_parts_come_as_they_are_on_disk(ask, folder):
    for path in ("/", "/index.html", "/player.js", "/listening.js", "/listening.css", "/index.html?x=1"):
        reply, content = ask("GET", path)
        name = path.partition("?")[0].lstrip("/") or "index.html"
        assert reply.status == 200
        assert content == (folder / "page" / name).read_bytes()
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
    sound = next((folder / "page" / "audio").iterdir())
    assert ask("GET", f"/audio/{sound.name}")[1] == sound.read_bytes()


@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/player.js", "text/javascript"), ("/listening.css", "text/css")]
)
def test_kinds_of_files_do_not_depend_on_the_operating_system(ask, path, kind, monkeypatch):
    monkeypatch.setattr("mimetypes.types_map", {".js": "text/plain"})
    assert ask("GET", path)[0].headers["Content-Type"] == f"{kind}; charset=utf-8"


def test_a_file_that_has_gone_is_said_so(ask, folder, told):
    sound = max((folder / "page" / "audio").iterdir())
    content = sound.read_bytes()
    sound.unlink()
    try:
        assert ask("GET", f"/audio/{sound.name}")[0].status == 404
        assert "cannot be read" in told[-1]
    finally:
        sound.write_bytes(content)


@pytest.mark.parametrize(
    "path",
    ["/key.json", "/../key.json", "/..%2fkey.json", "/audio/../../key.json", "//etc/passwd", "/../../secret.txt",
     "/page/index.html", "/answers", "/audio/", "/%00", "\\..\\key.json"],
)  # fmt: skip
def test_nothing_outside_the_page_is_given_out(ask, path):
    reply, content = ask("GET", path)
    assert reply.status == 404
    assert b"sounds" not in content


def test_answers_are_on_disk_as_they_were_sent(ask, folder, answers, told, abx_key):
    before = set((folder / "answers").iterdir())
    reply, _ = ask("POST", "/answers", answers)
    assert reply.status == 201
    (new,) = set((folder / "answers").iterdir()) - before
    assert new.read_bytes() == answers
    assert "Ann" in told[-1]
    assert ask("POST", "/answers", answers)[0].status == 201  # a second click
    assert set((folder / "answers").iterdir()) - before == {new}
    assert len(read_answers(folder, abx_key).listeners) >= 1


@pytest.mark.parametrize(
    "name", ["../../../escaped", "/etc/passwd", "<script>alert(1)</script>", "\x1b[2J", "a\x00b", ""]
)
def test_no_name_of_a_listener_becomes_a_path(ask, folder, abx_key, told, name):
    body = json.dumps(abx_answers(abx_key, lambda model: True, listener=name, seed=2 + len(name))).encode()
    assert ask("POST", "/answers", body)[0].status == 201
    assert all(len(path.stem) == 24 and path.suffix == ".json" for path in (folder / "answers").iterdir())
    assert {path.name for path in folder.parent.iterdir()} == {"test", "secret.txt"}
    assert told[-1].isprintable()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),  # DNS rebinding: a name of theirs that leads here
        ({"Host": None}, 421),
        ({"Origin": "http://evil.example"}, 403),  # a page of theirs that sends here
        ({"Origin": "null"}, 403),
        ({"Origin": None}, 403),
        ({"Content_Type": "text/plain"}, 415),  # what a form could send without asking
        ({"Content_Length": "1000001"}, 413),
        ({"Content_Length": "9" * 400}, 413),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "1e3"}, 411),
        ({"Content_Length": None}, 411),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_come_from_the_page_is_refused_unread(ask, folder, answers, headers, status):
    before = set((folder / "answers").iterdir())
    if "Content_Type" in headers:
        headers = {"Content-Type": headers["Content_Type"]}
    body = None if "Content_Length" in headers else answers
    assert ask("POST", "/answers", body, **headers)[0].status == status
    assert set((folder / "answers").iterdir()) == before


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"format": 1}', b"[" * 5000])
def test_what_is_no_answers_is_refused_with_the_reason(ask, folder, body):
    before = set((folder / "answers").iterdir())
    reply, content = ask("POST", "/answers", body)
    assert reply.status == 400
    assert content.startswith(b"not accepted: ")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert set((folder / "answers").iterdir()) == before


def test_other_methods_and_places_are_refused(ask, answers):
    assert ask("POST", "/elsewhere", answers)[0].status == 404
    assert ask("PUT", "/answers", answers)[0].status == 501
    assert ask("DELETE", "/index.html")[0].status == 501


def test_the_server_is_reachable_from_this_machine_only(server):
    assert server.server_address[0] == "127.0.0.1"


def test_a_port_in_use_and_a_folder_without_a_test_are_said_so(server, folder, tmp_path):
    with pytest.raises(StorageError, match="--port"):
        make_server(folder, server.server_port)
    with pytest.raises(RunError, match=r"key\.json"):
        make_server(tmp_path)
