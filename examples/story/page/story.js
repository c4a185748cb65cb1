// The script of the page: plain, and with no other source than the cluster itself.
"use strict";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const still = matchMedia("(prefers-reduced-motion: reduce)");

// Elements are made and filled, never parsed: nothing that came over the network becomes markup.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
function draw(parent, name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}
function tell(element, text) {
  if (element.textContent !== text) element.textContent = text; // read aloud only when it changes
}

// ---- The picture -------------------------------------------------------------------------------------------------

const picture = $("picture");
const nodes = {};
const wires = {};
let layout;

// Where everything is, in a wide picture and in a narrow one.
const WIDE = {
  size: [760, 300],
  clients: [6, 118, 118, 64], balancer: [176, 118, 128, 64], login: [176, 4, 128, 60],
  orders: [[380, 8, 176, 84], [380, 108, 176, 84], [380, 208, 176, 84]],
  cache: [626, 54, 128, 64], invoices: [626, 182, 128, 64],
};
const NARROW = {
  size: [360, 430],
  clients: [6, 6, 150, 56], login: [204, 6, 150, 56], balancer: [105, 96, 150, 56],
  orders: [[4, 198, 112, 100], [124, 198, 112, 100], [244, 198, 112, 100]],
  cache: [24, 362, 140, 60], invoices: [196, 362, 140, 60],
};

function node(name, [x, y, width, height], lines) {
  const group = draw(picture, "g", { transform: `translate(${x} ${y})` });
  draw(group, "rect", { class: "box", width, height, rx: 9 });
  const step = 19;
  const top = height / 2 - ((lines.length - 1) * step) / 2 + 4.5;
  const texts = lines.map((kind, row) =>
    draw(group, "text", { class: kind, x: width / 2, y: top + row * step, "text-anchor": "middle" }));
  nodes[name] = { group, texts, width, centre: [x + width / 2, y + height / 2], box: [x, y, width, height] };
}

function wire(name, from, to, kind = "") {
  const [[ax, ay, aw, ah], [bx, by, bw, bh]] = [nodes[from].box, nodes[to].box];
  const across = (layout === WIDE && Math.abs(ax - bx) > 20) || ay === by;
  const [x1, y1, x2, y2] = across
    ? [ax + aw, ay + ah / 2, bx, by + bh / 2]
    : [ax + aw / 2, by > ay ? ay + ah : ay, bx + bw / 2, by > ay ? by : by + bh];
  const bend = across ? `C ${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2}` : `C ${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2}`;
  const path = draw(picture, "path", { class: `wire ${kind}`, d: `M ${x1} ${y1} ${bend} ${x2} ${y2}` });
  picture.prepend(path);
  wires[name] = path;
}

function paint() {
  layout = picture.parentElement.clientWidth < 560 ? NARROW : WIDE;
  const title = document.createElementNS(SVG, "title");
  title.id = "picture-text";
  picture.replaceChildren(title);
  picture.setAttribute("viewBox", `0 0 ${layout.size.join(" ")}`);
  node("clients", layout.clients, ["name", "small"]);
  node("balancer", layout.balancer, ["name", "small"]);
  node("login", layout.login, ["name", "small"]);
  for (const n of [0, 1, 2]) node(`orders-${n + 1}`, layout.orders[n], ["name", "jwt", "session"]);
  node("cache", layout.cache, ["name", "small"]);
  node("invoices", layout.invoices, ["name", "small"]);
  wire("front", "clients", "balancer");
  wire("login", "clients", "login");
  for (const n of [1, 2, 3]) {
    wire(`to-${n}`, "balancer", `orders-${n}`);
    wire(`cache-${n}`, `orders-${n}`, "cache", "asked");
    wire(`invoices-${n}`, `orders-${n}`, "invoices");
  }
  say("clients", "Clients", "and you");
  say("invoices", "invoices", "asked by orders");
}

