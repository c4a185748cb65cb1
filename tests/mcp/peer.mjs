// An authorization server (oidc-provider) and clients of the Model Context Protocol (its TypeScript SDK: the first
// generation, and the second one, which knows DPoP) in one process.
// Reads one JSON request per line and writes one JSON answer per line.
//
//   {"op": "keys"}                   → {"issuer", "jwks"}
//   {"op": "allow", "resource"}      → {}              tokens may be issued for that resource
//   {"op": "challenge", "url", "authorization"} → what the SDK reads out of the challenge
//   {"op": "call", "url"}            → {"who", "requests"}   what the tool says, and every request on the way to it
//   {"op": "call_with_proofs", "url", "alg"} → the same by the client that knows DPoP, with a key for that algorithm
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import * as second from '@modelcontextprotocol/client';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { extractWWWAuthenticateParams } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import Provider from 'oidc-provider';

// Standard output is for answers alone.
console.log = console.info = console.error;

const CLIENT = { clientId: 'mcp-client', clientSecret: 'known to everybody who reads this' };
const resources = new Set();

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

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
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_, resource) {
        if (!resources.has(resource)) throw new Error(`no such resource: ${resource}`);
        return { audience: resource, scope: 'things:read', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
      },
    },
  },
  jwks: { keys: [{ ...key.privateKey.export({ format: 'jwk' }), ...description }] },
});
server.on('request', provider.callback());

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
  const requests = [];
  const recorded = async (input, init) => {
    const response = await fetch(input, init);
    const scheme = new Headers(init?.headers).get('authorization')?.split(' ')[0] ?? '-';
    requests.push(`${init?.method ?? 'GET'} ${input} ${scheme} ${response.status}`);
    return response;
  };
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
