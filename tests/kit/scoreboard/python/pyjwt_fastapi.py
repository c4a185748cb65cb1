"""PyJWT with FastAPI: HTTPBearer of FastAPI, PyJWKClient of PyJWT, as their documentation has them."""
import os

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

keys = jwt.PyJWKClient(os.environ["JWKS_URL"])
app = FastAPI()


def claims(credentials: HTTPAuthorizationCredentials = Depends(HTTPBearer())):
    try:
        key = keys.get_signing_key_from_jwt(credentials.credentials)
        return jwt.decode(
            credentials.credentials,
            key,
            algorithms=["RS256"],
            audience=os.environ["AUDIENCE"],
            issuer=os.environ["ISSUER"],
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError:
        raise HTTPException(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


@app.get("/protected")
def protected(user=Depends(claims)):
    return {"sub": user["sub"]}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="critical")
