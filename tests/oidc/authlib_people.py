"""An OpenID provider of Authlib on loopback that people sign in with: `python authlib_people.py PORT FILE`. Prints its port once
it listens, and the identifiers and the secrets of the applications.

Its pages ask who it is, and whether the application may know. Any name will do, with the password `correct`. The client
`RS256` has its ID tokens signed by that algorithm, and the client `ES256` by the other. The key and the codes are in FILE, so that
they outlive the process. Authlib takes a secret in `Authorization` as it is, not form-encoded, so that theirs has nothing to
encode. It ends with its input.
"""

import json
import os
import sys
import threading
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import UserInfo
from authlib.oidc.core.grants import OpenIDCode
from authlib.oidc.rpinitiated import EndSessionEndpoint
from flask import Flask, redirect, request, session
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.serving import make_server

ORIGIN = "https://app.example.com"
SECRET = "a-secret-that-everybody-knows"
PORT, FILE = int(sys.argv[1]), sys.argv[2]


class Client(ClientMixin):
    client_metadata = {"post_logout_redirect_uris": [f"{ORIGIN}/bye"]}

    def __init__(self, algorithm):
        self.id_token_signed_response_alg = algorithm

    def get_client_id(self):
        return self.id_token_signed_response_alg

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri in (f"{ORIGIN}/auth/callback/people", f"{ORIGIN}/auth/callback/others")

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


class Code(AuthorizationCodeMixin):
    def __init__(self, code, kept):
        self.code = code
        self.user = kept["user"]
        self.client = kept["client"]
        self.asked = kept["asked"]
        self.auth_time = kept["auth_time"]
        self.code_challenge = self.asked["code_challenge"]
        self.code_challenge_method = self.asked["code_challenge_method"]

    def get_redirect_uri(self):
        return self.asked["redirect_uri"]

    def get_scope(self):
        return self.asked["scope"]

    def get_nonce(self):
        return self.asked.get("nonce")

    def get_auth_time(self):
        return self.auth_time

    def get_acr(self):
        return None

    def get_amr(self):
        return None


class ByCode(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

    def save_authorization_code(self, code, request):
        asked = dict(request.payload.data)
        kept["codes"][code] = {
            "user": request.user,
            "client": request.client.get_client_id(),
            "asked": asked,
            "auth_time": session["since"],
        }
        keep()

    def query_authorization_code(self, code, client):
        known = kept["codes"].get(code)
        return Code(code, known) if known and known["client"] == client.get_client_id() else None

    def delete_authorization_code(self, authorization_code):
        del kept["codes"][authorization_code.code]
        keep()

    def authenticate_user(self, authorization_code):
        return authorization_code.user


class OnlyS256(CodeChallenge):
    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]


class IdToken(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return any(code["asked"].get("nonce") == nonce for code in kept["codes"].values())

    def resolve_client_private_key(self, client):
        return keys

    def get_client_claims(self, client):
        return {"iss": issuer}

    def generate_user_info(self, user, scope):
        more = {"name": user.capitalize()} if "profile" in scope.split() else {}
        return UserInfo(sub=user, **more)


class Names(IssuerParameter):
    def get_issuer(self):
        return issuer


class EndSession(EndSessionEndpoint):
    def get_server_jwks(self):
        return keys

    def end_session(self, end_session_request):
        session.clear()


def keep():
    with open(f"{FILE}.new", "w") as file:
        json.dump(kept, file)
    os.replace(f"{FILE}.new", FILE)


if os.path.exists(FILE):
    with open(FILE) as file:
        kept = json.load(file)
else:
    made = [RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}), ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})]
    kept = {"keys": KeySet(made).as_dict(private=True), "codes": {}, "secret": os.urandom(32).hex()}
    keep()
keys = KeySet.import_key_set(kept["keys"])

app = Flask(__name__)
app.secret_key = kept["secret"]
clients = {name: Client(name) for name in ("RS256", "ES256")}
authorization = AuthorizationServer(app, query_client=clients.get, save_token=lambda token, request: None)
authorization.register_grant(ByCode, [OnlyS256(required=True), IdToken(require_nonce=True)])
authorization.register_extension(Names())
authorization.register_endpoint(EndSession)


@app.get("/.well-known/openid-configuration")
def metadata():
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "end_session_endpoint": f"{issuer}/logout",
        "authorization_response_iss_parameter_supported": True,
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }


@app.get("/jwks")
def jwks():
    return keys.as_dict(private=False)


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    user = session.get("user")
    try:
        grant = authorization.get_consent_grant(end_user=user)
    except OAuth2Error as error:
        return authorization.handle_error_response(request, error)
    if user is None:
        return sign_in()
    if request.method == "GET":
        return '<form method="post"><button name="decision" value="yes">Yes</button><button name="decision" value="no">No</button></form>'
    agreed = request.form.get("decision") == "yes"
    return authorization.create_authorization_response(grant_user=user if agreed else None, grant=grant)


def sign_in():
    if request.method == "GET":
        return '<form method="post"><input name="user"><input name="password" type="password"><button>Sign in</button></form>'
    if request.form.get("password") != "correct":
        return "no", 403
    session["user"], session["since"] = request.form["user"], int(time.time())
    return redirect(request.full_path, 303)


@app.post("/token")
def token():
    return authorization.create_token_response()


@app.route("/logout", methods=["GET", "POST"])
def logout():
    try:
        asked = authorization.validate_endpoint_request("end_session")
    except OAuth2Error as error:
        return authorization.handle_error_response(request, error)
    if asked.needs_confirmation:
        return "Somebody asks that you log out, and does not say who.", 400
    return authorization.create_endpoint_response("end_session", asked) or "You are logged out."


def end():
    sys.stdin.read()
    os._exit(0)


os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
server = make_server("127.0.0.1", PORT, app, threaded=True)
issuer = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=end, daemon=True).start()
print(server.server_port, "RS256", SECRET, "ES256", SECRET, flush=True)
server.serve_forever()
