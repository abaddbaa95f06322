import contextlib
import hashlib
import io
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from latentbench.data import downloads
from latentbench.data.downloads import cache_path, download
from latentbench.data.files import read_file

CONTENT = b"x" * 5000
DIGEST = [hashlib.sha256(CONTENT).hexdigest()]


@pytest.fixture
def server():
    """A server on this machine that answers with what ``answers`` lists, in turn, and remembers
    what it was asked.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers["User-Agent"], self.headers["Range"]))
            status, body, headers = self.server.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, str(value))
            self.end_headers()
            if callable(body):
                body(self.wfile)
            else:
                self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.asked, http.answers, http.daemon_threads = [], [], True
        http.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield http
        http.shutdown()
        thread.join()


def answer(status=200, body=b"", promised=None, **headers):
    length = (
        {} if callable(body) else {"Content-Length": len(body) if promised is None else promised}
    )
    return status, body, length | {name.replace("_", "-"): value for name, value in headers.items()}


GOOD = answer(body=CONTENT)
CUT_OFF = answer(body=CONTENT[:2000], promised=len(CONTENT))
REST = answer(206, CONTENT[2000:], Content_Range=f"bytes 2000-4999/{len(CONTENT)}")


def fetch(server, cache, path="/folder/cells.h5ad"):
    return download(server.url + path, cache, DIGEST, pause_seconds=0.01)


def files(folder):
    """Every file that is not one of the cache's own, which begin with a point."""
    return [
        path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    ]


