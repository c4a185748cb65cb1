// Signs in, is attacked and signs out, in a real browser: node browser.mjs CHROMIUM ORIGIN ORIGIN_OF_PLAIN_HTTP
// The first thing that is not as it should be ends it with an error.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { chromium } from 'playwright-core';

const [executablePath, origin, plainOrigin] = process.argv.slice(2);
const password = 'follow the white rabbit';

// A page of somebody else, whose form is sent as soon as it is looked at. The query says where to, and with what.
const attacker = http.createServer((request, response) => {
    const { action, ...fields } = Object.fromEntries(new URL(request.url, 'http://attacker').searchParams);
    const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`).join('');
    response.setHeader('content-type', 'text/html');
    response.end(`<form method="post" action="${action}">${inputs}</form><script>document.forms[0].submit()</script>`);
}).listen(0, '127.0.0.1');

/** The answer of a neighbouring host: a refresh token for every host of the domain. */
function plant(response, url) {
    const [, token] = url.split('/plant/');
    const cookie = `__Secure-refresh_token=${token}; Domain=example.test; Path=/auth; Secure; HttpOnly`;
    if (token) response.setHeader('set-cookie', cookie);
    response.end();
}

// What stands in front of a service and speaks TLS, also as app.example.test; as evil.example.test, a neighbour of it.
const tls = https.createServer(
    { key: fs.readFileSync('keys/localhost.key.pem'), cert: fs.readFileSync('keys/localhost.cert.pem') },
    (request, response) => {
        const { method, headers, url } = request;
        if (headers.host.startsWith('evil.')) {
            plant(response, url);
            return;
        }
        const inner = http.request(origin + url, { method, headers }, (answer) => {
            response.writeHead(answer.statusCode, answer.rawHeaders);
            answer.pipe(response);
        });
        request.pipe(inner);
    },
).listen(0, '127.0.0.1');

const browser = await chromium.launch({
    executablePath,
    args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync', '--ignore-certificate-errors',
        '--host-resolver-rules=MAP *.example.test 127.0.0.1',
    ],
});

/** A browser that has never been anywhere. */
async function newPage(userAgent) {
    const context = await browser.newContext({ userAgent, ignoreHTTPSErrors: true });
    return context.newPage();
}

/** The cookies that the browser would send to these paths, by name, as its developer tools show them. */
async function cookies(page, paths = ['/', '/auth/refresh']) {
    const tools = await page.context().newCDPSession(page);
    const urls = paths.map((path) => new URL(path, page.url()).href);
    const { cookies } = await tools.send('Network.getCookies', { urls });
    return Object.fromEntries(cookies.map((cookie) => [cookie.name, cookie]));
}

function assertFlags(cookie, flags) {
    const { domain, path, httpOnly, secure, sameSite, session } = cookie;
    // Without a dot before it, the domain is this one host.
    assert.deepEqual({ domain, path, httpOnly, secure, sameSite, session },
        { domain: 'localhost', httpOnly: true, session: false, ...flags });
}

async function signIn(page, name, password) {
    await page.fill('[name=name]', name);
    await page.fill('[name=password]', password);
    return (await Promise.all([page.waitForNavigation(), page.click('form[action="/auth/login"] button')]))[0];
}

async function signInFrom(page, origin) {
    await page.goto(`${origin}/`);
    assert.equal(page.url(), `${origin}/login`);
    await signIn(page, 'alice', password);
    assert.equal(page.url(), `${origin}/`);
    assert.equal(await page.textContent('h1'), 'Hello, Alice!');
}

/** A proof as another program would sign it, by another key. */
function proofOfSomebodyElse(method, url, token) {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const segment = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
    const ath = crypto.hash('sha256', token, 'base64url');
    const claims = { jti: crypto.randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ath };
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) };
    const message = `${segment(header)}.${segment(claims)}`;
    const signature = crypto.sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${message}.${signature.toString('base64url')}`;
}

/** Presses a button of the page for bound tokens, and waits for that many lines of what has happened. */
async function press(page, form, lines) {
    const before = await page.locator('#results li').count();
    await page.click(`form[name=${form}] button`);
    await page.locator('#results li').nth(before + lines - 1).waitFor();
    return (await page.locator('#results li').allTextContents()).slice(before);
}

async function click(page, selector) {
    return (await Promise.all([page.waitForNavigation(), page.click(selector)]))[0];
}

const steps = {
    async 'a wrong password and a wrong name get the same answer'() {
        const answers = [];
        for (const name of ['alice', 'mallory']) {
            const page = await newPage();
            await page.goto(`${origin}/login`);
            const response = await signIn(page, name, 'wrong');
            answers.push([response.status(), await response.text()]);
            assert.deepEqual(await cookies(page), {});
        }
        assert.equal(answers[0][0], 400);
        assert.deepEqual(answers[0], answers[1]);
    },

    async 'a browser that does not keep the cookies is told so, and not sent round in a circle'() {
        const page = await newPage();
        // Without TLS, no cookie with `Secure` is kept but from localhost.
        const plain = `http://app.example.test:${new URL(origin).port}`;
        await page.goto(`${plain}/login`);
        const response = await signIn(page, 'bob', 'can we fix it');
        assert.deepEqual([response.status(), page.url()], [401, `${plain}/signed-in`]);
        assert.match(await page.textContent('h1'), /has not kept the cookies/);
        await click(page, 'a[href="/login"]');
        assert.equal(page.url(), `${plain}/login`);
    },

    async 'signing in keeps three cookies that no script reads'() {
        await signInFrom(alice, origin);
        const all = await cookies(alice);
        assert.equal(Object.keys(all).length, 3);
        assertFlags(all['__Host-refresh_token_id'], { path: '/', secure: true, sameSite: 'Strict' });
        assertFlags(all['__Host-access_token'], { path: '/', secure: true, sameSite: 'Lax' });
        assertFlags(all['__Secure-refresh_token'], { path: '/auth', secure: true, sameSite: 'Strict' });
        const everywhere = Object.keys(await cookies(alice, ['/'])).sort();
        assert.deepEqual(everywhere, ['__Host-access_token', '__Host-refresh_token_id']);
        assert.equal(await alice.evaluate(() => document.cookie), '');
    },

    async 'no page of somebody else signs out, ends a login or signs in'() {
        const before = await cookies(alice);
        const id = await alice.getAttribute('li form', 'action');
        const port = attacker.address().port;
        // Another site, whose requests have no cookie; and one that the browser takes for the same site, whose have.
        for (const [host, signedIn] of [['127.0.0.1', false], ['localhost', true]]) {
            const attack = async (action, fields) => {
                const page = await alice.context().newPage();
                const posted = page.waitForResponse((response) => response.url() === origin + action);
                const query = new URLSearchParams({ action: origin + action, ...fields });
                await page.goto(`http://${host}:${port}/?${query}`);
                const response = await posted;
                const sent = (await response.request().allHeaders()).cookie;
                assert.equal(sent !== undefined, signedIn, `${host}${action}: ${sent}`);
                await page.waitForLoadState();
                await page.close();
                return response;
            };
            const ended = await attack(id);
            // Without the cookie it is anybody's, and is sent to sign in.
            assert.equal(ended.status(), signedIn ? 403 : 303);
            assert.equal((await attack('/auth/logout')).status(), 403);
            assert.equal((await attack('/auth/refresh')).status(), signedIn ? 403 : 400);
            assert.equal((await attack('/auth/login', { name: 'bob', password: 'can we fix it' })).status(), 403);
        }
        assert.deepEqual(await cookies(alice), before);
        await alice.goto(`${origin}/`);
        assert.equal(await alice.textContent('h1'), 'Hello, Alice!');
        assert.equal(await alice.getAttribute('li form', 'action'), id);
    },

    async 'renewing changes both tokens'() {
        const before = await cookies(alice);
        await click(alice, 'form[action="/auth/refresh"] button');
        assert.equal(await alice.textContent('h1'), 'Hello, Alice!');
        const after = await cookies(alice);
        for (const name of Object.keys(before)) {
            assert.equal(after[name].value === before[name].value, name === '__Host-refresh_token_id', name);
        }
    },

    async 'the login on another device is listed, and ended'() {
        const other = await newPage('The other device');
        await signInFrom(other, origin);
        await alice.reload();
        assert.equal(await alice.locator('li').count(), 2);
        const line = alice.locator('li', { hasText: 'The other device' });
        await Promise.all([alice.waitForNavigation(), line.locator('button').click()]);
        assert.equal(await alice.locator('li').count(), 1);
        assert.doesNotMatch(await alice.textContent('ul'), /other device/);
        const response = await click(other, 'form[action="/auth/refresh"] button');
        assert.equal(response.status(), 400);
    },

    async 'a script signs in and calls with a bearer token'() {
        const page = await newPage();
        await page.goto(`${origin}/login`);
        const statuses = await page.evaluate(async (credentials) => {
            const headers = { 'content-type': 'application/json' };
            const login = await fetch('/api/login', { method: 'POST', headers, body: JSON.stringify(credentials) });
            const { access_token: token } = await login.json();
            const authorization = `Bearer ${token}`;
            const me = await fetch('/api/me', { headers: { authorization } });
            const forged = await fetch('/api/me', { headers: { authorization: `${authorization.slice(0, -9)}AAAAAAAAA` } });
            const bare = await fetch('/api/me');
            return [login.status, me.status, (await me.json()).name, forged.status, bare.status];
        }, { name: 'alice', password });
        assert.deepEqual(statuses, [200, 200, 'Alice', 401, 401]);
        assert.deepEqual(await cookies(page), {});
    },

    async 'a script binds its tokens to a key, and a copy of them is of no use'() {
        const page = await newPage();
        const open = async () => {
            await page.goto(`${origin}/dpop`);
            await page.locator('body[data-ready]').waitFor();
            return page.textContent('#key');
        };
        const key = await open();
        assert.match(key, /^[\w-]{43}$/);
        await page.fill('[name=name]', 'bob');
        await page.fill('[name=password]', 'can we fix it');
        assert.deepEqual(await press(page, 'login', 1), ['Sign in (tokens): 200 ']);
        const sent = page.waitForRequest(`${origin}/api/me`);
        assert.deepEqual(await press(page, 'call', 1), ['Call: 200 Bob']);
        assert.deepEqual(await press(page, 'copy', 2),
            ['A copy without the key: 401 invalid_token', 'A copy with another key: 401 invalid_token']);

        // Somebody who has seen a request: the token alone, with a key of their own, and the request as it was.
        const { authorization, dpop } = await (await sent).allHeaders();
        const [scheme, token] = authorization.split(' ');
        assert.equal(scheme, 'DPoP');
        const from = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
        assert.equal(from.cnf.jkt, key);
        const other = proofOfSomebodyElse('GET', `${origin}/api/me`, token);
        for (const headers of [
            { authorization: `Bearer ${token}` },
            { authorization: `Bearer ${token}`, dpop },
            { authorization },
            { authorization, dpop: other },
            { authorization, dpop },
            { cookie: `__Host-access_token=${token}` },
        ]) {
            const reply = await fetch(`${origin}/api/me`, { headers });
            assert.equal(reply.status, 401, JSON.stringify(Object.keys(headers)));
        }

        // The key stays in the browser, signs there, and is given to nobody.
        assert.equal(await open(), key);
        assert.deepEqual(await press(page, 'refresh', 1), ['Refresh (tokens): 200 ']);
        assert.deepEqual(await press(page, 'call', 1), ['Call: 200 Bob']);
        const [exported, refreshToken] = await page.evaluate(() => new Promise((resolve) => {
            const open = indexedDB.open('dpop', 1);
            open.onsuccess = () => {
                const store = open.result.transaction('kept').objectStore('kept');
                const [pair, refresh] = [store.get('key'), store.get('refresh')];
                store.transaction.oncomplete = () => {
                    const exporting = crypto.subtle.exportKey('jwk', pair.result.privateKey);
                    exporting.then(() => 'exported', (error) => error.name).then((is) => resolve([is, refresh.result]));
                };
            };
        }));
        assert.equal(exported, 'InvalidAccessError');
        const body = JSON.stringify({ refresh_token: refreshToken });
        const refreshes = [[{}, 'invalid_dpop_proof'],
            [{ dpop: proofOfSomebodyElse('POST', `${origin}/auth/refresh`, '') }, 'invalid_grant']];
        for (const [proof, error] of refreshes) {
            const headers = { 'content-type': 'application/json', ...proof };
            const reply = await fetch(`${origin}/auth/refresh`, { method: 'POST', headers, body });
            assert.deepEqual([reply.status, await reply.json()], [400, { error }]);
        }
        assert.deepEqual(await press(page, 'refresh', 1), ['Refresh (tokens): 200 ']);
        assert.deepEqual(await cookies(page), {});
    },

    async 'signing out ends it, also for whoever has copied the cookies'() {
        const copied = Object.values(await cookies(alice)).map(({ name, value }) => `${name}=${value}`).join('; ');
        const replay = (method, path) => fetch(origin + path, { method, headers: { cookie: copied }, redirect: 'manual' });
        assert.equal((await replay('GET', '/api/me')).status, 200);
        await click(alice, 'form[action="/auth/logout"] button');
        assert.equal(alice.url(), `${origin}/login`);
        assert.deepEqual(await cookies(alice), {});
        assert.equal((await replay('GET', '/api/me')).status, 401);
        assert.equal((await replay('POST', '/auth/refresh')).status, 400);
        await alice.goto(`${origin}/`);
        assert.equal(alice.url(), `${origin}/login`);
    },

    async 'behind TLS it is the same'() {
        const page = await newPage();
        await signInFrom(page, `https://localhost:${tls.address().port}`);
        const all = await cookies(page);
        assertFlags(all['__Host-access_token'], { path: '/', secure: true, sameSite: 'Lax' });
        assertFlags(all['__Secure-refresh_token'], { path: '/auth', secure: true, sameSite: 'Strict' });
        assert.deepEqual(Object.values(all).map((cookie) => cookie.sourceScheme), ['Secure', 'Secure', 'Secure']);
        await click(page, 'form[action="/auth/refresh"] button');
        await click(page, 'form[action="/auth/logout"] button');
        assert.deepEqual(await cookies(page), {});
    },

    async 'a neighbouring host plants refresh tokens, and nobody is signed in as somebody else or kept in'() {
        const { port } = tls.address();
        const [app, evil] = [`https://app.example.test:${port}`, `https://evil.example.test:${port}`];
        const login = await fetch(`${origin}/api/login`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ name: 'bob', password: 'can we fix it' }),
        });
        const tokens = [(await login.json()).refresh_token, 'junk'];
        const page = await newPage();
        const refresh = () => page.evaluate(async () => (await fetch('/auth/refresh', { method: 'POST' })).status);
        const planted = async (token) => {
            const other = await page.context().newPage();
            await other.goto(`${evil}/plant/${token}`);
            await other.close();
        };
        for (const token of tokens) {
            await planted(token);
            await page.goto(`${app}/login`);
            const { '__Secure-refresh_token': cookie } = await cookies(page);
            assert.deepEqual([cookie.value, cookie.domain], [token, '.example.test']);
            assert.equal(await refresh(), 400);
            await page.goto(`${app}/`);
            assert.equal(page.url(), `${app}/login`);
        }

        await signIn(page, 'alice', password);
        for (const token of tokens) {
            await planted(token);
            const sent = page.waitForRequest((request) => request.url() === `${app}/auth/refresh`);
            await click(page, 'form[action="/auth/refresh"] button');
            const { cookie } = await (await sent).allHeaders();
            assert.equal(cookie.split('__Secure-refresh_token=').length, 3, 'the browser sends both');
            assert.equal(await page.textContent('h1'), 'Hello, Alice!');
        }
        await click(page, 'form[action="/auth/logout"] button');
        assert.equal(page.url(), `${app}/login`);
        assert.deepEqual(Object.keys(await cookies(page)), ['__Secure-refresh_token'], 'what was planted');
        assert.equal(await refresh(), 400);
    },

    async 'the switch for plain http on localhost leaves out Secure and the prefixes, and nothing else'() {
        const page = await newPage();
        await signInFrom(page, plainOrigin);
        const all = await cookies(page);
        assertFlags(all.access_token, { path: '/', secure: false, sameSite: 'Lax' });
        assertFlags(all.refresh_token, { path: '/auth', secure: false, sameSite: 'Strict' });
    },

    async 'whoever guesses passwords has to wait, for a name that there is and for one that there is not'() {
        const body = (name) => JSON.stringify({ name, password: 'a guess' });
        for (const name of ['bob', 'mallory']) {
            let answer;
            for (let attempt = 0; attempt < 10 && answer?.status !== 429; attempt += 1) {
                const headers = { 'content-type': 'application/json' };
                answer = await fetch(`${origin}/api/login`, { method: 'POST', headers, body: body(name) });
            }
            assert.equal(answer.status, 429, name);
            assert.ok(Number(answer.headers.get('retry-after')) > 0);
        }
    },
};

const alice = await newPage('The first device');
try {
    for (const [name, step] of Object.entries(steps)) {
        await step();
        console.log(`${browser.version()}: ${name}`);
    }
} finally {
    await browser.close();
    for (const server of [attacker, tls]) {
        server.closeAllConnections();
        server.close();
    }
}
