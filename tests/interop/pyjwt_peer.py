"""PyJWT as a peer: one JSON request per line on stdin, one JSON answer per line on stdout.

A rejected token is {"ok": false, "error": ...}; everything else that goes wrong,
an unusable key or a malformed request, is {"error": ...}.
"""

import datetime
import json
import secrets
import sys
from functools import cache

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

GENERATE = {
    "HS256": lambda: secrets.token_bytes(32),
    "HS384": lambda: secrets.token_bytes(48),
    "HS512": lambda: secrets.token_bytes(64),
    **dict.fromkeys(
        ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
SUPPORTED = jwt.algorithms.get_default_algorithms()
ALGORITHMS = [name for name in GENERATE if name in SUPPORTED]


def algorithm(name):
    if name not in ALGORITHMS:
        raise ValueError(f"algorithm not supported: {name}")
    return SUPPORTED[name]


@cache
def private_key(alg):
    algorithm(alg)
    return GENERATE[alg]()


def sign(alg, claims, kid=None):
    headers = None if kid is None else {"kid": kid}
    return jwt.encode(claims, private_key(alg), algorithm=alg, headers=headers)


def to_jwk(alg, key, kid):
    jwk = algorithm(alg).to_jwk(key, as_dict=True)
    jwk.pop("alg", None)
    return jwk if kid is None else {**jwk, "kid": kid}


def spki_pem(key):
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def pkcs8_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def algorithms(request):
    return {"algorithms": ALGORITHMS}


def mint(request):
    alg, kid = request["alg"], request.get("kid")
    private = private_key(alg)
    symmetric = isinstance(private, bytes)
    public = private if symmetric else private.public_key()
    return {
        "token": sign(alg, request["claims"], kid),
        "jwk": to_jwk(alg, public, kid),
        "private_jwk": to_jwk(alg, private, kid),
        "pem": None if symmetric else spki_pem(public),
        "private_pem": None if symmetric else pkcs8_pem(private),
    }


def verify(request):
    alg = request["alg"]
    key = algorithm(alg).from_jwk(request["jwk"])
    try:
        claims = jwt.decode(
            request["token"],
            key,
            algorithms=[alg],
            issuer=request["issuer"],
            audience=request["audience"],
        )
    except jwt.InvalidTokenError as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
    return {"ok": True, "claims": claims}


def certificate(request):
    """A self-signed certificate and a token signed with its key; `claims` and `kid` are optional."""
    alg = request.get("alg", "RS256")
    key = private_key(alg)
    if isinstance(key, bytes):
        raise ValueError(f"no certificate for {alg}")
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "interop")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )
    claims = request.get("claims", {"sub": "interop", "exp": int(now.timestamp()) + 300})
    return {
        "pem": signed.public_bytes(serialization.Encoding.PEM).decode(),
        "alg": alg,
        "token": sign(alg, claims, request.get("kid")),
    }


OPERATIONS = {f.__name__: f for f in (algorithms, mint, verify, certificate)}


def answer(line):
    try:
        request = json.loads(line)
        return json.dumps(OPERATIONS[request["op"]](request))
    except Exception as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"})


for line in sys.stdin.buffer:
    print(answer(line), flush=True)
