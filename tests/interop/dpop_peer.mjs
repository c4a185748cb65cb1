// Packages of npm that know DPoP (RFC 9449), as peers, see serve.mjs. Clients: dpop, oauth4webapi, openid-client. Judges of
// what a client has sent: oauth4webapi and express-oauth2-jwt-bearer.
//
//   {"op": "client", "client", "alg"}            → {"id", "jkt"}            a client with a key pair of its own
//   {"op": "call", "id", "method", "url", "token"} → {"statuses", "body", "challenges"}   one call, with its second tries
//   {"op": "judge", "jwks", "issuer", "audience", "method", "url", "authorization", "proof"} → {judge: null or why not}

import { webcrypto } from "node:crypto";
import * as dpop from "dpop";
import bearer from "express-oauth2-jwt-bearer";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { serve } from "./serve.mjs";

globalThis.crypto ??= webcrypto; // node 18

const ISSUER = "https://issuer.example.com";
const LIMIT = 60; // Seconds that a proof is good for, as our servers have it.
const LEEWAY = 30;

// `fetch` that notes what came back.
function recorder() {
  const statuses = [];
  const recorded = async (url, init) => {
    const response = await fetch(url, init);
    statuses.push(response.status);
    return response;
  };
  return { statuses, recorded };
}

const clients = {
  // The package makes proofs and no more, so the second try is the application's.
  async dpop(alg) {
    const keyPair = await dpop.generateKeyPair(alg);
    let nonce;
    const attempt = async ({ method, url, token }, send) => {
      const { origin, pathname } = new URL(url);
      const proof = await dpop.generateProof(keyPair, origin + pathname, method, nonce, token);
      const response = await send(url, { method, headers: { authorization: `DPoP ${token}`, dpop: proof } });
      nonce = response.headers.get("dpop-nonce") ?? nonce;
      return response;
    };
    const call = async (request, send) => {
      const response = await attempt(request, send);
      const wanted = response.headers.get("www-authenticate")?.includes('error="use_dpop_nonce"');
      return wanted ? attempt(request, send) : response;
    };
    return { jkt: await dpop.calculateThumbprint(keyPair.publicKey), call };
  },

  async oauth4webapi(alg) {
    const handle = oauth.DPoP({ client_id: "peer" }, await oauth.generateKeyPair(alg));
    const attempt = ({ method, url, token }, send) =>
      oauth.protectedResourceRequest(token, method, new URL(url), new Headers(), null, {
        DPoP: handle,
        [oauth.customFetch]: send,
        [oauth.allowInsecureRequests]: true,
      });
    const call = async (request, send) => {
      try {
        return await attempt(request, send);
      } catch (error) {
        if (!oauth.isDPoPNonceError(error)) throw error;
        return attempt(request, send);
      }
    };
    return { jkt: await handle.calculateThumbprint(), call };
  },

  async "openid-client"(alg) {
    const config = new openid.Configuration({ issuer: ISSUER }, "peer");
    openid.allowInsecureRequests(config);
    const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair(alg));
    const call = ({ method, url, token }, send) => {
      config[openid.customFetch] = send;
      return openid.fetchProtectedResource(config, token, new URL(url), method, null, undefined, { DPoP: handle });
    };
    return { jkt: await handle.calculateThumbprint(), call };
  },
};

const made = [];

// What a package throws where the answer is a 401 with challenges, as the package has read them.
function challengesOf(error) {
  const { cause } = [error, error.cause].find(({ name }) => name === "WWWAuthenticateChallengeError") ?? {};
  if (!cause) throw error;
  return cause.map(({ scheme, parameters }) => ({ scheme, ...parameters }));
}

const judges = {
  oauth4webapi({ issuer, audience, jwks }) {
    const as = { issuer, jwks_uri: `${issuer}/jwks` };
    const options = { [oauth.customFetch]: async () => Response.json(jwks) };
    return async ({ method, url, authorization, proof }) => {
      const request = new Request(url, { method, headers: { authorization, dpop: proof } });
      await oauth.validateJwtAccessToken(as, request, audience, options);
    };
  },

  "express-oauth2-jwt-bearer"({ issuer, audience, jwks }) {
    const dpop = { enabled: true, iatOffset: LIMIT, iatLeeway: LEEWAY };
    const handler = bearer.auth({ issuer, audience, publicKey: jwks, tokenSigningAlg: "ES256", dpop });
    return ({ method, url, authorization, proof }) => {
      // What Express hands over.
      const { protocol, host, pathname, search } = new URL(url);
      const headers = { host, authorization, dpop: proof };
      const request = {
        headers, method, query: {}, body: {}, protocol: protocol.slice(0, -1), originalUrl: pathname + search,
        get: (name) => headers[name.toLowerCase()],
        is: () => false,
      };
      return new Promise((accept, refuse) => handler(request, {}, (error) => (error ? refuse(error) : accept())));
    };
  },
};

let bench;

const operations = {
  async client({ client, alg }) {
    const { jkt, call } = await clients[client](alg);
    return { id: made.push(call) - 1, jkt };
  },

  async call({ id, ...request }) {
    const { statuses, recorded } = recorder();
    try {
      const response = await made[id](request, recorded);
      return { statuses, body: await response.text(), challenges: [] };
    } catch (error) {
      return { statuses, body: "", challenges: challengesOf(error) };
    }
  },

  async judge({ jwks, issuer, audience, ...request }) {
    bench ??= Object.entries(judges).map(([name, judge]) => [name, judge({ jwks, issuer, audience })]);
    const verdict = async ([name, judge]) => {
      try {
        await judge(request);
        return [name, null];
      } catch (error) {
        return [name, String(error?.message || error)];
      }
    };
    return { verdicts: Object.fromEntries(await Promise.all(bench.map(verdict))) };
  },
};

await serve(operations);
