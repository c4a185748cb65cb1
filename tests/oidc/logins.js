// An OpenID provider on loopback where people log in and out: `node logins.js PORT`. Prints the port once it listens.
//
// The client `shop` logs people in by the authorization code flow, with PKCE; whoever comes is logged in as the one whom
// `login_hint` names, without a question. Its access tokens are JWTs for `urn:api`, with the `sid` of the ID token. When the
// user logs out at the provider, it calls the address that POST /control was given as {"logout": URL}, with a logout token.
// GET /delivered says how these calls went.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', kid: 'k1', use: 'sig' }] };
const delivered = [];
let provider;
let answer;

function publish(logout) {
  provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    clients: [{
      client_id: 'shop',
      client_secret: 'a secret that everybody knows',
      redirect_uris: ['http://127.0.0.1/callback'],
      token_endpoint_auth_method: 'client_secret_post',
      id_token_signed_response_alg: 'ES256',
      backchannel_logout_uri: logout,
      backchannel_logout_session_required: true,
    }],
    cookies: { keys: ['not used'] },
    jwks,
    // Its own way of fetching does not go to this machine.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: (context) => ({ name: 'Alice', sid: context.oidc.entities.AuthorizationCode?.sid }),
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: async (context) => {
      const { client, session, provider: { Grant } } = context.oidc;
      const known = session.grantIdFor(client.clientId);
      if (known) return Grant.find(known);
      const grant = new Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid');
      grant.addResourceScope('urn:api', 'read');
      await grant.save();
      return grant;
    },
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:api',
        useGrantedResource: () => true,
        getResourceServerInfo: () => (
          { audience: 'api', scope: 'read', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256', kid: 'k1' } } }
        ),
      },
    },
  });
  provider.on('backchannel.success', () => delivered.push('delivered'));
  provider.on('backchannel.error', (_context, error) => delivered.push(error.message));
  answer = provider.callback();
}

async function interaction(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
}

function control(request, response) {
  let text = '';
  request.on('data', (part) => { text += part; });
  request.on('end', () => {
    publish(JSON.parse(text).logout);
    response.writeHead(200, { 'Content-Length': '2' }).end('ok');
  });
}

function report(response) {
  const text = JSON.stringify(delivered);
  response.writeHead(200, { 'Content-Length': String(Buffer.byteLength(text)) }).end(text);
}

const server = createServer((request, response) => {
  if (request.url === '/control') control(request, response);
  else if (request.url === '/delivered') report(response);
  else if (request.url.startsWith('/interaction/')) interaction(request, response);
  else answer(request, response);
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => {
  publish('http://127.0.0.1:9/not-set');
  console.log(server.address().port);
});
// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0));
