// Signs in with a provider and signs out again, there too, in Firefox: node sign_in.mjs EXECUTABLE ORIGIN
// The providers are those of tests/oidc/people.js, whose pages take any name. The first thing that is not as it should be ends
// it with an error.
import assert from 'node:assert/strict';
import { open } from './firefox.mjs';

const [executable, origin] = process.argv.slice(2);
const page = await open(executable);
const address = () => page.evaluate(() => location.href);
const count = (selector) => page.evaluate((selector) => document.querySelectorAll(selector).length, selector);
const sub = () => page.evaluate(() => document.querySelector('#sub')?.textContent);
const names = async () => (await page.cookies('localhost')).map(({ name }) => name)
    .filter((name) => name.startsWith('__'));

try {
    await page.goto(`${origin}/`);
    await page.follow('a[href^="/auth/login/orange"]');
    await page.fill('[name=login]', 'alice');
    await page.fill('[name=password]', 'any');
    await page.follow('button[type=submit]');
    // The provider asks whether the application may know who that is.
    if (!(await address()).startsWith(origin)) await page.follow('button[type=submit]');
    assert.equal(await address(), `${origin}/?signed-in`);
    assert.equal(await sub(), 'orange:alice');
    assert.ok((await names()).includes('__Host-access_token'));
    assert.deepEqual((await names()).filter((name) => name.startsWith('__Host-sign_in_')), [], 'nothing of the flow is left');
    assert.equal(await page.evaluate(() => document.cookie), '', 'no script can read them');

    await page.follow('form[action="/auth/logout"] button');
    assert.ok(!(await address()).startsWith(origin), await address());
    await page.follow('button[autofocus], button[name=logout], button[type=submit]');
    assert.equal((await address()).replace(/\?.*/, ''), `${origin}/`);
    assert.equal(await count('#sub'), 0);
    assert.deepEqual(await names(), []);
    console.log(`${page.version}: signed in with a provider`);
} finally {
    await page.close();
}