function say(name, ...lines) {
  nodes[name].texts.forEach((text, row) => {
    text.textContent = lines[row] ?? "";
    // Long names shrink before they leave their box.
    const room = nodes[name].width - 10;
    text.removeAttribute("textLength");
    if (text.getComputedTextLength && text.getComputedTextLength() > room) {
      text.setAttribute("textLength", room);
      text.setAttribute("lengthAdjust", "spacingAndGlyphs");
    }
  });
}

const mark = (element, name, on) => element.classList.toggle(name, Boolean(on));

function show(state, second) {
  const narrow = layout === NARROW;
  say("balancer", state.balancer === "built-in" ? "balancer" : state.balancer, state.instances === 1 ? "one instance" : state.sticky ? "sticky" : "round-robin");
  say("login", "login", `signs with ${state.kid}`);
  say("cache", state.redis ? "Redis" : "shared cache", state.cache ? (state.shared ? "all sessions" : "revoked tokens") : "dead");
  mark(nodes.cache.group, "dead", !state.cache);
  const spoken = [];
  for (const n of [0, 1, 2]) {
    const used = n < state.instances;
    const { group, texts } = nodes[`orders-${n + 1}`];
    const [jwt, session] = [second.jwt, second.session].map((counts) => {
      const [served, asked] = [counts.served[n], counts.served[n] + counts.refused[n]];
      return { served, asked, good: served === asked };
    });
    const count = (kind, { served, asked, good }) => asked === 0 ? (narrow ? "–" : `${kind} –`) : `${narrow ? kind.slice(0, 4) : kind} ${served}/${asked} ${good ? "✓" : "✕"}`;
    say(`orders-${n + 1}`, `orders-${n + 1}`, state.alive[n] ? count("JWT", jwt) : "dead", state.alive[n] ? count("session", session) : "");
    mark(group, "dead", !state.alive[n]);
    mark(group, "idle", !used);
    mark(texts[2], "bad", session.asked > 0 && !session.good);
    mark(texts[1], "bad", !state.alive[n] || (jwt.asked > 0 && !jwt.good));
    mark(wires[`to-${n + 1}`], "idle", !used || !state.alive[n]);
    mark(wires[`cache-${n + 1}`], "idle", !state.cache || !state.alive[n] || !used);
    mark(wires[`invoices-${n + 1}`], "idle", !state.alive[n] || !used);
    if (used) spoken.push(`orders-${n + 1}: ${state.alive[n] ? `JWT ${jwt.served} of ${jwt.asked}, sessions ${session.served} of ${session.asked} served` : "dead"}`);
  }
  $("picture-text").textContent = `A balancer in front of orders instances, a cache behind them. ${spoken.join(". ")}.`;
}

// A dot runs along the way that a request of yours took.
async function travel(names) {
  for (const name of names.filter((name) => wires[name])) {
    const path = wires[name];
    const length = path.getTotalLength();
    const dot = draw(picture, "circle", { class: "traveller", r: 6 });
    await new Promise((done) => {
      const start = performance.now();
      const frame = (now) => {
        const way = Math.min((now - start) / 260, 1);
        const point = path.getPointAtLength(length * way);
        dot.setAttribute("cx", point.x);
        dot.setAttribute("cy", point.y);
        if (way < 1 && dot.isConnected) requestAnimationFrame(frame);
        else done();
      };
      requestAnimationFrame(frame);
    });
    dot.remove();
  }
}

// ---- What happens all the time -----------------------------------------------------------------------------------

const TICKS = 60; // half a minute
const history = [];
let state;

function sum(ticks, kind) {
  const total = { served: [0, 0, 0], refused: [0, 0, 0], lost: 0 };
  for (const tick of ticks) {
    for (const n of [0, 1, 2]) {
      total.served[n] += tick[kind].served[n];
      total.refused[n] += tick[kind].refused[n];
    }
    total.lost += tick[kind].lost;
  }
  return total;
}
const served = (counts) => counts.served.reduce((a, b) => a + b);
const failed = (counts) => counts.refused.reduce((a, b) => a + b) + counts.lost;

