// passport-jwt with the keys of jwks-rsa, as the README of jwks-rsa has it.
import express from "express";
import jwksRsa from "jwks-rsa";
import passport from "passport";
import { ExtractJwt, Strategy } from "passport-jwt";

const { PORT, ISSUER, AUDIENCE, JWKS_URL } = process.env;
passport.use(new Strategy({
    secretOrKeyProvider: jwksRsa.passportJwtSecret({ cache: true, rateLimit: true, jwksRequestsPerMinute: 5, jwksUri: JWKS_URL }),
    jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
    issuer: ISSUER,
    audience: AUDIENCE,
    algorithms: ["RS256"],
}, (claims, done) => done(null, claims)));
const app = express();
app.use(passport.initialize());
app.get("/protected", passport.authenticate("jwt", { session: false }), (request, response) => response.json({ sub: request.user.sub }));
app.listen(PORT, "127.0.0.1");
