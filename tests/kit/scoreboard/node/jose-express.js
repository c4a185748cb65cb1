// jose in a minimal Express server: https://github.com/panva/jose, "jwtVerify" with "createRemoteJWKSet".
import express from "express";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { PORT, ISSUER, AUDIENCE, JWKS_URL } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URL));
const app = express();
app.use(async (request, response, next) => {
    const token = /^bearer +([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (!token) {
        return response.status(401).set("WWW-Authenticate", "Bearer").end();
    }
    try {
        request.user = (await jwtVerify(token, keys, { issuer: ISSUER, audience: AUDIENCE })).payload;
    } catch {
        return response.status(401).set("WWW-Authenticate", 'Bearer error="invalid_token"').end();
    }
    next();
});
app.get("/protected", (request, response) => response.json({ sub: request.user.sub }));
app.listen(PORT, "127.0.0.1");
