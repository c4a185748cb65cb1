// Signs in with providers, in a real browser: node provider.mjs CHROMIUM ORIGIN
// The providers are those of tests/oidc/people.js, whose pages take any name. The first thing that is not as it should be ends
// it with an error.
import assert from 'node:assert/strict';
import http from 'node:http';
import { chromium } from 'playwright-core';

const [executablePath, origin] = process.argv.slice(2);
const browser = await chromium.launch({
    executablePath,
    args: [
        '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
    ],
});

// A page of somebody else: whatever the query says is in it.
const attacker = http.createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(new URL(request.url, 'http://attacker').searchParams.get('page'));
}).listen(0, '127.0.0.1');
const attackerPage = (page) => `http://127.0.0.1:${attacker.address().port}/?page=${encodeURIComponent(page)}`;

async function newPage() {
    const context = await browser.newContext();
    const page = await context.newPage();
    // The pages of the providers name fonts of others, which are not there.
    await page.route((url) => !['localhost', '127.0.0.1'].includes(url.hostname), (route) => route.abort());
    return page;
}

const go = (page, act) => Promise.all([page.waitForNavigation({ waitUntil: 'load' }), act()]);
const cookies = async (page) => (await page.context().cookies(origin)).map(({ name }) => name).sort();
const flows = async (page) => (await cookies(page)).filter((name) => name.startsWith('__Host-sign_in_'));

async function begin(page, provider) {
    await page.goto(`${origin}/`);
    await go(page, () => page.click(`a[href^="/auth/login/${provider}"]`));
}

/** Signs in at the provider, and agrees. */
async function signIn(page, provider, name) {
    await begin(page, provider);
    await page.fill('[name=login]', name);
    await page.fill('[name=password]', 'any');
    await go(page, () => page.click('button[type=submit]'));
    if (!page.url().startsWith(origin)) await go(page, () => page.click('button[type=submit]'));
}

const who = async (page) => (await page.goto(`${origin}/`), page.locator('#sub').textContent({ timeout: 5000 }));
const isNobody = async (page) => (await page.goto(`${origin}/`), (await page.locator('#sub').count()) === 0);

/** Goes as far as the way back, and yields its address without opening it. */
async function wayBack(page, provider, name) {
    let found;
    // Playwright does not route redirects.
    const tools = await page.context().newCDPSession(page);
    tools.on('Fetch.requestPaused', ({ requestId, request }) => {
        found = request.url;
        tools.send('Fetch.fulfillRequest', { requestId, responseCode: 200, body: btoa('kept') });
    });
    await tools.send('Fetch.enable', { patterns: [{ urlPattern: '*/auth/callback/*' }] });
    await signIn(page, provider, name);
    await tools.send('Fetch.disable');
    return found;
}

// Sign in, and the cookies are those of a login: none of the flow is left.
const page = await newPage();
await signIn(page, 'orange', 'alice');
assert.equal(page.url(), `${origin}/?signed-in`);
assert.equal(await who(page), 'orange:alice');
assert.deepEqual(await flows(page), []);
assert.ok((await cookies(page)).includes('__Host-access_token'));
assert.equal(await page.evaluate(() => document.cookie), '', 'no script can read them');

// A browser that keeps no cookies is told so, at the way back and behind it.
const forgetful = await newPage();
await begin(forgetful, 'orange');
await forgetful.context().clearCookies({ domain: 'localhost' });
await forgetful.fill('[name=login]', 'carol');
await forgetful.fill('[name=password]', 'any');
await go(forgetful, () => forgetful.click('button[type=submit]'));
if (!forgetful.url().startsWith(origin)) await go(forgetful, () => forgetful.click('button[type=submit]'));
assert.equal(forgetful.url(), `${origin}/?error=invalid_request`);
assert.match(await forgetful.textContent('#cookies'), /has not kept the cookies/);
await forgetful.goto(`${origin}/?signed-in`);
assert.match(await forgetful.textContent('#cookies'), /has not kept the cookies/);
await page.goto(`${origin}/?signed-in`);
assert.equal(await page.locator('#cookies').count(), 0);

// Back, and again: the answer was used.
const before = await cookies(page);
await page.goBack();
assert.equal(await who(page), 'orange:alice');
assert.deepEqual(await cookies(page), before);

// The other provider, in a second browser.
const other = await newPage();
await signIn(other, 'lime', 'bob');
assert.equal(await who(other), 'lime:bob');

// Cancel.
const cancelled = await newPage();
await begin(cancelled, 'orange');
await go(cancelled, () => cancelled.click('a[href*="abort"]'));
assert.equal(cancelled.url(), `${origin}/?error=access_denied`);
assert.equal(await cancelled.locator('[role=alert]').textContent(), 'You were not signed in.');
assert.ok(await isNobody(cancelled));
assert.deepEqual(await flows(cancelled), []);

// Two tabs of one browser: each ends where it began.
const first = await newPage();
const second = await first.context().newPage();
await second.route((url) => !['localhost', '127.0.0.1'].includes(url.hostname), (route) => route.abort());
await begin(first, 'orange');
await begin(second, 'lime');
assert.equal((await flows(first)).length, 2);
for (const [tab, name] of [[second, 'zoe'], [first, 'yan']]) {
    await tab.fill('[name=login]', name);
    await tab.fill('[name=password]', 'any');
    await go(tab, () => tab.click('button[type=submit]'));
    if (!tab.url().startsWith(origin)) await go(tab, () => tab.click('button[type=submit]'));
}
assert.equal(await who(first), 'orange:yan', 'the last one counts');
assert.deepEqual(await flows(first), []);

// Login CSRF: the attacker signs in, keeps the way back, and has the victim open it.
const mallory = await newPage();
const callback = await wayBack(mallory, 'orange', 'eve');
assert.ok(callback.startsWith(`${origin}/auth/callback/orange?`), callback);
const victim = await newPage();
await victim.goto(attackerPage(`<script>location = ${JSON.stringify(callback)}</script>`));
await victim.waitForURL(`${origin}/?error=*`);
assert.ok(await isNobody(victim));
// The same with a flow of the victim under way, and its `state`.
await begin(victim, 'orange');
await victim.goto(callback);
assert.ok(await isNobody(victim));
// An image of a page does not even begin one.
const flooded = await newPage();
await flooded.goto(attackerPage(`<img src="${origin}/auth/login/orange">`.repeat(20)), { waitUntil: 'load' });
assert.deepEqual(await flows(flooded), []);

// Who is refused by the application.
const refused = await newPage();
await signIn(refused, 'lime', 'mallory');
assert.equal(refused.url(), `${origin}/?error=access_denied`);
assert.ok(await isNobody(refused));

// Sign out here, and at the provider, which asks.
await page.goto(`${origin}/`);
await go(page, () => page.click('form[action="/auth/logout"] button'));
assert.ok(!page.url().startsWith(origin), page.url());
await go(page, () => page.click('button[autofocus], button[name=logout], button[type=submit]'));
assert.equal(page.url().replace(/\?.*/, ''), `${origin}/`);
assert.ok(await isNobody(page));
assert.deepEqual(await cookies(page), []);
// The provider asks for a name again, since its session has ended too.
await begin(page, 'orange');
assert.equal(await page.locator('[name=login]').count(), 1);

await browser.close();
attacker.close();
console.log('signed in with two providers');
