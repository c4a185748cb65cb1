// Binds a login to a key of a real browser, steals every cookie, and signs out: node device.mjs CHROMIUM ORIGIN
// Writes `clock SECONDS` where time is to pass at the service, and waits for a line. The first thing that is not as it should
// be ends it with an error.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { chromium } from 'playwright-core';

const [executablePath, origin] = process.argv.slice(2);
const access = '__Host-access_token';
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function pass(seconds) {
    console.log(`clock ${seconds}`);
    await answers.next();
}

// What stands in front of the service and speaks TLS, and what it has passed on.
const [key, cert] = ['key', 'cert'].map((kind) => fs.readFileSync(`keys/localhost.${kind}.pem`));
const seen = [];
const tls = https.createServer({ key, cert }, (request, response) => {
    const { method, headers, url } = request;
    if (url === '/') {
        response.setHeader('content-type', 'text/html');
        response.end('<title>app</title>');
        return;
    }
    const inner = http.request(origin + url, { method, headers }, (answer) => {
        seen.push({ method, url, headers, status: answer.statusCode, answer: answer.headers });
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
    });
    request.pipe(inner);
});
await new Promise((listens) => tls.listen(0, '127.0.0.1', listens));
const app = `https://app.example.test:${tls.address().port}`;
const spki = new crypto.X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
const trusted = crypto.hash('sha256', spki, 'base64');

const profiles = [];

/** A browser with a profile of its own, whose keys are in software. */
async function open() {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'device-'));
    const context = await chromium.launchPersistentContext(profile, {
        executablePath,
        args: [
            '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
            '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP *.example.test 127.0.0.1',
            // With all certificate errors ignored, nothing is registered.
            `--ignore-certificate-errors-spki-list=${trusted}`,
            '--enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting',
        ],
    });
    profiles.push({ profile, context });
    const page = context.pages()[0] ?? await context.newPage();
    await page.goto(`${app}/`);
    return { context, page, tools: await context.newCDPSession(page) };
}

const get = ({ page }, url) => page.evaluate(async (url) => (await fetch(url)).status, url);
const post = ({ page }, url) => page.evaluate(async (url) => (await fetch(url, { method: 'POST' })).status, url);
/** The bound cookie runs out, as far as the browser knows. */
const expire = ({ tools }) => tools.send('Network.deleteCookies', { name: access, url: app });
const of = (url) => seen.filter((request) => request.url === url);

async function until(what, condition) {
    for (let attempt = 0; attempt < 200; attempt += 1) {
        if (condition()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`${what}: ${JSON.stringify(seen.map(({ method, url, status }) => [method, url, status]))}`);
}

/** A proof as a thief would sign it, who has a key of their own. */
function proofBy(privateKey, challenge, header) {
    const segment = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
    const message = `${segment({ alg: 'ES256', typ: 'dbsc+jwt', ...header })}.${segment({ jti: challenge })}`;
    const signature = crypto.sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${message}.${signature.toString('base64url')}`;
}

const register = '/auth/device/register';
const refresh = '/auth/device/refresh';
let owner;
let thief;
let stolen;

const steps = {
    async 'the browser registers a key after the login'() {
        owner = await open();
        assert.equal(await post(owner, '/auth/login'), 204);
        await until('a registration', () => of(register).length > 0);
        assert.deepEqual(of(register).map(({ status }) => status), [200]);
        let status;
        for (let attempt = 0; attempt < 100 && status !== 200; attempt += 1) status = await get(owner, '/bound');
        assert.equal(status, 200);
    },

    async 'it refreshes the login by itself, and the request waits for it'() {
        for (let round = 1; round <= 2; round += 1) {
            await pass(631);
            await expire(owner);
            seen.length = 0;
            assert.equal(await get(owner, '/bound'), 200);
            assert.deepEqual(seen.map(({ url, status }) => [url, status]), [[refresh, 403], [refresh, 200], ['/bound', 200]]);
        }
    },

    async 'a second profile with every cookie is out when the bound cookie ends, and the first goes on'() {
        thief = await open();
        stolen = await owner.context.cookies();
        await thief.context.addCookies(stolen);
        assert.deepEqual((await thief.context.cookies()).map(({ name }) => name).sort(), stolen.map(({ name }) => name).sort());
        assert.equal(await get(thief, '/bound'), 200, 'for as long as the token is good');
        await pass(631);
        seen.length = 0;
        for (const ended of [false, true]) {
            if (ended) await expire(thief);
            assert.equal(await get(thief, '/me'), 401);
            assert.equal(await post(thief, '/auth/refresh'), 400);
            assert.equal(await post(thief, register), 400);
            assert.equal(await post(thief, refresh), 400);
        }
        await expire(owner);
        assert.equal(await get(owner, '/bound'), 200);
    },

    async 'what the thief signs with another key, or has seen signed, is refused'() {
        const jar = (cookies) => cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
        const now = await owner.context.cookies();
        const send = (cookie, headers) => fetch(origin + refresh, { method: 'POST', headers: { cookie, ...headers } });
        const id = now.find(({ name }) => name === '__Host-refresh_token_id').value;
        const session = { 'sec-secure-session-id': id };

        // The request of the owner, as it was sent.
        const [, { headers: { cookie, 'secure-session-response': proof } }] = of(refresh).slice(-2);
        assert.ok(proof);
        const replayed = await send(cookie, { ...session, 'secure-session-response': proof });
        assert.deepEqual([replayed.status, replayed.headers.getSetCookie()], [403, []]);

        const asked = await send(jar(now), session);
        assert.equal(asked.status, 403);
        const [, challenge] = asked.headers.get('secure-session-challenge').match(/^"([^"]+)"/);
        const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
        for (const header of [{}, { jwk: publicKey.export({ format: 'jwk' }) }]) {
            const other = proofBy(privateKey, challenge, header);
            assert.equal((await send(jar(now), { ...session, 'secure-session-response': other })).status, 400);
        }
        await pass(631);
        await expire(owner);
        assert.equal(await get(owner, '/bound'), 200, 'nothing has ended');
    },

    async 'signing out ends both at once'() {
        await thief.context.addCookies(await owner.context.cookies());
        assert.equal(await get(thief, '/me'), 200);
        assert.equal(await post(owner, '/auth/logout'), 204);
        assert.deepEqual(await owner.context.cookies(), []);
        for (const one of [owner, thief]) assert.equal(await get(one, '/me'), 401);
        assert.equal(await post(thief, '/auth/refresh'), 400);
    },
};

try {
    for (const [name, step] of Object.entries(steps)) {
        await step();
        console.log(name);
    }
} finally {
    for (const { profile, context } of profiles) {
        await context.close();
        fs.rmSync(profile, { recursive: true, force: true });
    }
    tls.closeAllConnections();
    tls.close();
    process.stdin.destroy();
}
