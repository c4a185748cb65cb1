"""The Python SDK of the Model Context Protocol: MCPServer with a TokenVerifier, as its documentation has them. The verifier is
PyJWT, as in pyjwt_fastapi.py."""
import asyncio
import os

import jwt
from mcp.server import MCPServer
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings

RESOURCE = os.environ["AUDIENCE"]
keys = jwt.PyJWKClient(os.environ["JWKS_URL"])


class JwtVerifier(TokenVerifier):
    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            claims = jwt.decode(
                token,
                await asyncio.to_thread(keys.get_signing_key_from_jwt, token),
                algorithms=["RS256"],
                audience=RESOURCE,
                issuer=os.environ["ISSUER"],
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError:
            return None
        return AccessToken(
            token=token,
            client_id=claims.get("client_id", ""),
            scopes=[],
            expires_at=claims["exp"],
            resource=RESOURCE,
            subject=claims.get("sub"),
        )


mcp = MCPServer(
    "kit",
    token_verifier=JwtVerifier(),
    auth=AuthSettings(issuer_url=os.environ["ISSUER"], resource_server_url=RESOURCE, validate_token_resource=True),
)


@mcp.tool()
def hello() -> str:
    """Says hello."""
    return "hello"


mcp.run(transport="streamable-http", host="127.0.0.1", port=int(os.environ["PORT"]))
