// Two OpenID providers on loopback that people sign in with: `node people.js ORIGIN`, where ORIGIN is that of the application.
// Prints their two ports once they listen. Any name will do, with any password: the pages are those that oidc-provider has for
// development. The first provider takes pushed requests and names itself in its answers; the second is its neighbour.
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [origin] = process.argv.slice(2);
const names = ['orange', 'lime'];
const ports = [];

function provider(name, port) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: 'app',
      client_secret: 'a secret that everybody knows',
      redirect_uris: [`${origin}/auth/callback/${name}`],
      post_logout_redirect_uris: [`${origin}/`],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'ES256',
    }],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', kid: name, use: 'sig' }] },
    cookies: { keys: [randomBytes(32).toString('base64')] },
    claims: { openid: ['sub'], profile: ['name'] },
    // The name is in the ID token, where many providers have it.
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, name: id }) }),
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: true },
      pushedAuthorizationRequests: { enabled: name === 'orange' },
      rpInitiatedLogout: { enabled: true },
    },
    ttl: { Session: 600, Grant: 600, Interaction: 600 },
  });
}

for (const name of names) {
  let answer;
  const server = createServer((request, response) => answer(request, response));
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address();
  answer = provider(name, port).callback();
  ports.push(port);
}
console.log(ports.join(' '));
// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0));
