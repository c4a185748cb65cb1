// An authorization server (oidc-provider) and clients of the Model Context Protocol (its TypeScript SDK: the first
// generation, and the second one, which knows DPoP) in one process.
// Reads one JSON request per line and writes one JSON answer per line.
//
//   {"op": "keys"}                   → {"issuer", "jwks"}
//   {"op": "allow", "resource"}      → {}              tokens may be issued for that resource
//   {"op": "challenge", "url", "authorization"} → what the SDK reads out of the challenge
//   {"op": "call", "url"}            → {"who", "requests"}   what the tool says, and every request on the way to it
//   {"op": "call_with_proofs", "url", "alg"} → the same by the client that knows DPoP, with a key for that algorithm
//   {"op": "sign_in", "url", "tool", "arguments", "generation", "document"} → {"text", "requests"}   the same for a person: the
//        client registers itself (or, with "document", names itself by a client-id metadata document), opens a browser, and
//        signs in once more where the tool needs more
//   {"op": "inspect", "url", "tool"} → {"output"}   the same by the command line of the inspector
//   {"op": "browse", "address", "until"} → {"callback"}   a browser, for clients that are elsewhere
//   {"op": "proxy"} → {"url"}        the address of a proxy
//   {"op": "forward", "url", "to", "scope"} → {}    it forwards to that address, and adds a token of that scope
import { generateKeyPairSync } from 'node:crypto';
import { createServer, request as httpRequest } from 'node:http';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import * as second from '@modelcontextprotocol/client';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import Provider from 'oidc-provider';

// Standard output is for answers alone.
console.log = console.info = console.error;

const CLIENT = { clientId: 'mcp-client', clientSecret: 'known to everybody who reads this' };
const SCOPES = 'things:read notes notes:write admin';
const resources = new Set();
const proxies = new Map();

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

// What a client says of itself where it is registered by its document: the provider fetches it from there.
const DOCUMENT = 'https://client.example/oauth/client.json';
const REDIRECT = 'http://127.0.0.1:9/callback';
const METADATA = {
  client_name: 'peer',
  redirect_uris: [REDIRECT],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const description = { alg: 'ES256', use: 'sig', kid: 'peer' };
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: CLIENT.clientId,
      client_secret: CLIENT.clientSecret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  scopes: ['openid', 'offline_access', ...SCOPES.split(' ')],
  // Whoever comes is Alice, and has agreed to everything.
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  async loadExistingGrant(ctx) {
    const { client, session, params } = ctx.oidc;
    const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope(`openid offline_access ${SCOPES}`);
    for (const resource of [params.resource ?? []].flat()) grant.addResourceScope(resource, SCOPES);
    await grant.save();
    return grant;
  },
  fetch: (input, init) =>
    String(input) === DOCUMENT
      ? new Response(JSON.stringify({ ...METADATA, client_id: DOCUMENT, application_type: 'native' }), {
          headers: { 'content-type': 'application/json' },
        })
      : fetch(input, init),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    registration: { enabled: true },
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_, resource) {
        if (!resources.has(resource)) throw new Error(`no such resource: ${resource}`);
        return { audience: resource, scope: SCOPES, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
      },
    },
  },
  jwks: { keys: [{ ...key.privateKey.export({ format: 'jwk' }), ...description }] },
});
const answer = provider.callback();
server.on('request', async (request, response) => {
  if (request.url === '/reg') {
    // A client is not held to the scopes that it began with.
    let body = '';
    for await (const chunk of request) body += chunk;
    const { scope, ...client } = JSON.parse(body);
    request.body = client;
  } else if (request.url.startsWith('/interaction/')) {
    try {
      const { prompt } = await provider.interactionDetails(request, response);
      const result = prompt.name === 'login' ? { login: { accountId: 'alice' } } : { consent: {} };
      return await provider.interactionFinished(request, response, result);
    } catch {
      return response.destroy();
    }
  }
  answer(request, response);
});

// A browser that follows where it is sent, keeps its cookies, and goes on as Alice where it is asked who it is.
async function browse(address, until = REDIRECT) {
  const cookies = new Map();
  for (let steps = 0; steps < 20; steps++) {
    if (String(address).startsWith(until)) return new URL(address).searchParams;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(address, { headers: { cookie }, redirect: 'manual' });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]*)=([^;]*)/.exec(set);
      cookies.set(name, value);
    }
    const page = await response.text();
    const next = response.headers.get('location') ?? /href="([^"]*alice[^"]*)"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
    if (!next) throw new Error(`the browser stays at ${address}: ${response.status} ${page.slice(0, 500)}`);
    address = new URL(next, address);
  }
  throw new Error('too many redirects');
}

class Person {
  redirectUrl = REDIRECT;
  clientMetadata = METADATA;

  constructor(document) {
    if (document) this.clientMetadataUrl = DOCUMENT;
  }

  clientInformation() {
    return this.client;
  }

  saveClientInformation(client) {
    this.client = client;
  }

  tokens() {
    return this.issued;
  }

  saveTokens(tokens) {
    this.issued = tokens;
  }

  codeVerifier() {
    return this.verifier;
  }

  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }

  discoveryState() {
    return this.discovered;
  }

  saveDiscoveryState(state) {
    this.discovered = state;
  }

  async redirectToAuthorization(address) {
    this.answer = await browse(address);
  }
}

function recorder() {
  const requests = [];
  const recorded = async (input, init) => {
    const response = await fetch(input, init);
    const scheme = new Headers(init?.headers).get('authorization')?.split(' ')[0] ?? '-';
    requests.push(`${init?.method ?? 'GET'} ${input} ${scheme} ${response.status}`);
    return response;
  };
  return { requests, recorded };
}

