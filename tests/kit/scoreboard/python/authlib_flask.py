"""Authlib with Flask: ResourceProtector with JWTBearerTokenValidator (RFC 9068) or IntrospectTokenValidator (RFC 7662), as its
documentation has them."""
import os

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc7662 import IntrospectTokenValidator
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask
from joserfc.jwk import KeySet


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return KeySet.import_key_set(requests.get(os.environ["JWKS_URL"], timeout=5).json())


class Introspection(IntrospectTokenValidator):
    def introspect_token(self, token_string):
        data = {"token": token_string, "token_type_hint": "access_token"}
        client = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
        response = requests.post(os.environ["INTROSPECTION_URL"], data=data, auth=client, timeout=5)
        response.raise_for_status()
        return response.json()

    # The documentation leaves this to the application.
    def validate_token(self, token, scopes, request):
        super().validate_token(token, scopes, request)
        audience = token.get("aud", [])
        if os.environ["AUDIENCE"] not in ([audience] if isinstance(audience, str) else audience):
            raise InvalidTokenError()


require_oauth = ResourceProtector()
if os.environ["SETTING"] == "introspection":
    require_oauth.register_token_validator(Introspection())
else:
    require_oauth.register_token_validator(Validator(issuer=os.environ["ISSUER"], resource_server=os.environ["AUDIENCE"]))
app = Flask(__name__)


@app.get("/protected")
@require_oauth()
def protected():
    return {"served": True}


@app.get("/scope")
@require_oauth("orders:read")
def scope():
    return {"served": True}
