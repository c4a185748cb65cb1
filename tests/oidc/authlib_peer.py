"""An authorization server of Authlib on loopback: `python authlib_peer.py`. Prints its port once it listens.

The client `robot` gets opaque access tokens by client credentials and may revoke them; the client `api` may ask about them
(RFC 7662), also about refresh tokens. Authlib takes a secret in `Authorization` as it is, not form-encoded, so that theirs
has nothing to encode. It ends with its input.
"""

import os
import sys
import threading
import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask
from werkzeug.serving import make_server

SECRET = "a-secret-that-everybody-knows"


class Client(ClientMixin):
    def __init__(self, name):
        self.name = name

    def get_client_id(self):
        return self.name

    def get_default_redirect_uri(self):
        return ""

    def get_allowed_scope(self, scope):
        return scope

    def check_redirect_uri(self, redirect_uri):
        return False

    def check_client_secret(self, client_secret):
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method, endpoint):
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type):
        return False

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class Token(TokenMixin):
    def __init__(self, client, token):
        self.client = client
        self.scope = token.get("scope", "")
        self.issued_at = int(time.time())
        self.expires_in = token["expires_in"]
        self.kind = token["token_type"]
        self.revoked = False

    def check_client(self, client):
        return self.client is client

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return self.expires_in

    def is_expired(self):
        return time.time() >= self.issued_at + self.expires_in

    def is_revoked(self):
        return self.revoked

    def get_client(self):
        return self.client

    def get_user(self):
        return None


clients = {name: Client(name) for name in ("robot", "api")}
tokens = {}


class Introspection(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def query_token(self, token_string, token_type_hint):
        return tokens.get(token_string)

    def check_permission(self, token, client, request):
        return client.name == "api"

    def introspect_token(self, token):
        return {
            "active": True,
            "client_id": token.client.name,
            "token_type": token.kind,
            "scope": token.scope,
            "iss": issuer,
            "aud": "api",
            "sub": token.client.name,
            "name": "Robot",
            "iat": token.issued_at,
            "exp": token.issued_at + token.expires_in,
        }


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ["client_secret_post"]

    def query_token(self, token_string, token_type_hint):
        return tokens.get(token_string)

    def revoke_token(self, token, request):
        token.revoked = True


class ClientCredentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_post"]


app = Flask(__name__)
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"client_credentials": 3600}
authorization = AuthorizationServer(
    app,
    query_client=clients.get,
    save_token=lambda token, request: tokens.update({token["access_token"]: Token(request.client, token)}),
)
authorization.register_grant(ClientCredentials)
authorization.register_endpoint(Introspection)
authorization.register_endpoint(Revocation)


@app.get("/.well-known/oauth-authorization-server")
def metadata():
    return {"issuer": issuer, "introspection_endpoint": f"{issuer}/introspect"}


@app.post("/token")
def token():
    return authorization.create_token_response()


@app.post("/introspect")
def introspect():
    return authorization.create_endpoint_response(Introspection.ENDPOINT_NAME)


@app.post("/revoke")
def revoke():
    return authorization.create_endpoint_response(Revocation.ENDPOINT_NAME)


@app.post("/refresh-token")
def refresh_token():
    """A token of another kind, which is active as well."""
    kind = {"expires_in": 3600, "token_type": "refresh_token"}
    tokens["a-refresh-token"] = Token(clients["robot"], kind)
    return "a-refresh-token"


def end():
    sys.stdin.read()
    os._exit(0)


os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
server = make_server("127.0.0.1", 0, app, threaded=True)
issuer = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=end, daemon=True).start()
print(server.server_port, flush=True)
server.serve_forever()