function chart(kind) {
  const svg = $(`${kind}-chart`);
  svg.replaceChildren();
  const [width, height, floor] = [480, 108, 112];
  const all = history.flatMap((tick) => [tick.jwt, tick.session].map((counts) => served(counts) + failed(counts)));
  const most = Math.max(...all, 8) * 1.05;
  const step = width / TICKS;
  let free = 0; // from where on there is room for a label
  history.forEach((tick, index) => {
    const x = (TICKS - history.length + index) * step;
    const good = (served(tick[kind]) / most) * height;
    const bad = (failed(tick[kind]) / most) * height;
    draw(svg, "rect", { class: "ok", x, y: floor - good, width: step - 1.5, height: good });
    if (bad > 0) draw(svg, "rect", { class: "bad", x, y: floor - good - bad, width: step - 1.5, height: bad });
    if (tick.mark) {
      draw(svg, "line", { class: "mark", x1: x, x2: x, y1: 0, y2: floor });
      const label = 9 * tick.mark.length;
      const at = Math.min(x, width - label);
      if (at >= free) {
        draw(svg, "text", { x: at, y: 129 }, tick.mark);
        free = at + label + 8;
      }
    }
  });
  draw(svg, "line", { class: "axis", x1: 0, x2: width, y1: floor, y2: floor });
  const now = sum(history.slice(-2), kind);
  tell($(`${kind}-text`), `${served(now)} served, ${failed(now)} not, in the last second`);
}

// What changed since the last tick, in two words for the chart.
function change(before, after) {
  if (!before) return "";
  if (before.cache !== after.cache) return after.cache ? "cache back" : "cache dead";
  for (const n of [0, 1, 2]) {
    if (before.alive[n] !== after.alive[n]) return `orders-${n + 1} ${after.alive[n] ? "back" : "dead"}`;
  }
  if (before.ml_dsa !== after.ml_dsa) return after.ml_dsa ? "ML-DSA-65" : "ES256";
  if (before.kid !== after.kid) return after.kid;
  if (before.instances !== after.instances) return after.instances === 1 ? "one" : "three";
  if (before.sticky !== after.sticky) return after.sticky ? "sticky" : "round-robin";
  if (before.shared !== after.shared) return after.shared ? "shared" : "not shared";
  return "";
}

function heard(tick) {
  tick.mark = change(state, tick.state);
  history.push(tick);
  if (history.length > TICKS) history.shift();
  state = tick.state;
  tell($("sentence"), tick.sentence);
  const second = history.slice(-2);
  show(state, { jwt: sum(second, "jwt"), session: sum(second, "session") });
  chart("jwt");
  chart("session");
  if (turning === 0 && tick.number >= turned) switches();
}

function switches() {
  const set = (name, value) => {
    const input = document.querySelector(`input[name="${name}"][value="${value}"]`);
    if (input && !input.checked) input.checked = true;
  };
  set("instances", state.instances);
  set("sticky", state.sticky);
  set("shared", state.shared);
  set("ml_dsa", state.ml_dsa);
  const press = (button, dead, what) => {
    button.setAttribute("aria-pressed", String(dead));
    tell(button, dead ? `Bring ${what} back` : `Kill ${what}`);
  };
  press($("cache"), !state.cache, "the cache");
  document.querySelectorAll("button.instance").forEach((button) => {
    const n = Number(button.dataset.instance);
    press(button, !state.alive[n], `orders-${n + 1}`);
  });
}

// A tick from before a switch was turned does not turn it back.
let turning = 0;
let turned = 0;
async function flip(what) {
  turning += 1;
  try {
    const response = await fetch("/switch", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what) });
    if (response.ok) turned = await response.json();
    else tell($("why"), await response.text());
    return response.ok;
  } finally {
    turning -= 1;
  }
}
document.querySelectorAll(".cluster .switches input").forEach((input) => input.addEventListener("change", () => flip({ [input.name]: JSON.parse(input.value) })));
$("cache").addEventListener("click", () => flip({ cache: !state.cache }));
$("rotate").addEventListener("click", () => flip("rotate"));
document.querySelectorAll("button.instance").forEach((button) => button.addEventListener("click", () => {
  const n = Number(button.dataset.instance);
  flip({ alive: [n, !state.alive[n]] });
}));