def test_a_download_is_kept_and_not_asked_for_again(server, tmp_path):
    server.answers = [GOOD]

    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert fetch(server, tmp_path).name == "cells.h5ad"
    [(path, agent, _)] = server.asked
    assert path == "/folder/cells.h5ad"
    assert agent.startswith("Mozilla/5.0")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server, tmp_path, status):
    server.answers = [answer(status), GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final_and_leaves_nothing(server, tmp_path, status):
    server.answers = [answer(status), GOOD]
    with pytest.raises(requests.HTTPError, match=str(status)):
        fetch(server, tmp_path)
    assert len(server.asked) == 1
    assert files(tmp_path) == []


def test_a_download_that_breaks_off_goes_on_where_it_was(server, tmp_path):
    server.answers = [CUT_OFF, REST]

    path = fetch(server, tmp_path)

    assert path.read_bytes() == CONTENT
    assert [range_ for _, _, range_ in server.asked] == [None, "bytes=2000-"]
    assert files(tmp_path) == ["cells.h5ad"]


def test_a_run_that_was_stopped_leaves_its_part_to_the_next(server, tmp_path):
    server.answers = [CUT_OFF, *[answer(503)] * 3]
    with pytest.raises(requests.HTTPError, match="503"):
        fetch(server, tmp_path)
    assert files(tmp_path) == []

    server.answers = [REST]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_server_that_cannot_go_on_in_the_middle_is_asked_for_the_whole(server, tmp_path):
    server.answers = [CUT_OFF, GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT

    server.answers = [CUT_OFF, answer(416), GOOD]
    assert fetch(server, tmp_path, "/other.h5ad").read_bytes() == CONTENT


def test_a_file_that_changed_between_the_parts_is_fetched_anew(server, tmp_path):
    server.answers = [answer(body=b"y" * 2000, promised=len(CONTENT)), REST, GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.asked[-1][2] is None


def test_an_empty_answer_is_tried_again(server, tmp_path):
    server.answers = [answer(), GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "content", [b"<html>please log in</html>", b"y" * len(CONTENT)], ids=["a page", "other bytes"]
)
def test_something_else_than_the_data_is_refused_at_once_and_not_kept(server, tmp_path, content):
    server.answers = [answer(body=content), GOOD]

    with pytest.raises(ValueError, match="checksum mismatch"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]


def test_a_server_that_falls_silent_is_left_and_asked_again(server, tmp_path, monkeypatch):
    silent = threading.Event()
    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", (5, 0.2))
    server.answers = [answer(body=lambda stream: silent.wait(5)), GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    silent.set()


def test_a_server_that_drips_is_left_and_asked_again(server, tmp_path, monkeypatch):
    def drip(stream):
        with contextlib.suppress(OSError):
            for _ in range(60):
                stream.write(b"x")
                stream.flush()
                time.sleep(0.05)

    monkeypatch.setattr(downloads, "TIMEOUT_SECONDS", (5, 0.3))
    server.answers = [answer(body=drip), GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 2


@pytest.mark.parametrize("promised", [None, len(CONTENT)], ids=["unannounced", "announced"])
def test_a_file_beyond_the_limit_is_refused_as_soon_as_that_is_known(
    server, tmp_path, monkeypatch, promised
):
    monkeypatch.setattr(downloads, "MOST_BYTES", 1000)
    server.answers = [(200, CONTENT, {"Content-Length": promised} if promised else {})]
    with pytest.raises(ValueError, match="more than 1e-06 GB; get it by hand"):
        fetch(server, tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://host/cells.h5ad", "gopher://host/"]
)
def test_an_address_that_leads_to_another_kind_of_place_is_not_followed(server, tmp_path, target):
    server.answers = [answer(302, Location=target), GOOD]
    with pytest.raises(requests.exceptions.InvalidSchema, match="No connection adapters"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1
    assert files(tmp_path) == []


def test_an_address_that_leads_in_circles_is_given_up(server, tmp_path):
    server.answers = [answer(302, Location="/folder/cells.h5ad")] * 200
    with pytest.raises(requests.TooManyRedirects):
        fetch(server, tmp_path)


def test_a_redirection_within_its_kind_is_followed(server, tmp_path):
    server.answers = [answer(302, Location="/elsewhere"), GOOD]
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_https_is_never_left_for_plain_http(server, tmp_path, monkeypatch):
    """The first address claims https; what answers, as after a redirection, does not."""
    server.answers = [GOOD]
    plain = requests.get
    monkeypatch.setattr(
        requests, "get", lambda url, **options: plain(url.replace("https", "http"), **options)
    )
    with pytest.raises(ValueError, match="which is not https"):
        download(server.url.replace("http", "https") + "/cells.h5ad", tmp_path, DIGEST)
    assert files(tmp_path) == []


def test_a_server_that_is_not_there_is_named(tmp_path):
    with pytest.raises(requests.ConnectionError, match="refused"):
        download("http://127.0.0.1:9/cells.h5ad", tmp_path, DIGEST, attempts=2, pause_seconds=0.01)
    assert files(tmp_path) == []


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    server.answers = [GOOD]
    path = cache_path(server.url + "/folder/cells.h5ad", tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")

    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_two_runs_that_share_a_cache_fetch_a_file_once(server, tmp_path):
    def slowly(stream):
        time.sleep(0.3)
        stream.write(CONTENT)

    server.answers = [answer(body=slowly), GOOD]
    with ThreadPoolExecutor(2) as runs:
        paths = list(runs.map(lambda _: fetch(server, tmp_path), range(2)))
    assert [path.read_bytes() for path in paths] == [CONTENT, CONTENT]
    assert len(server.asked) == 1


def test_an_archive_from_a_server_unpacks_nothing_outside(server, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(
            "../../matrix.mtx", "%%MatrixMarket matrix coordinate integer general\n2 1 1\n1 1 3\n"
        )
        archive.writestr("../../genes.tsv", "g0\ng1\n")
        archive.writestr("../../barcodes.tsv", "c0\n")
        archive.writestr("/etc/evil", "evil")
    server.answers = [answer(body=content.getvalue())]
    path = download(
        server.url + "/a/b/cells.zip", tmp_path, [hashlib.sha256(content.getvalue()).hexdigest()]
    )

    assert read_file(path, {}).X.toarray().tolist() == [[3, 0]]
    assert files(tmp_path) == ["cells.zip"]
    assert not Path("/etc/evil").exists()


def test_the_fragment_names_the_file_and_no_address_leaves_the_cache(tmp_path):
    assert (
        cache_path("https://host/download/123#cells.h5ad", tmp_path)
        == tmp_path / "host/download/123/cells.h5ad"
    )
    assert cache_path("https://host/../../etc/./x", tmp_path) == tmp_path / "host/etc/x"
