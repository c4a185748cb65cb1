// An OpenID provider of Better Auth on loopback that people sign in with: `node better_auth.js PORT FILE`. Prints its port once it
// listens, and the identifier and the secret of the application where it has just been made known.
//
// Better Auth has no pages. Those here ask who it is, and whether the application may know, and then do what the script of such a
// page does. Alice is known, with the password `correct-password`. FILE is an SQLite database, so that everything outlives the process.
// Whoever signs out there is signed out at the application, which is at the address that POST /application was given.
import { createServer } from 'node:http';
import { DatabaseSync } from 'node:sqlite';
import { oauthProvider } from '@better-auth/oauth-provider';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { jwt } from 'better-auth/plugins';

const ORIGIN = 'https://app.example.com';
const [port, file] = process.argv.slice(2);
const pages = {
  '/sign-in': '<form method="post"><input name="user"><input name="password" type="password"><button>Sign in</button></form>',
  '/consent': '<form method="post"><button name="decision" value="yes">Yes</button><button name="decision" value="no">No</button></form>',
  '/sign-out': '<form method="post"><button>Sign out</button></form>',
};
let auth;
let answer;

// What the script of a page sends, and where it goes on.
async function post(request, response, path, body) {
  const said = await auth.handler(new Request(`${auth.options.baseURL}/api/auth${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Cookie: request.headers.cookie ?? '', Origin: auth.options.baseURL },
    body: JSON.stringify(body),
  }));
  const { url } = await said.json();
  response.setHeader('Set-Cookie', said.headers.getSetCookie());
  if (url) response.writeHead(303, { Location: url, 'Content-Length': '0' }).end();
  else response.writeHead(said.ok ? 204 : 403).end();
}

async function page(request, response, path, query) {
  if (request.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': String(pages[path].length) }).end(pages[path]);
    return;
  }
  let text = '';
  for await (const part of request) text += part;
  const form = new URLSearchParams(text);
  if (path === '/sign-in') {
    const email = `${form.get('user')}@example.com`;
    await post(request, response, '/sign-in/email', { email, password: form.get('password'), oauth_query: query });
  } else if (path === '/sign-out') {
    await post(request, response, '/sign-out', {});
  } else {
    await post(request, response, '/oauth2/consent', { accept: form.get('decision') === 'yes', oauth_query: query });
  }
}

// It calls no address of this machine.
const { fetch } = globalThis;
let application;
globalThis.fetch = (url, options) => fetch(String(url).replace(ORIGIN, application), options);

const server = createServer((request, response) => {
  const [path, query] = request.url.split('?', 2);
  if (path === '/application') {
    request.on('data', (address) => { application = address.toString(); });
    request.on('end', () => response.writeHead(204).end());
  } else if (path in pages) page(request, response, path, query);
  else answer(request, response);
});
await new Promise((resolve) => { server.listen(Number(port), '127.0.0.1', resolve); });
auth = betterAuth({
  baseURL: `http://127.0.0.1:${server.address().port}`,
  secret: 'a secret of at least 32 characters, for this alone',
  database: new DatabaseSync(file),
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  plugins: [jwt(), oauthProvider({ loginPage: '/sign-in', consentPage: '/consent' })],
});
answer = toNodeHandler(auth);
const { toBeCreated, runMigrations } = await getMigrations(auth.options);
const known = [];
if (toBeCreated.length > 0) {
  await runMigrations();
  const alice = { name: 'Alice', email: 'alice@example.com', password: 'correct-password' };
  const { headers } = await auth.api.signUpEmail({ body: alice, returnHeaders: true });
  const { client_id: id, client_secret: secret } = await auth.api.adminCreateOAuthClient({
    headers: { Cookie: headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; ') },
    body: {
      redirect_uris: [`${ORIGIN}/auth/callback/people`, `${ORIGIN}/auth/callback/others`],
      post_logout_redirect_uris: [`${ORIGIN}/bye`],
      token_endpoint_auth_method: 'client_secret_basic',
      enable_end_session: true,
      backchannel_logout_uri: `${ORIGIN}/auth/provider-events`,
      backchannel_logout_session_required: true,
    },
  });
  known.push(id, secret);
}
console.log([server.address().port, ...known].join(' '));
// It ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0));
