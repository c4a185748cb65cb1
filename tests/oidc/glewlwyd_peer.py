"""An authorization server of Debian's glewlwyd on loopback: `python glewlwyd_peer.py`. Prints its port once it serves.

Its access tokens are JWTs and its refresh tokens are opaque. The client `robot` gets access tokens by client credentials and
refresh tokens by the password of a user, and may ask about its own tokens (RFC 7662) and revoke them (RFC 7009). Everything
is in a directory of its own, which goes with it; it ends with its input.
"""

import http.cookiejar
import json
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SECRET = "a-secret-that-everybody-knows"
SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
MODULES = Path("/usr/lib/glewlwyd")
# It starts with this administrator.
ADMINISTRATOR = {"username": "admin", "password": "password"}


def openssl(*arguments, text):
    return subprocess.run(("openssl", *arguments), input=text, capture_output=True, text=True, check=True).stdout


class Glewlwyd:
    def __init__(self, directory):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        database, configuration = directory / "glewlwyd.db", directory / "glewlwyd.conf"
        connection = sqlite3.connect(database)
        connection.executescript(SCHEMA.read_text())
        connection.close()
        configuration.write_text(
            f"""port={self.port}
bind_address="127.0.0.1"
external_url="{self.origin}"
login_url="login.html"
cookie_secure=0
log_mode="file"
log_level="WARNING"
log_file="{directory}/log"
hash_algorithm="SHA256"
session_expiration=3600
session_key="session"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{MODULES}/user"
client_module_path="{MODULES}/client"
user_auth_scheme_module_path="{MODULES}/scheme"
plugin_module_path="{MODULES}/plugin"
database={{ type="sqlite3" path="{database}" }}
"""
        )
        self.process = subprocess.Popen(["glewlwyd", f"--config-file={configuration}"], stdin=subprocess.DEVNULL)
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(cookies)

    def post(self, path, body):
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.origin + path, json.dumps(body).encode(), headers, method="POST")
        self.opener.open(request).close()

    def sign_in(self):
        """Whether it serves yet, and takes its administrator."""
        try:
            self.post("/api/auth/", ADMINISTRATOR)
        except urllib.error.HTTPError:
            raise
        except OSError:
            return False
        return True

    def set_up(self):
        key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", text="")
        scope = {"name": "read", "display_name": "Read", "description": "What there is", "password_required": False}
        self.post("/api/scope/", {**scope, "scheme": {}})
        self.post(
            "/api/mod/plugin/",
            {
                "module": "oidc",
                "name": "oidc",
                "display_name": "oidc",
                "parameters": {
                    "iss": f"{self.origin}/api/oidc",
                    "jwt-type": "ecdsa",
                    "jwt-key-size": "256",
                    "key": key,
                    "cert": openssl("pkey", "-pubout", text=key),
                    "access-token-duration": 3600,
                    "refresh-token-duration": 3600,
                    "code-duration": 60,
                    "refresh-token-rolling": False,
                    "refresh-token-one-use": "never",
                    "subject-type": "public",
                    "allowed-scope": ["openid"],
                    "jwks-show": True,
                    "allow-non-oidc": True,
                    "auth-type-client-enabled": True,
                    "auth-type-code-enabled": True,
                    "auth-type-id-token-enabled": True,
                    "auth-type-password-enabled": True,
                    "auth-type-refresh-enabled": True,
                    "auth-type-none-enabled": False,
                    "auth-type-token-enabled": False,
                    "introspection-revocation-allowed": True,
                    "introspection-revocation-allow-target-client": True,
                    "introspection-revocation-auth-scope": [],
                },
            },
        )
        self.post(
            "/api/client/",
            {
                "client_id": "robot",
                "name": "Robot",
                "client_secret": SECRET,
                "confidential": True,
                "enabled": True,
                "scope": ["read"],
                "redirect_uri": [],
                "authorization_type": ["client_credentials", "password", "refresh_token"],
                "token_endpoint_auth_method": ["client_secret_basic", "client_secret_post"],
            },
        )


def started(directory):
    # Somebody else may have taken the port in between.
    for _ in range(5):
        server = Glewlwyd(Path(tempfile.mkdtemp(dir=directory)))
        while server.process.poll() is None:
            if server.sign_in():
                return server
            time.sleep(0.02)
    sys.exit("glewlwyd does not start")


with tempfile.TemporaryDirectory() as directory:
    server = started(directory)
    try:
        server.set_up()
        print(server.port, flush=True)
        sys.stdin.read()
    finally:
        server.process.terminate()
        server.process.wait()
