"""FastMCP with RemoteAuthProvider and JWTVerifier or IntrospectionTokenVerifier, as its documentation has them."""
import os

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTVerifier

if os.environ["SETTING"] == "introspection":
    verifier = IntrospectionTokenVerifier(
        introspection_url=os.environ["INTROSPECTION_URL"],
        client_id=os.environ["CLIENT_ID"],
        client_secret=os.environ["CLIENT_SECRET"],
        audience=os.environ["AUDIENCE"],
    )
else:
    verifier = JWTVerifier(
        jwks_uri=os.environ["JWKS_URL"], issuer=os.environ["ISSUER"], audience=os.environ["AUDIENCE"]
    )
auth = RemoteAuthProvider(
    token_verifier=verifier,
    authorization_servers=[os.environ["ISSUER"]],
    base_url=os.environ["AUDIENCE"].removesuffix("/mcp"),
)
mcp = FastMCP("kit", auth=auth)


@mcp.tool
def hello() -> str:
    """Says hello."""
    return "hello"


mcp.run(
    transport="http",
    host="127.0.0.1",
    port=int(os.environ["PORT"]),
    host_origin_protection="auto",
    log_level="critical",
    show_banner=False,
)