// ---- You and your token ------------------------------------------------------------------------------------------

const KEPT = "token"; // where a token in local storage is kept
const WHO = "you"; // where the rest of the sign-in is kept, for all tabs: they share cookies and local storage
const DONE = "journeys"; // where the requests of this tab are kept
let you = null; // { kind, place, name, token, born, ends }
let tampering = false;
let journeys = [];

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const read = (part) => JSON.parse(new TextDecoder().decode(bytes(part)));

async function send(path, options = {}) {
  const headers = new Headers(options.headers);
  if (you?.place === "storage" && !options.anonymous) headers.set("authorization", `Bearer ${localStorage.getItem(KEPT)}`);
  if (tampering && !options.anonymous) headers.set("x-tamper", "1");
  const response = await fetch(path, { ...options, headers });
  const journey = JSON.parse(response.headers.get("x-journey") ?? '{"hops":[],"set_cookies":[]}');
  const body = await response.text();
  return { status: response.status, journey, body };
}

async function signIn(brief) {
  if (!$("sign-in").reportValidity()) return false;
  const form = new FormData($("sign-in"));
  const [kind, place, name] = [form.get("kind"), form.get("place"), form.get("name").trim()];
  const answer = await send(kind === "jwt" ? "/login" : "/shop/session", {
    anonymous: true,
    method: "POST",
    // A cookie would end with its token, and an expired one would never be sent.
    headers: { "content-type": "application/json", ...(brief ? { "x-outlive": "1" } : {}) },
    body: JSON.stringify({ name, place, brief }),
  });
  record(`sign in as ${name}`, answer, signedInWhy(kind, place, answer));
  if (answer.status >= 300) return false;
  localStorage.removeItem(KEPT);
  let token;
  if (place === "storage") {
    const given = JSON.parse(answer.body);
    token = given.access_token ?? given.session;
    localStorage.setItem(KEPT, token);
  } else {
    // This script cannot read the cookie. The gateway tells, so that the page can show it.
    const cookie = answer.journey.set_cookies.find((cookie) => /^access_token=[^;]/.test(cookie));
    token = cookie.split(";")[0].split("=")[1];
  }
  const now = Date.now();
  you = { kind, place, name, token, born: now, ends: brief ? now + 10_000 : null, brief };
  if (kind === "jwt") you.ends = read(token.split(".")[1]).exp * 1000;
  localStorage.setItem(WHO, JSON.stringify({ ...you, token: undefined }));
  takeApart();
  return true;
}

// After a reload, after Back, and when another tab has signed in: the browser still has the token. A cookie is read back
// to the page by the gateway, since no script can read it.
async function remember() {
  const known = JSON.parse(localStorage.getItem(WHO) ?? "null");
  if (!known) return;
  const sent = known.place === "storage" ? localStorage.getItem(KEPT) : (await (await fetch("/sent")).json())?.split("=")[1];
  if (!sent) return;
  you = { ...known, token: sent };
  takeApart();
}
addEventListener("storage", async (event) => {
  if (event.key !== WHO || !event.newValue) return;
  await remember();
  if (!you) return;
  const what = you.place === "cookie" ? "The cookie" : "Local storage";
  tell($("why"), `Another tab signed in as ${you.name}. ${what} is the same for all tabs, so this one has that token too.`);
});

