"""Flask-JWT-Extended with a public key, as its documentation has it."""
import os

from flask import Flask
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required

app = Flask(__name__)
app.config.update(
    JWT_ALGORITHM="RS256",
    JWT_PUBLIC_KEY=os.environ["PUBLIC_KEY"],
    JWT_DECODE_AUDIENCE=os.environ["AUDIENCE"],
    JWT_DECODE_ISSUER=os.environ["ISSUER"],
)
JWTManager(app)


@app.get("/protected")
@jwt_required()
def protected():
    return {"sub": get_jwt_identity()}
