"""A stand-in for Grafana: `/api/health`, and the titles of what is provisioned, for the admin.

It reads the settings that a deployment gives as variables and refuses to start on a dashboard that
is no JSON. Every other path answers 404.
"""

import base64
import hmac
import http.server
import json
import os
import re
from pathlib import Path


def setting(name, default):
    """A setting of Grafana's: GF_NAME, or the content of the file that GF_NAME__FILE names."""
    file = os.environ.get(f"GF_{name}__FILE")
    return Path(file).read_text().strip() if file else os.environ.get(f"GF_{name}", default)


def dashboards():
    """The dashboards below the paths that the providers' files name."""
    providers = Path(os.environ["GF_PATHS_PROVISIONING"], "dashboards").glob("*.y*ml")
    paths = [
        path.strip("'\"")
        for file in sorted(providers)
        for path in re.findall(r"^\s*path:\s*(\S+)", file.read_text(), re.MULTILINE)
    ]
    files = [file for path in paths for file in sorted(Path(path).rglob("*.json"))]
    return [json.loads(file.read_text()) for file in files]


class Grafana(http.server.BaseHTTPRequestHandler):
    """Answers as Grafana does."""

    def do_GET(self):
        """One request."""
        path = self.path.partition("?")[0]
        if path == "/api/health":
            self.answer(200, {"commit": "stand-in", "database": "ok", "version": "11.5.2"})
        elif not self.admitted():
            self.answer(401, {"message": "Invalid username or password"})
        elif path == "/api/search":
            found = [{"uid": one.get("uid"), "title": one["title"]} for one in dashboards()]
            self.answer(200, found)
        else:
            self.answer(404, {"message": "Not found"})

    def admitted(self):
        """Whether the request carries the administrator's name and password."""
        name = setting("SECURITY_ADMIN_USER", "admin")
        password = setting("SECURITY_ADMIN_PASSWORD", "admin")
        wanted = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
        return hmac.compare_digest(self.headers.get("Authorization", ""), wanted)

    def answer(self, status, body):
        """Sends a body as JSON."""
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    dashboards()
    address = (setting("SERVER_HTTP_ADDR", ""), int(setting("SERVER_HTTP_PORT", "3000")))
    http.server.ThreadingHTTPServer(address, Grafana).serve_forever()