function signedInWhy(kind, place, { status, journey }) {
  const who = journey.hops[0]?.service;
  if (status === 422) {
    return "The login service signed a token that cannot be a cookie: its signature by ML-DSA-65 is 4412 characters long, and browsers drop a cookie of more than 4096. "
      + "Keep it in local storage, from where it goes into the Authorization header; or have tokens signed by ES256; or take a session, whose cookie is a number.";
  }
  if (!who) return "No session was started: no instance is left to start one. The login service could still sign a JWT.";
  if (status >= 300) {
    const silent = journey.hops[0].look_ups.find((look) => !look.answered);
    if (silent) return `${who} could not start a session: ${silent.store} does not answer.`;
    return `${who} answered with ${status}${journey.hops[0].log ? `: ${journey.hops[0].log}` : ""}.`;
  }
  const put = place === "cookie" ? "into a cookie that no script can read" : "into local storage, by this script";
  return kind === "jwt"
    ? `The login service signed a token and remembered nothing. It went ${put}.`
    : `${who} opened a session, remembers it in ${journey.hops[0]?.look_ups[0]?.store ?? "its memory"}, and gave you its number. It went ${put}.`;
}

function takeApart() {
  $("token").hidden = false;
  tell($("token-title"), you.kind === "jwt" ? "Your token, taken apart" : "Your token");
  const parts = $("parts");
  parts.replaceChildren();
  if (you.kind === "jwt") {
    const [header, payload, signature] = you.token.split(".");
    $("compact").replaceChildren(make("span", { class: "h" }, header), ".", make("span", { class: "p" }, payload), ".", make("span", { class: "s" }, signature));
    tell($("meaning"), "A value token: anybody can read it, only the login service can have signed it.");
    const part = (kind, name, content) => parts.append(make("dt", { class: kind }, name), make("dd", {}, content));
    part("h", "Header: how it is signed, and by which key", make("pre", {}, JSON.stringify(read(header))));
    part("p", "Claims: what it says", make("pre", {}, claims(read(payload))));
    part("s", "Signature: why it can be believed", `${bytes(signature).length} bytes, ${signature.length} of the token's ${you.token.length} characters; checked with the public key`);
  } else {
    $("compact").replaceChildren(make("span", { class: "n" }, you.token));
    tell($("meaning"), "A reference token: it says nothing by itself. Whoever gets it has to look it up.");
  }
  const own = you.place === "storage" ? localStorage.getItem(KEPT) : document.cookie.match(/access_token=([^;]+)/)?.[1];
  tell($("theft"), own
    ? "Any script that gets into this page can read it from local storage and take it away."
    : "No script on this page can read it: the cookie is HttpOnly. The browser sends it along.");
  life();
}

// A claim a line; moments with the time of day beside them.
function claims(all) {
  return Object.entries(all).map(([name, value]) => {
    const moment = name === "iat" || name === "exp" ? ` (${new Date(value * 1000).toLocaleTimeString()})` : "";
    return `${name}: ${JSON.stringify(value)}${moment}`;
  }).join("\n");
}

function life() {
  if (!you) return;
  const left = you.ends === null ? null : Math.max(0, Math.ceil((you.ends - Date.now()) / 1000));
  const whole = you.ends === null ? 1 : (you.ends - you.born) / 1000;
  $("life-left").setAttribute("width", left === null ? 100 : Math.min(100, (left / whole) * 100));
  tell($("life-text"), left === null
    ? "Good for as long as it is used, and the server remembers."
    : left > 0 ? `Good for ${left >= 60 ? `${Math.floor(left / 60)} min ` : ""}${left % 60} s` : "Its time is over.");
}
setInterval(life, 500);

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(false);
});
$("expire").addEventListener("click", async () => {
  if (!(await signIn(true))) return;
  const kept = you.place === "cookie" ? ", in a cookie that stays longer" : "";
  tell($("why"), `You have a token of ten seconds now${kept}. Ask before and after its end.`);
});
$("tamper").addEventListener("click", () => {
  tampering = !tampering;
  $("tamper").setAttribute("aria-pressed", String(tampering));
});
$("revoke").addEventListener("click", async () => {
  const answer = you.kind === "jwt" ? await send("/revoke", { method: "POST" }) : await send("/shop/session/end", { method: "POST" });
  const why = answer.status < 300
    ? you.kind === "jwt"
      ? "Revoked: the login service put its number on the list that every instance reads four times a second."
      : "Ended: the session is torn up where it was kept, so the number is worthless."
    : reason("revoke", answer);
  record("revoke this token", answer, why);
});
// What the identity provider says of you, the login service is told: it ends all tokens and sessions that it knows of.
for (const [id, what, done] of [
  ["log-out-elsewhere", "log_out", "You have logged out at the provider, which told the login service: no token that you have got until now is good any more."],
  ["disable", "disable", "The provider told the login service that your account is disabled: no token that you have got until now is good any more."],
]) {
  $(id).addEventListener("click", async () => {
    if (await flip({ [what]: you.name })) tell($("why"), done);
  });
}
$("ask").addEventListener("click", () => ask(""));
$("ask-invoices").addEventListener("click", () => ask("/invoices"));

