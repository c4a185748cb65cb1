// Signs in, renews, is attacked and signs out, behind TLS, in a browser that is not Chromium:
// node walk.mjs firefox|webkit EXECUTABLE ORIGIN
// The first thing that is not as it should be ends it with an error.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [kind, executable, origin] = process.argv.slice(2);
const { open } = await import(`./${kind}.mjs`);

// What stands in front of the service and speaks TLS, and what it has passed on.
const [key, cert] = ['key', 'cert'].map((part) => fs.readFileSync(`keys/localhost.${part}.pem`));
const seen = [];
const tls = https.createServer({ key, cert }, (request, response) => {
    const { method, headers, url } = request;
    const inner = http.request(origin + url, { method, headers }, (answer) => {
        const cookies = (headers.cookie ?? '').split('; ').map((pair) => pair.split('=')[0]);
        seen.push({ method, url, headers, cookies: cookies.filter(Boolean).sort(), status: answer.statusCode });
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.pipe(response);
    });
    request.pipe(inner);
});
// A page of somebody else, with a button for the unsuspecting.
const attacker = http.createServer((request, response) => {
    const action = new URL(request.url, 'http://attacker').searchParams.get('action');
    response.setHeader('content-type', 'text/html');
    response.end(`<form method="post" action="${action}"><button>A prize</button></form>`);
});
for (const server of [tls, attacker]) await new Promise((listens) => server.listen(0, '127.0.0.1', listens));
const app = `https://localhost:${tls.address().port}`;

const everywhere = ['__Host-access_token', '__Host-refresh_token_id'];
const all = [...everywhere, '__Secure-refresh_token'];

const page = await open(executable);
const address = () => page.evaluate(() => location.href);
const text = (selector) => page.evaluate((selector) => document.querySelector(selector)?.textContent, selector);
const last = (url) => seen.findLast((request) => request.url === url);
const values = async () => Object.fromEntries((await page.cookies('localhost')).map(({ name, value }) => [name, value]));

async function until(what, condition) {
    for (let attempt = 0; attempt < 3000; attempt += 1) {
        if (await condition()) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail(`${what}: ${JSON.stringify(seen.map(({ method, url, status }) => [method, url, status]))}`);
}

async function signIn(from, password) {
    await page.goto(`${from}/login`);
    await page.fill('[name=name]', 'alice');
    await page.fill('[name=password]', password);
    await page.follow('form[action="/auth/login"] button');
}

/** Presses a button of the page for bound tokens, and waits for that many lines of what has happened. */
async function press(form, lines) {
    const results = () => page.evaluate(() => [...document.querySelectorAll('#results li')].map((line) => line.textContent));
    const before = (await results()).length;
    await page.click(`form[name=${form}] button`);
    await until(form, async () => (await results()).length >= before + lines);
    return (await results()).slice(before);
}

const steps = {
    async 'a wrong password keeps no cookie'() {
        await signIn(app, 'wrong');
        assert.equal(last('/auth/login').status, 400);
        assert.deepEqual(await values(), {});
    },

    async 'signing in keeps three cookies that no script reads'() {
        await signIn(app, 'follow the white rabbit');
        assert.equal(await address(), `${app}/`);
        assert.equal(await text('h1'), 'Hello, Alice!');
        assert.equal(await page.evaluate(() => document.cookie), '');
        assert.deepEqual(last('/').cookies, everywhere);
        const flags = { path: '/', httpOnly: true, secure: true };
        const cookies = Object.fromEntries((await page.cookies('localhost')).map(({ name, value, ...flags }) => [name, flags]));
        assert.deepEqual(cookies['__Host-access_token'], { ...flags, sameSite: 'lax' });
        assert.deepEqual(cookies['__Host-refresh_token_id'], { ...flags, sameSite: 'strict' });
    },

    async 'renewing sends the refresh token and changes both tokens'() {
        const before = await values();
        await page.follow('form[action="/auth/refresh"] button');
        assert.deepEqual(last('/auth/refresh').cookies, all);
        assert.equal(await text('h1'), 'Hello, Alice!');
        const after = await values();
        assert.notEqual(after['__Host-access_token'], before['__Host-access_token']);
        assert.equal(after['__Host-refresh_token_id'], before['__Host-refresh_token_id']);
    },

    async 'no page of somebody else signs out or renews'() {
        const before = await values();
        for (const host of ['127.0.0.1', 'localhost']) {
            for (const path of ['/auth/logout', '/auth/refresh']) {
                const count = seen.length;
                await page.goto(`http://${host}:${attacker.address().port}/?action=${encodeURIComponent(app + path)}`);
                await page.follow('button');
                assert.ok(seen.slice(count).some(({ url }) => url === path), `${host} ${path}`);
                // Without its cookie, there is nothing to refresh.
                const expected = path === '/auth/refresh' && last(path).cookies.length === 0 ? 400 : 403;
                assert.equal(last(path).status, expected, `${host} ${path} ${JSON.stringify(last(path))}`);
            }
        }
        await page.goto(`${app}/`);
        assert.equal(await text('h1'), 'Hello, Alice!');
        assert.deepEqual(await values(), before);
    },

    async 'signing out ends it, also for whoever has copied the cookies'() {
        await page.goto(`${app}/`);
        const { cookie } = last('/').headers;
        const replay = async () => (await fetch(`${origin}/api/me`, { headers: { cookie } })).status;
        assert.equal(await replay(), 200);
        await page.follow('form[action="/auth/logout"] button');
        assert.equal(await address(), `${app}/login`);
        assert.equal(await replay(), 401);
        assert.deepEqual(await values(), {});
        await page.goto(`${app}/`);
        assert.equal(await address(), `${app}/login`);
        await page.follow('form[action="/auth/refresh"] button');
        assert.deepEqual([last('/auth/refresh').cookies, last('/auth/refresh').status], [[], 400]);
    },

    async 'a script binds its tokens to a key, and a copy of them is of no use'() {
        await page.goto(`${app}/dpop`);
        await until('a key', () => page.evaluate(() => 'ready' in document.body.dataset));
        await page.fill('[name=name]', 'bob');
        await page.fill('[name=password]', 'can we fix it');
        assert.deepEqual(await press('login', 1), ['Sign in (tokens): 200 ']);
        assert.deepEqual(await press('call', 1), ['Call: 200 Bob']);
        // Firefox shows no challenge to a script where the answer has several (bug 1491010).
        const why = kind === 'firefox' ? '' : 'invalid_token';
        assert.deepEqual(await press('copy', 2),
            [`A copy without the key: 401 ${why}`, `A copy with another key: 401 ${why}`]);
        assert.deepEqual(await press('refresh', 1), ['Refresh (tokens): 200 ']);
    },

    async 'a browser that does not keep the cookies is told so, and not sent round in a circle'() {
        // Firefox keeps cookies with `Secure` from localhost without TLS, and from no other name. WebKitGTK keeps none.
        const plain = `http://${kind === 'firefox' ? 'app.example.test' : 'localhost'}:${new URL(origin).port}`;
        await signIn(plain, 'follow the white rabbit');
        assert.equal(await address(), `${plain}/signed-in`);
        assert.match(await text('h1'), /has not kept the cookies/);
        await page.follow('a[href="/login"]');
        assert.equal(await address(), `${plain}/login`);
    },
};

try {
    for (const [step, walk] of Object.entries(steps)) {
        await walk();
        console.log(`${page.version}: ${step}`);
    }
} finally {
    await page.close();
    for (const server of [attacker, tls]) {
        server.closeAllConnections();
        server.close();
    }
}
