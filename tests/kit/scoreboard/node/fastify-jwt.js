// fast-jwt with Fastify, by @fastify/jwt as its README has it: a public key, and `jwtVerify` in a hook.
import fastify from "fastify";
import jwt from "@fastify/jwt";

const { PORT, ISSUER, AUDIENCE, PUBLIC_KEY } = process.env;
const app = fastify();
app.register(jwt, {
    secret: { public: PUBLIC_KEY },
    verify: { algorithms: ["RS256"], allowedIss: ISSUER, allowedAud: AUDIENCE },
});
app.get("/protected", { onRequest: (request) => request.jwtVerify() }, async (request) => ({ sub: request.user.sub }));
await app.listen({ port: Number(PORT), host: "127.0.0.1" });
