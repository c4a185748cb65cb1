// A login whose tokens are bound to a key of this browser (DPoP, RFC 9449). WebCrypto makes the key and signs with it, and
// gives it to no script, this one included: a copy of a token is of no use anywhere else. Served as it is, at /dpop.js.

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
/** Not extractable. Its public half always is. */
const newKey = () => crypto.subtle.generateKey(CURVE, false, ['sign']);

const bytes = (text) => new TextEncoder().encode(text);
const base64url = (buffer) => {
    const text = btoa(String.fromCharCode(...new Uint8Array(buffer)));
    return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
};
const segment = (object) => base64url(bytes(JSON.stringify(object)));
const sha256 = async (text) => base64url(await crypto.subtle.digest('SHA-256', bytes(text)));

/** The members that identify a key, in the order of RFC 7638. */
async function publicJwk(key) {
    const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', key.publicKey);
    return { crv, kty, x, y };
}

/** What the service wants to see in the next proof, if it wants anything. */
let nonce;

/** A proof for one request (RFC 9449 §4.2): with an access token, or for a login or a refresh without one. */
async function proof(key, method, path, token) {
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: await publicJwk(key) };
    const iat = Math.floor(Date.now() / 1000);
    const claims = { jti: crypto.randomUUID(), htm: method, htu: location.origin + path, iat, nonce };
    if (token) claims.ath = await sha256(token);
    const message = `${segment(header)}.${segment(claims)}`;
    return `${message}.${base64url(await crypto.subtle.sign(SIGNATURE, key.privateKey, bytes(message)))}`;
}

/** Sends a request with a proof, and once more where the service answers with a nonce (RFC 9449 §8). */
async function send(key, method, path, { token, body } = {}) {
    for (let attempt = 0; ; attempt += 1) {
        const headers = { dpop: await proof(key, method, path, token) };
        if (token) headers.authorization = `DPoP ${token}`;
        if (body) headers['content-type'] = 'application/json';
        // Without cookies: this login has none, and another one of this browser is of no interest here.
        const init = { method, headers, body: body && JSON.stringify(body), credentials: 'omit' };
        const response = await fetch(path, init);
        const next = response.headers.get('dpop-nonce');
        const again = next && !response.ok && attempt === 0;
        nonce = next ?? nonce;
        if (!again) return response;
    }
}

/** Does something with what this page keeps in IndexedDB, which holds keys that cannot be read. */
async function kept(mode, use) {
    const done = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const open = indexedDB.open('dpop', 1);
    open.onupgradeneeded = () => open.result.createObjectStore('kept');
    const database = await done(open);
    try {
        return await done(use(database.transaction('kept', mode).objectStore('kept')));
    } finally {
        database.close();
    }
}

const get = (name) => kept('readonly', (store) => store.get(name));
const put = (name, value) => kept('readwrite', (store) => store.put(value, name));

/** One line of what has happened: the status, and what the service says. */
async function show(what, response) {
    const challenges = response.headers.get('www-authenticate') ?? '';
    const text = await response.text();
    const said = text.startsWith('{') ? JSON.parse(text) : {};
    const reason = /error="([^"]*)"/.exec(challenges)?.[1] ?? said.error ?? said.name ?? '';
    const line = document.createElement('li');
    line.textContent = `${what}: ${response.status} ${reason}`;
    document.getElementById('results').append(line);
    return said;
}

async function tokensFrom(what, response) {
    const said = await show(`${what} (${response.ok ? 'tokens' : 'no tokens'})`, response);
    if (!response.ok) return;
    token = said.access_token;
    await put('refresh', said.refresh_token);
}

/** In the memory of this page alone. The refresh token is kept beside the key, without which it is of no use. */
let token;
let key = await get('key');
if (!key) {
    key = await newKey();
    await put('key', key);
}
document.getElementById('key').textContent = await sha256(JSON.stringify(await publicJwk(key)));

const actions = {
    async login() {
        const body = Object.fromEntries(new FormData(document.forms.login));
        await tokensFrom('Sign in', await send(key, 'POST', '/api/login', { body }));
    },
    async refresh() {
        const body = { refresh_token: await get('refresh') ?? '' };
        await tokensFrom('Refresh', await send(key, 'POST', '/auth/refresh', { body }));
    },
    async call() {
        await show('Call', await send(key, 'GET', '/api/me', { token: token ?? '' }));
    },
    // What somebody can do who has the token, and not the key.
    async copy() {
        const headers = { authorization: `Bearer ${token}` };
        await show('A copy without the key', await fetch('/api/me', { headers, credentials: 'omit' }));
        await show('A copy with another key', await send(await newKey(), 'GET', '/api/me', { token: token ?? '' }));
    },
};
for (const [name, action] of Object.entries(actions)) {
    document.forms[name].addEventListener('submit', (event) => {
        event.preventDefault();
        action();
    });
}
document.body.dataset.ready = '';