async function signIn({ url, tool, arguments: given, generation, document }) {
  const { Client: AnyClient, StreamableHTTPClientTransport: Transport } =
    generation === 2 ? second : { Client, StreamableHTTPClientTransport };
  const { requests, recorded } = recorder();
  const person = new Person(document);
  for (let tries = 0; tries < 4; tries++) {
    const transport = new Transport(new URL(url), { authProvider: person, fetch: recorded });
    const client = new AnyClient({ name: 'peer', version: '1.0.0' });
    try {
      await client.connect(transport);
      const { tools } = await client.listTools();
      const result = await client.callTool({ name: tool, arguments: given ?? {} });
      await client.close();
      return { text: result.content[0].text, tools: tools.map(({ name }) => name).sort(), requests };
    } catch (error) {
      if (!person.answer) throw error;
      const { answer } = person;
      person.answer = undefined;
      await (generation === 2 ? transport.finishAuth(answer) : transport.finishAuth(answer.get('code')));
      await client.close().catch(() => {});
    }
  }
  throw new Error(`no way in: ${requests.join(', ')}`);
}

class WithProofs extends second.ClientCredentialsProvider {
  constructor(alg) {
    super({ ...CLIENT, expectedIssuer: issuer });
    this.session = second.DpopSession.create({ alg });
  }

  dpop() {
    return this.session;
  }
}

async function call(url, { Client, StreamableHTTPClientTransport }, authProvider) {
  const { requests, recorded } = recorder();
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider, fetch: recorded });
  const client = new Client({ name: 'peer', version: '1.0.0' });
  await client.connect(transport);
  const result = await client.callTool({ name: 'whoami', arguments: {} });
  await client.close();
  return { who: result.content[0].text, requests };
}

const operations = {
  keys: () => ({
    issuer,
    jwks: JSON.stringify({ keys: [{ ...key.publicKey.export({ format: 'jwk' }), ...description }] }),
  }),

  allow({ resource }) {
    resources.add(resource);
    return {};
  },

  async challenge({ url, authorization }) {
    const response = await fetch(url, { method: 'POST', headers: authorization ? { authorization } : {} });
    const { resourceMetadataUrl, error } = extractWWWAuthenticateParams(response);
    return { status: response.status, error: error ?? null, resource_metadata: resourceMetadataUrl?.href ?? null };
  },

  call({ url }) {
    const authProvider = new ClientCredentialsProvider({ ...CLIENT, expectedIssuer: issuer });
    return call(url, { Client, StreamableHTTPClientTransport }, authProvider);
  },

  sign_in: signIn,

  async browse({ address, until }) {
    return { callback: `${until}?${await browse(address, until)}` };
  },

  async inspect({ url, tool }) {
    const home = mkdtempSync(join(tmpdir(), 'inspector-'));
    const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/inspector/package.json'));
    const { bin } = JSON.parse(readFileSync(program));
    const words = [join(dirname(program), bin['mcp-inspector']), '--cli', url, '--transport', 'http'];
    words.push('--method', 'tools/call', '--tool-name', tool, '--callback-url', 'http://127.0.0.1:0/oauth/callback');
    const env = { ...process.env, HOME: home, MCP_STORAGE_DIR: home, MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'memory' };
    const inspector = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, all, seen] = ['', '', false];
    const read = (data) => {
      all += data;
      const address = /Please navigate to: (\S+)/.exec(all)?.[1];
      if (!address || seen) return;
      seen = true;
      const until = new URL(address).searchParams.get('redirect_uri');
      browse(address, until).then((answer) => fetch(`${until}?${answer}`)).catch((error) => (all += error));
    };
    inspector.stdout.on('data', (data) => {
      output += data;
      read(data);
    });
    inspector.stderr.on('data', read);
    const status = await new Promise((ended) => inspector.on('close', ended));
    rmSync(home, { recursive: true, force: true });
    if (status !== 0) throw new Error(`the inspector ends with ${status}: ${all}`);
    return { output };
  },

  async proxy() {
    const proxy = { to: undefined, token: undefined };
    const server = createServer((request, answer) => {
      const headers = { ...request.headers };
      if (proxy.token) headers.authorization = `Bearer ${proxy.token}`;
      const { hostname: host, port } = new URL(proxy.to);
      const forwarded = httpRequest({ host, port, path: request.url, method: request.method, headers }, (response) => {
        answer.writeHead(response.statusCode, response.headers);
        response.pipe(answer);
      });
      forwarded.on('error', () => answer.destroy());
      answer.on('close', () => forwarded.destroy());
      request.pipe(forwarded);
    });
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${server.address().port}/mcp`;
    proxies.set(url, proxy);
    return { url };
  },

  async forward({ url, to, scope }) {
    const proxy = proxies.get(url);
    proxy.to = to;
    const form = new URLSearchParams({ grant_type: 'client_credentials', scope, resource: url });
    const authorization = `Basic ${btoa(`${CLIENT.clientId}:${encodeURIComponent(CLIENT.clientSecret)}`)}`;
    const response = await fetch(`${issuer}/token`, { method: 'POST', body: form, headers: { authorization } });
    const answer = await response.json();
    if (!answer.access_token) throw new Error(`no token: ${JSON.stringify(answer)}`);
    proxy.token = answer.access_token;
    return {};
  },

  call_with_proofs({ url, alg }) {
    return call(url, second, new WithProofs(alg));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let answer;
  try {
    // Rather a failed test than one that hangs.
    const late = new Promise((_, reject) => setTimeout(reject, 60_000, new Error('no answer within a minute')).unref());
    answer = await Promise.race([operations[request.op](request), late]);
  } catch (error) {
    answer = { failed: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