async function ask(more) {
  const answer = await send(`/shop/orders${more}`);
  record(more ? "ask for orders and invoices" : "ask for orders", answer, reason(more, answer));
}

// Why a request was served or not, from what the services noted.
function reason(more, { status, journey }) {
  const hops = journey.hops;
  const last = hops.at(-1);
  if (!last) return status === 503 || status === 502 ? "No instance answered: whoever should have is dead." : `Answered with ${status}.`;
  const log = last.log ?? "";
  const asked = last.look_ups[0];
  if (status === 200) {
    const whom = hops.map((hop) => hop.service).join(" and ");
    return you.kind === "jwt"
      ? `${whom} checked the signature and asked nobody.`
      : `${whom} looked the number up in ${asked?.store ?? "memory"}.`;
  }
  const it = last.service;
  if (tampering && you.kind === "session" && status === 401) return `${it} refuses: that number stands for no session.`;
  if (log.includes("signature does not hold")) return `${it} refuses: the claims were changed on the way, and the signature does not fit them any more.`;
  if (log.includes("expired")) return `${it} refuses: the time that stands on the token is over.`;
  if (log.includes("revoked")) return `${it} refuses: the token is on the list of those that were revoked.`;
  if (log.includes("cross-site")) return `${it} refuses: the request may come from another site.`;
  if (log.includes("no such session")) {
    return last.service === "invoices"
      ? `invoices refuses: it looked the number up in ${asked?.store}, and only the instance that began the session knows it.`
      : `${it} refuses: it looked the number up in ${asked?.store}, and there is no such session there (any more).`;
  }
  if (status === 503 && more === "revoke") return `${it} could not tell the others: ${asked?.store ?? "the cache"} does not answer. It refuses the token itself, and tells them when the cache is back.`;
  if (status === 503) return `${it} cannot say: ${asked?.store ?? "the cache"} does not answer.`;
  if (status === 401 && you.place === "cookie" && !journey.sent && you.ends && you.ends <= Date.now()) {
    return `${it} refuses: the cookie ended together with the token, so the browser sends none any more.`;
  }
  if (status === 401) return `${it} refuses: there is no token in the request.`;
  return `${it} answered with ${status}${log ? `: ${log}` : ""}.`;
}

function record(what, { status, journey }, why) {
  const good = status < 300;
  const milliseconds = (micros) => (micros < 10 ? "under 0.01 ms" : `${(micros / 1000).toFixed(micros < 995 ? 2 : 1)} ms`);
  const short = (text) => (text.length > 120 ? `${text.slice(0, 84)}…${text.slice(-24)}` : text);
  const hops = journey.hops.map((hop) => {
    const looked = hop.look_ups.length === 0
      ? "looked nothing up"
      : hop.look_ups.map((look) => `asked ${look.store} (${look.answered ? milliseconds(look.micros) : "no answer"})`).join(", ");
    const line = `${hop.service}, ${hop.framework}: ${hop.status}, knew who is asking after ${milliseconds(hop.micros)}, ${looked}`;
    return hop.log ? `${line}; log: “${hop.log}”` : line;
  });
  const header = journey.sent ?? journey.set_cookies.map((cookie) => `Set-Cookie: ${cookie}`).filter((text) => !text.includes("=;")).join("");
  const entry = { number: (journeys.at(-1)?.number ?? 0) + 1, good, status, what, why, header: short(header), hops, href: code(journey.hops) };
  journeys = [...journeys, entry].slice(-30);
  sessionStorage.setItem(DONE, JSON.stringify(journeys));
  list(entry);
  tell($("why"), why);
  if (!still.matches) travel(way(journey.hops));
}

