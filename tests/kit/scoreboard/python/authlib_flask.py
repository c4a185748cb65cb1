"""Authlib with Flask: ResourceProtector and JWTBearerTokenValidator (RFC 9068), as its documentation has them."""
import os

import requests
from authlib.integrations.flask_oauth2 import ResourceProtector
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from flask import Flask
from joserfc.jwk import KeySet


class Validator(JWTBearerTokenValidator):
    def get_jwks(self):
        return KeySet.import_key_set(requests.get(os.environ["JWKS_URL"], timeout=5).json())


require_oauth = ResourceProtector()
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
