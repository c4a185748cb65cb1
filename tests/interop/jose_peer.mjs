// The npm package jose as a peer, see serve.mjs. A rejected token is {"ok": false, "error": ...}.

import { webcrypto } from "node:crypto";
import * as jose from "jose";
import { serve } from "./serve.mjs";

globalThis.crypto ??= webcrypto; // node 18

const HMAC = ["HS256", "HS384", "HS512"];
const ALGORITHMS = [
  ...HMAC,
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
  ...["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"],
];

function supported(alg) {
  if (!ALGORITHMS.includes(alg)) throw new Error(`algorithm not supported: ${alg}`);
  return alg;
}

async function generate(alg) {
  if (HMAC.includes(alg)) {
    const secret = await jose.generateSecret(alg, { extractable: true });
    return { publicKey: secret, privateKey: secret };
  }
  return jose.generateKeyPair(alg, { modulusLength: 2048, extractable: true });
}

// jose takes an absent member for "do not check"; the peer does not.
function need(request, ...members) {
  for (const name of members) {
    if (request[name] == null) throw new Error(`missing member: ${name}`);
  }
  return request;
}

const keys = new Map(); // one key, or key pair, per algorithm

async function keyPair(alg) {
  if (!keys.has(alg)) keys.set(alg, await generate(supported(alg)));
  return keys.get(alg);
}

async function toJwk(key, kid) {
  const { alg, ...rest } = await jose.exportJWK(key);
  const jwk = rest.kty === "AKP" ? { alg, ...rest } : rest; // RFC 9964 §3: required
  return kid == null ? jwk : { ...jwk, kid };
}

const operations = {
  algorithms: async () => ({ algorithms: ALGORITHMS }),

  async mint(request) {
    const { alg, kid, claims } = need(request, "alg", "claims");
    const { publicKey, privateKey } = await keyPair(alg);
    const header = kid == null ? { alg } : { alg, kid };
    const symmetric = HMAC.includes(alg);
    return {
      token: await new jose.SignJWT(claims).setProtectedHeader(header).sign(privateKey),
      jwk: await toJwk(publicKey, kid),
      private_jwk: await toJwk(privateKey, kid),
      pem: symmetric ? null : await jose.exportSPKI(publicKey),
      private_pem: symmetric ? null : await jose.exportPKCS8(privateKey),
    };
  },

  async verify(request) {
    const { alg, jwk, token, issuer, audience } =
      need(request, "alg", "jwk", "token", "issuer", "audience");
    const key = await jose.importJWK(jwk, supported(alg));
    try {
      const { payload } = await jose.jwtVerify(token, key, { algorithms: [alg], issuer, audience });
      return { ok: true, claims: payload };
    } catch (error) {
      if (!(error instanceof jose.errors.JOSEError)) throw error;
      return { ok: false, error: `${error.code}: ${error.message}` };
    }
  },
};

await serve(operations);