// Puts a request on top of the list.
function list({ number, good, status, what, why, header, hops, href }) {
  const item = make("li", { value: number },
    make("span", { class: "head" }, make("span", { class: `status ${good ? "ok" : "bad"}` }, `${good ? "✓" : "✕"} ${status}`), make("span", { class: "what" }, `${what}:`), make("span", {}, why)));
  if (header) item.append(make("span", { class: "header" }, header));
  item.append(make("ul", {}, ...hops.map((hop) => make("li", {}, hop))));
  item.querySelector(".head").append(make("a", { class: "code", href, "aria-label": "code of this step" }, "code"));
  $("journeys").prepend(item);
  while ($("journeys").children.length > 30) $("journeys").lastElementChild.remove();
}

// The lines that found out who is asking.
function code(hops) {
  const looked = hops.some((hop) => hop.look_ups.length > 0);
  if (hops.some((hop) => hop.service === "login")) return "/source/login.rs#login";
  return looked ? "/source/access.rs#look-up" : "/source/access.rs#verify";
}

// The wires that a request ran along.
function way(hops) {
  const wires = [];
  for (const hop of hops) {
    const n = hop.service.match(/orders-(\d)/)?.[1];
    if (hop.service === "login") wires.push("login");
    if (n) wires.push("front", `to-${n}`, ...(hop.look_ups.some((look) => look.store !== "its own memory") ? [`cache-${n}`] : []));
    if (hop.service === "invoices") wires.push(`invoices-${hops[0].service.match(/orders-(\d)/)?.[1]}`);
  }
  return wires;
}

// ---- Go ----------------------------------------------------------------------------------------------------------

paint();
addEventListener("resize", () => {
  if ((picture.parentElement.clientWidth < 560 ? NARROW : WIDE) !== layout) {
    paint();
    if (state) show(state, { jwt: sum(history.slice(-2), "jwt"), session: sum(history.slice(-2), "session") });
  }
});
journeys = JSON.parse(sessionStorage.getItem(DONE) ?? "[]");
journeys.forEach(list);
remember();

// While nobody sees the page, nobody listens, and the clients in the cluster rest.
let events;
function listen() {
  events = new EventSource("/events");
  events.onmessage = (event) => heard(JSON.parse(event.data));
  events.onerror = () => tell($("sentence"), "The example is not running any more: start it again with cargo run -p story.");
}
document.addEventListener("visibilitychange", () => {
  events?.close();
  if (document.hidden) history.length = 0;
  else listen();
});
if (!document.hidden) listen();

// ---- Somebody steals the cookie ----------------------------------------------------------------------------------

$("steal").addEventListener("click", async () => {
  const bound = document.querySelector('input[name="bound"]:checked').value;
  const answer = await fetch("/steal", { method: "POST", headers: { "content-type": "application/json" }, body: bound });
  if (!answer.ok) return;
  const lines = await answer.json();
  const rows = lines.map(({ who, what, request, status }) => {
    const said = [make("span", { class: "what" }, what)];
    if (request) said.push(" ", make("code", {}, request), " ", make("b", { class: status < 400 ? "ok" : "bad" }, `${status}`));
    if (who === "both") return make("tr", {}, make("td", { colspan: "2", class: "both" }, ...said));
    const cell = make("td", {}, ...said);
    return make("tr", {}, ...(who === "owner" ? [cell, make("td")] : [make("td"), cell]));
  });
  $("thieves").hidden = false;
  $("thieves").querySelector("tbody").replaceChildren(...rows);
  tell($("stolen"), bound === "true"
    ? "Bound: the thief was in until the access token expired, and cannot refresh without the key. The owner goes on."
    : "Not bound: the thief refreshed, and was in until the owner came with the old refresh token. That ended the login for both.");
});
