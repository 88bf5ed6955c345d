"""The part of ClickHouse's HTTP interface that the tests need, in front of chdb.

    front.py PORT FOLDER [PASSWORD]

Prints a line when it takes requests. A request is POST / with the query and the settings in the URL, and the rows of an
INSERT in the body; or with the query in the body.
"""

import concurrent.futures
import http.server
import os
import re
import sys
import tempfile
import urllib.parse

from chdb import session

PORT, FOLDER, PASSWORD = int(sys.argv[1]), sys.argv[2], (sys.argv[3:] or [""])[0]
# These parameters are no settings of the engine.
PARAMETERS = {"query", "database", "wait_end_of_query", "user", "password"}
STATUS = {60: 404, 81: 404, 516: 403, 497: 403}

# One thread alone uses the engine: with several, queries did not end at times.
worker = concurrent.futures.ThreadPoolExecutor(max_workers=1)
engine = worker.submit(session.Session, os.path.join(FOLDER, "data")).result()
applied = set()  # settings that the last request had


def run(query, settings, body):
    """Runs a query and returns the bytes of its answer."""
    for name in applied - settings.keys():
        engine.query(f"SET {name} = DEFAULT")
    applied.clear()
    for name, value in settings.items():
        text = value.replace("\\", "\\\\").replace("'", "\\'")
        engine.query(f"SET {name} = '{text}'")
        applied.add(name)
    if body is None:
        return engine.query(query).bytes()
    with tempfile.NamedTemporaryFile(dir=FOLDER) as file:
        file.write(body)
        file.flush()
        head, form = re.fullmatch(r"(?s)(.*) FORMAT (\w+)", query).groups()
        if " input(" in head:
            # The engine has no input function here, so it reads the file.
            query = head.replace(" input(", f" file('{file.name}', '{form}', ")
        else:
            query = f"{head} FROM INFILE '{file.name}' FORMAT {form}"
        return engine.query(query).bytes()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        settings = {name: value for name, value in given.items() if name not in PARAMETERS}
        if PASSWORD and self.headers.get("X-ClickHouse-Key", "") != PASSWORD:
            return self.fail("Code: 516. DB::Exception: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)")
        try:
            if "query" in given:
                answer = worker.submit(run, given["query"], settings, body).result()
            else:
                answer = worker.submit(run, body.decode(), settings, None).result()
        except Exception as error:
            return self.fail(str(error))
        self.answer(200, answer, {})

    def fail(self, text):
        code = re.search(r"Code: (\d+)", text)
        number = int(code.group(1)) if code else 1002
        self.answer(STATUS.get(number, 500), text.encode(), {"X-ClickHouse-Exception-Code": str(number)})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
print("ready", flush=True)
server.serve_forever()
