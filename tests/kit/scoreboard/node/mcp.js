// The TypeScript SDK of the Model Context Protocol: requireBearerAuth as its example simpleStreamableHttp has it, and no sessions
// as in simpleStatelessStreamableHttp. The verifier is jose, as in jose-express.js.
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { getOAuthProtectedResourceMetadataUrl, mcpAuthMetadataRouter } from "@modelcontextprotocol/sdk/server/auth/router.js";
import { createMcpExpressApp } from "@modelcontextprotocol/sdk/server/express.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { PORT, ISSUER, AUDIENCE, JWKS_URL } = process.env;
const resource = new URL(AUDIENCE);
const keys = createRemoteJWKSet(new URL(JWKS_URL));
const verifier = {
    async verifyAccessToken(token) {
        try {
            const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE });
            return {
                token,
                clientId: payload.client_id,
                scopes: payload.scope?.split(" ") ?? [],
                expiresAt: payload.exp,
                resource,
            };
        } catch {
            throw new InvalidTokenError("The token is not good");
        }
    },
};
const app = createMcpExpressApp();
const oauthMetadata = {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/authorize`,
    token_endpoint: `${ISSUER}/token`,
    response_types_supported: ["code"],
};
app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl: resource }));
const auth = requireBearerAuth({
    verifier,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resource),
    expectedResource: resource,
});
app.use("/mcp", auth);
app.post("/mcp", async (request, response) => {
    const server = new McpServer({ name: "kit", version: "1" });
    server.registerTool("hello", { description: "Says hello." }, () => ({ content: [{ type: "text", text: "hello" }] }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await server.connect(transport);
    await transport.handleRequest(request, response, request.body);
    response.on("close", () => {
        transport.close();
        server.close();
    });
});
app.all("/mcp", (request, response) => response.status(405).end());
app.listen(PORT, "127.0.0.1");
