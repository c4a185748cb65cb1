// express-oauth2-jwt-bearer as its README has it.
import express from "express";
import { auth, requiredScopes } from "express-oauth2-jwt-bearer";

const { PORT, ISSUER, AUDIENCE } = process.env;
const app = express();
app.use(auth({ audience: AUDIENCE, issuerBaseURL: ISSUER }));
app.get("/protected", (request, response) => response.json({ sub: request.auth.payload.sub }));
app.get("/scope", requiredScopes("orders:read"), (request, response) => response.json({}));
app.listen(PORT, "127.0.0.1");
