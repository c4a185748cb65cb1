// An OpenID provider on loopback where people log in and out: `node logins.js PORT`. Prints the port once it listens.
//
// The client `shop` logs people in by the authorization code flow, with PKCE; whoever comes is logged in as the one whom
// `login_hint` names, without a question. Its access tokens are JWTs for `urn:api`, with the `sid` of the ID token. When the
// user logs out at the provider, it calls the address that POST /control was given as {"logout": URL}, with a logout token.
// GET /delivered says how these calls went.
//
// The client `app` has people sign in too, and gets refresh tokens, each of which is good once. Whoever comes has authenticated
// in the first of the ways that `acr_values` asks for. POST /people says what somebody is called from now on, as
// {"id": …, "name": …}, or is gone without a name. GET /given-back says how many grants have ended.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', kid: 'k1', use: 'sig' }] };
const delivered = [];
const names = new Map();
let ended = 0;
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
    }, {
      client_id: 'app',
      client_secret: 'a secret that everybody knows',
      redirect_uris: ['https://localhost/auth/callback/people'],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'ES256',
    }],
    acrValues: ['gold', 'silver'],
    claims: { acr: null, auth_time: null, openid: ['sub'], profile: ['name'] },
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    cookies: { keys: ['not used'] },
    jwks,
    // Its own way of fetching does not go to this machine.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    findAccount: (_context, id) => {
      const name = names.has(id) ? names.get(id) : id;
      return name ? { accountId: id, claims: () => ({ sub: id, name }) } : undefined;
    },
    extraTokenClaims: (context) => ({ name: 'Alice', sid: context.oidc.entities.AuthorizationCode?.sid }),
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    loadExistingGrant: async (context) => {
      const { client, session, provider: { Grant } } = context.oidc;
      const known = session.grantIdFor(client.clientId);
      if (known) return Grant.find(known);
      const grant = new Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid profile offline_access');
      grant.addResourceScope('urn:api', 'read');
      await grant.save();
      return grant;
    },
    features: {
      backchannelLogout: { enabled: true },
      devInteractions: { enabled: false },
      revocation: { enabled: true },
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
  provider.on('grant.revoked', () => { ended += 1; });
  answer = provider.callback();
}

async function interaction(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const login = { accountId: params.login_hint, acr: params.acr_values?.split(' ')[0] };
  await provider.interactionFinished(request, response, { login, consent: {} });
}

function control(request, response) {
  let text = '';
  request.on('data', (part) => { text += part; });
  request.on('end', () => {
    const said = JSON.parse(text);
    if (request.url === '/people') names.set(said.id, said.name);
    else publish(said.logout);
    response.writeHead(200, { 'Content-Length': '2' }).end('ok');
  });
}

function report(response, what) {
  const text = JSON.stringify(what);
  response.writeHead(200, { 'Content-Length': String(Buffer.byteLength(text)) }).end(text);
}

const server = createServer((request, response) => {
  if (request.url === '/control' || request.url === '/people') control(request, response);
  else if (request.url === '/delivered') report(response, delivered);
  else if (request.url === '/given-back') report(response, ended);
  else if (request.url.startsWith('/interaction/')) interaction(request, response);
  else answer(request, response);
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => {
  publish('http://127.0.0.1:9/not-set');
  console.log(server.address().port);
});
// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0));
