// An OpenID provider on loopback: `node provider.js PORT KEYFILE`. Prints the port once it listens.
//
// One client, `robot`, gets access tokens as JWTs by client credentials, for the resources `urn:alg:RS256` and so on:
// each is a resource server whose tokens are signed by that algorithm. With a proof (DPoP), which has to have a nonce, they
// are bound to its key. The client `machine` gets tokens that are bound to its certificate, which comes as PEM in base64 in
// the field `X-Certificate`. For the resource `urn:opaque` tokens are no JWTs. The clients `api` (by `client_secret_basic`),
// `api-jwt` (`private_key_jwt`, with the keys that /control was told) and `api-signed`, which gets signed answers, may introspect
// tokens. POST /control takes
// {"generate": [{"alg", "kid"}], "sign": {alg: kid}, "withdraw": [kid], "ofClient": [jwk]} and works at once. Keys live in KEYFILE, so that
// they outlive the process.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [port, keyFile] = process.argv.slice(2);
const kinds = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
};
const keys = existsSync(keyFile) ? JSON.parse(readFileSync(keyFile, 'utf8')) : { set: [], sign: {}, ofClient: [] };
let answer;

function generate(alg, kid) {
  const { privateKey } = generateKeyPairSync(...kinds[alg]);
  keys.set.push({ ...privateKey.export({ format: 'jwk' }), alg, kid, use: 'sig' });
  keys.sign[alg] ??= kid;
}

function client(id, more) {
  return {
    client_id: id,
    client_secret: 'a secret that everybody knows',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_post',
    ...more,
  };
}

const nonceSecret = randomBytes(32);

function publish() {
  writeFileSync(keyFile, JSON.stringify(keys));
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    clients: [
      client('robot'),
      client('machine', { tls_client_certificate_bound_access_tokens: true }),
      client('api', { token_endpoint_auth_method: 'client_secret_basic' }),
      client('api-jwt', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: keys.ofClient } }),
      client('api-signed', { introspection_signed_response_alg: 'ES256' }),
    ],
    cookies: { keys: ['not used'] },
    jwks: { keys: keys.set },
    extraTokenClaims: (_context, token) => ({ name: 'Robot', ...(token.format === 'opaque' && { sub: 'robot' }) }),
    ttl: { ClientCredentials: 3600 },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_context, asking) => asking.clientId.startsWith('api') },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret, requireNonce: () => true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (context) => Buffer.from(context.get('x-certificate'), 'base64').toString() || undefined,
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_context, resource) {
          if (resource === 'urn:opaque') return { audience: 'api', scope: 'read', accessTokenFormat: 'opaque' };
          const alg = resource.slice('urn:alg:'.length);
          return {
            audience: 'api',
            scope: 'read',
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg, kid: keys.sign[alg] } },
          };
        },
      },
    },
  });
  answer = provider.callback();
}

function control(request, response) {
  let text = '';
  request.on('data', (part) => { text += part; });
  request.on('end', () => {
    const wish = JSON.parse(text);
    for (const { alg, kid } of wish.generate ?? []) generate(alg, kid);
    Object.assign(keys.sign, wish.sign);
    keys.ofClient = wish.ofClient ?? keys.ofClient;
    keys.set = keys.set.filter(({ kid }) => !wish.withdraw?.includes(kid));
    publish();
    response.writeHead(200, { 'Content-Length': '2' }).end('ok');
  });
}

const server = createServer((request, response) => {
  (request.url === '/control' ? control : answer)(request, response);
});
server.listen(Number(port), '127.0.0.1', () => {
  if (keys.set.length === 0) for (const alg of Object.keys(kinds)) generate(alg, `${alg}-1`);
  publish();
  console.log(server.address().port);
});
// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0));
