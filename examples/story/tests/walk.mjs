// Walks through the page like a person, and says what it saw. `node walk.mjs URL DIRECTORY`; pictures go there.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "../../../tests/browser/node_modules/playwright-core/index.mjs";

const [url, pictures] = process.argv.slice(2);
const PATIENCE = 60_000;
const profile = mkdtempSync(join(tmpdir(), "story-chromium-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  viewport: { width: 1280, height: 900 },
});
const page = await browser.newPage();
page.setDefaultTimeout(PATIENCE);
const complaints = [];
// A request that is refused is part of the story; everything else that the browser complains of is not.
page.on("console", (message) => {
  if (message.type() === "error" && !/status of (401|422|503)/.test(message.text())) complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(error.message));
page.on("request", (request) => assert.ok(request.url().startsWith(url), `nothing from elsewhere: ${request.url()}`));

let steps = 0;
async function step(what, act) {
  await act();
  steps += 1;
  console.log(`ok ${steps} ${what}`);
}
const text = (selector) => page.locator(selector).innerText();
const says = (selector, what) => page.waitForFunction(
  ([selector, what]) => new RegExp(what).test(document.querySelector(selector).textContent), [selector, what.source ?? what]);
const choose = (name, value) => page.locator(`input[name="${name}"][value="${value}"]`).check({ force: true });
const press = (name) => page.getByRole("button", { name, exact: true }).click();
const newest = () => page.locator("#journeys > li").first();

const journeys = () => page.evaluate(() => document.querySelector("#journeys > li")?.value ?? 0);

// Asks, and waits for the answer to stand there.
async function ask(button = "Ask for your orders") {
  const before = await journeys();
  await press(button);
  await page.waitForFunction((before) => (document.querySelector("#journeys > li")?.value ?? 0) > before, before);
  return { status: Number((await newest().locator(".status").innerText()).slice(2)), why: await text("#why"), all: await newest().innerText() };
}
async function signIn(kind, place) {
  await choose("kind", kind);
  await choose("place", place);
  const before = await journeys();
  await press("Sign in");
  await page.waitForFunction((before) => (document.querySelector("#journeys > li")?.value ?? 0) > before, before);
}
// Asks until each of these instances has answered, and yields the status that each gave.
async function askAll(instances) {
  const seen = {};
  for (let n = 0; n < 60 && instances.some((i) => !(i in seen)); n += 1) {
    const { status, all } = await ask();
    const instance = all.match(/orders-(\d)/)?.[1];
    if (instance) seen[instance] = status;
  }
  return seen;
}

// Down to the lower edge of an element.
async function photograph(name, down = ".you") {
  const height = await page.evaluate((down) => {
    scrollTo(0, 0);
    return Math.ceil(document.querySelector(down).getBoundingClientRect().bottom) + 20;
  }, down);
  const { width } = page.viewportSize();
  await page.screenshot({ path: join(pictures, name), fullPage: true, clip: { x: 0, y: 0, width, height } });
}

await step("the page comes up and the picture lives", async () => {
  await page.goto(url);
  await says("#sentence", /sessions fail whenever the request reaches an instance that did not begin them/);
  await says("#jwt-text", /[1-9]\d* served, 0 not/);
  await says("#session-text", /[1-9]\d* not/);
});

await step("a JWT in a cookie is taken apart, and every instance takes it", async () => {
  await page.fill("#name", "Grace");
  await signIn("jwt", "cookie");
  await says("#parts", /name: "Grace"/);
  await says("#theft", /No script on this page can read it/);
  await says("#life-text", /Good for [34] min/);
  assert.deepEqual(await askAll(["1", "2", "3"]), { 1: 200, 2: 200, 3: 200 });
  assert.match(await newest().innerText(), /Cookie: access_token=eyJ/);
  assert.match(await newest().innerText(), /looked nothing up/);
});

await step("orders passes the token on to invoices", async () => {
  const { status, why } = await ask("… and your invoices");
  assert.equal(status, 200);
  assert.match(why, /orders-\d and invoices checked the signature and asked nobody/);
});

await step("a JWT in local storage goes into the header, where a script can take it", async () => {
  await signIn("jwt", "storage");
  await says("#theft", /Any script/);
  const { status, all } = await ask();
  assert.equal(status, 200);
  assert.match(all, /Authorization: Bearer eyJ/);
});

await step("a token that was tampered with is refused", async () => {
  await press("Tamper with it on the way");
  const { status, why } = await ask();
  assert.equal(status, 401);
  assert.match(why, /the claims were changed on the way/);
  await press("Tamper with it on the way");
  assert.equal((await ask()).status, 200);
});

await step("a new key signs, and both keys are taken", async () => {
  await press("Rotate the key");
  await says("#picture", /signs with key-2/);
  await says("#sentence", /New tokens are signed with key-2; older ones stay good/);
  assert.equal((await ask()).status, 200);
  await signIn("jwt", "storage");
  await says("#parts", /"kid":"key-2"/);
  assert.deepEqual(await askAll(["1", "2", "3"]), { 1: 200, 2: 200, 3: 200 });
});

await step("ML-DSA signs: in the header, since no cookie holds such a token, and older tokens stay good", async () => {
  await choose("ml_dsa", "true");
  await says("#picture", /signs with key-3/);
  await says("#sentence", /signed with key-3, of ML-DSA-65; older ones stay good/);
  assert.equal((await ask()).status, 200);
  await signIn("jwt", "cookie");
  await says("#why", /cannot be a cookie: its signature by ML-DSA-65 is 4412 characters long/);
  await says("#why", /Keep it in local storage/);
  await says("#parts", /"kid":"key-2"/);
  await signIn("jwt", "storage");
  await says("#parts", /"alg":"ML-DSA-65"/);
  await says("#parts", /3309 bytes, 4412 of the token's \d+ characters/);
  assert.ok((await text("#compact")).length > 4412);
  assert.deepEqual(await askAll(["1", "2", "3"]), { 1: 200, 2: 200, 3: 200 });
  await choose("ml_dsa", "false");
  await says("#picture", /signs with key-4/);
  assert.deepEqual(await askAll(["1", "2", "3"]), { 1: 200, 2: 200, 3: 200 });
  await signIn("jwt", "storage");
  await says("#parts", /"alg":"ES256"/);
  assert.equal((await ask()).status, 200);
});

await step("a dead instance takes no JWT with it", async () => {
  await press("Kill orders-2");
  await says("#sentence", /JWTs go on at whichever instance is left/);
  assert.deepEqual(await askAll(["1", "3"]), { 1: 200, 3: 200 });
});

await page.waitForTimeout(4000); // the chart fills
await photograph("story.png");

await step("it comes back", async () => {
  await press("Bring orders-2 back");
  await says("#sentence", /JWTs are served by every instance/);
});

await step("a session means something to one instance alone", async () => {
  await signIn("session", "cookie");
  await says("#meaning", /A reference token/);
  const seen = Object.values(await askAll(["1", "2", "3"])).sort();
  assert.deepEqual(seen, [200, 401, 401]);
});

await step("with one instance there is no question", async () => {
  await choose("instances", "1");
  await says("#sentence", /only one memory to remember them/);
  await signIn("session", "cookie");
  assert.equal((await ask()).status, 200);
  assert.equal((await ask("… and your invoices")).status, 401);
  assert.match(await text("#why"), /only the instance that began the session knows it/);
  await choose("instances", "3");
  await says("#sentence", /did not begin them/);
});

await step("a sticky balancer brings it back to its instance", async () => {
  await choose("sticky", "true");
  await says("#sentence", /stays with the instance that remembers it/);
  await signIn("session", "cookie");
  for (let n = 0; n < 6; n += 1) assert.equal((await ask()).status, 200);
  await choose("sticky", "false");
  await says("#sentence", /did not begin them/);
});

await step("a shared cache lets all instances know it", async () => {
  await choose("shared", "true");
  await says("#sentence", /every instance asks the same cache/);
  await signIn("session", "cookie");
  assert.deepEqual(await askAll(["1", "2", "3"]), { 1: 200, 2: 200, 3: 200 });
  assert.match(await newest().innerText(), /asked the shared cache/);
  assert.equal((await ask("… and your invoices")).status, 200);
});

await step("which takes all sessions with it when it dies, and no JWT", async () => {
  await press("Kill the cache");
  await says("#sentence", /JWTs do not notice that the cache is dead/);
  const { status, why } = await ask();
  assert.equal(status, 503);
  assert.match(why, /the shared cache does not answer/);
  await says("#session-text", /^0 served, [1-9]/);
  await says("#jwt-text", /[1-9]\d* served, 0 not/);
});

await page.waitForTimeout(4000);
await photograph("story-cache.png", ".charts");

await step("it comes back with what it held", async () => {
  await press("Bring the cache back");
  await says("#sentence", /every instance asks the same cache/);
  assert.equal((await ask()).status, 200);
});

await step("a revoked session ends at once", async () => {
  await press("Revoke this token");
  await says("#why", /torn up/);
  assert.equal((await ask()).status, 401);
});

await step("a revoked JWT ends everywhere", async () => {
  await signIn("jwt", "cookie");
  assert.equal((await ask()).status, 200);
  await press("Revoke this token");
  await says("#why", /put its number on the list/);
  // Four times a second, every instance asks for what is new.
  let refused = 0;
  for (const end = Date.now() + PATIENCE; refused < 6 && Date.now() < end;) {
    refused = (await page.evaluate(async () => (await fetch("/shop/orders")).status)) === 401 ? refused + 1 : 0;
  }
  assert.match((await ask()).why, /on the list of those that were revoked/);
});

// As other people, since what is ended of them is everything up to that second.
for (const [name, kind, button, said] of [
  ["Ada", "jwt", "Log out at the provider", /You have logged out at the provider/],
  ["Emmy", "session", "Disable the account there", /your account is disabled/],
]) {
  await step(`what the provider says of somebody with a ${kind} ends it: ${button}`, async () => {
    await page.fill("#name", name);
    await signIn(kind, "cookie");
    assert.equal((await ask()).status, 200);
    await press(button);
    await says("#why", said);
    let refused = 0;
    for (const end = Date.now() + PATIENCE; refused < 6 && Date.now() < end;) {
      refused = (await page.evaluate(async () => (await fetch("/shop/orders")).status)) === 401 ? refused + 1 : 0;
    }
    assert.equal((await ask()).status, 401);
  });
}
await page.fill("#name", "Grace");
await signIn("jwt", "cookie");

await step("a JWT that has expired is refused, and its cookie is still there to show it", async () => {
  await press("Let it expire");
  await says("#why", /ten seconds now, in a cookie that stays longer/);
  assert.equal((await ask()).status, 200);
  await says("#life-text", /Its time is over/);
  for (let n = 0; n < 3; n += 1) {
    const { status, why, all } = await ask();
    assert.equal(status, 401);
    assert.match(why, /the time that stands on the token is over/);
    assert.match(all, /Cookie: access_token=eyJ/);
  }
});

await step("so is one from local storage", async () => {
  await choose("place", "storage");
  await press("Let it expire");
  await says("#why", /ten seconds/);
  assert.equal((await ask()).status, 200);
  await says("#life-text", /Its time is over/);
  const { status, why } = await ask();
  assert.equal(status, 401);
  assert.match(why, /the time that stands on the token is over/);
});

await step("with all instances dead nobody blames the cache", async () => {
  for (const n of [1, 2, 3]) await press(`Kill orders-${n}`);
  await says("#sentence", /Nobody is served/);
  await signIn("session", "cookie");
  assert.match(await text("#why"), /no instance is left to start one/);
  assert.doesNotMatch(await text("#why"), /cache/);
  for (const n of [1, 2, 3]) {
    await press(`Bring orders-${n} back`);
    await page.getByRole("button", { name: `Kill orders-${n}`, exact: true }).waitFor();
  }
});

await step("what a dead cache was not told of a revocation, it is told when it is back", async () => {
  await signIn("jwt", "cookie");
  await press("Kill the cache");
  await says("#sentence", /JWTs do not notice that the cache is dead/);
  const { status, why } = await ask("Revoke this token");
  assert.equal(status, 503);
  assert.match(why, /could not tell the others: the shared cache does not answer/);
  await press("Bring the cache back");
  await says("#sentence", /every instance asks the same cache/);
  let seen = {};
  for (let n = 0; n < 60 && Object.values(seen).filter((status) => status === 401).length < 3; n += 1) {
    seen = await askAll(["1", "2", "3"]);
  }
  assert.deepEqual(seen, { 1: 401, 2: 401, 3: 401 });
});

await step("a reload, and a look at the code and back, keep the sign-in and the requests", async () => {
  for (const place of ["cookie", "storage"]) {
    await page.fill("#name", "Grace");
    await signIn("jwt", place);
    const [count, token] = [await journeys(), await text("#compact")];
    const kept = async () => {
      await says("#parts", /name: "Grace"/);
      assert.equal(await text("#compact"), token);
      assert.equal(await journeys(), count);
      assert.match(await newest().innerText(), /sign in as Grace/);
    };
    await page.reload();
    await kept();
    await newest().locator("a.code").click();
    await page.locator(".source").waitFor();
    await page.goBack();
    await kept();
    assert.equal((await ask()).status, 200);
  }
});

await step("what another tab signs in is noticed", async () => {
  const other = await browser.newPage();
  await other.goto(url);
  await other.fill("#name", "Bob");
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  await says("#why", /Another tab signed in as Bob/);
  await says("#parts", /name: "Bob"/);
  await other.close();
  assert.equal((await ask()).status, 200);
});

await step("nobody signs in without a name", async () => {
  const before = await journeys();
  await page.fill("#name", "  ");
  for (const button of ["Sign in", "Let it expire"]) {
    await press(button);
    assert.ok(await page.locator("#name:invalid").isVisible());
  }
  await page.fill("#name", "Grace");
  await signIn("jwt", "cookie");
  assert.equal(await journeys(), before + 1);
});

await step("what is chosen can be told in forced colours", async () => {
  await page.emulateMedia({ forcedColors: "active" });
  const pressed = page.getByRole("button", { name: "Tamper with it on the way" });
  const colour = (locator) => locator.evaluate((element) => getComputedStyle(element).backgroundColor);
  await page.waitForTimeout(500); // colours change gently
  const [chosen, other] = [await colour(page.locator('input[name="sticky"]:checked + span')), await colour(page.locator('input[name="sticky"]:not(:checked) + span'))];
  assert.notEqual(chosen, other);
  const before = await colour(pressed);
  await pressed.click();
  await page.waitForTimeout(500);
  assert.notEqual(await colour(pressed), before);
  await pressed.click();
  await page.emulateMedia({ forcedColors: null });
});

await step("nothing leaves its card when text is twice as large", async () => {
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  const outside = await page.evaluate(() => [...document.querySelectorAll("section :is(input, button, fieldset, .segments span, p, dd, dt)")]
    .filter((element) => element.getClientRects().length > 0)
    .filter((element) => element.getBoundingClientRect().right > element.closest("section").getBoundingClientRect().right + 0.5)
    .map((element) => element.outerHTML.slice(0, 80)));
  assert.deepEqual(outside, []);
  await page.evaluate(() => document.documentElement.style.removeProperty("font-size"));
});

await step("every step leads to its lines of code", async () => {
  const links = await page.locator("a.code").evaluateAll((links) => links.map((link) => link.href));
  assert.ok(links.length > 10);
  const code = await browser.newPage();
  for (const link of new Set(links)) {
    await code.goto(link);
    assert.ok(await code.locator(":target").isVisible(), link);
  }
  await code.close();
});

await step("the keyboard alone does it, and what is focused is to be seen", async () => {
  await page.locator("#name").focus();
  for (let n = 0; n < 6 && (await page.evaluate(() => document.activeElement.textContent)) !== "Sign in"; n += 1) {
    await page.keyboard.press("Tab");
  }
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none");
  const before = await journeys();
  await page.keyboard.press("Enter");
  await page.waitForFunction((before) => (document.querySelector("#journeys > li")?.value ?? 0) > before, before);
});

await step("somebody steals the cookie: with binding, the thief is out and the owner goes on", async () => {
  const last = () => page.locator("#thieves tbody tr b").allInnerTexts();
  await press("Steal the cookie");
  await says("#stolen", /the thief refreshed, and was in/);
  assert.deepEqual((await last()).slice(-2), ["401", "401"]);
  await choose("bound", "true");
  await press("Steal the cookie");
  await says("#stolen", /cannot refresh without the key. The owner goes on/);
  assert.deepEqual((await last()).slice(-2), ["200", "401"]);
  assert.match(await page.locator(".theft .legend").innerText(), /Both browsers are simulated/);
});

await step("it fits a phone, light and dark", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await ask();
  await page.waitForTimeout(1500);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
  await photograph("story-phone.png", ".charts");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForTimeout(500); // colours change gently
  await photograph("story-phone-dark.png", ".charts");
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.waitForTimeout(1500);
  await photograph("story-dark.png");
});

assert.deepEqual(complaints, []);
await browser.close();
rmSync(profile, { recursive: true, force: true });
console.log(`all ${steps} steps`);
