// Firefox as Debian has it, driven by WebDriver BiDi: a page of a new profile, of which only what the walks need can be asked.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

/** No first-run pages and no downloads. Whatever name is asked for is this machine. */
const PREFERENCES = {
    'app.update.disabledForTesting': true,
    'browser.aboutwelcome.enabled': false,
    'browser.shell.checkDefaultBrowser': false,
    'browser.startup.page': 0,
    'datareporting.policy.dataSubmissionEnabled': false,
    'extensions.update.enabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'network.dns.forceResolve': '127.0.0.1',
    'services.settings.server': 'data:,#remote-settings-dummy/v1',
    'toolkit.telemetry.enabled': false,
};

/** Starts the browser. The certificates of servers are not checked. */
export async function open(executable) {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'firefox-'));
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    fs.writeFileSync(path.join(profile, 'user.js'), lines.join(''));
    const process = spawn(executable, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'], {
        env: { ...globalThis.process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' },
        stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise((resolve) => process.once('exit', resolve));
    const address = await new Promise((resolve, reject) => {
        const log = [];
        readline.createInterface({ input: process.stderr }).on('line', (line) => {
            const found = line.match(/WebDriver BiDi listening on (ws:\S+)/);
            if (found) resolve(`${found[1]}/session`);
            else log.push(line);
        });
        process.once('error', reject);
        ended.then(() => reject(new Error(`Firefox has ended: ${log.join('\n')}`)));
    });
    const connection = await connect(address);
    const { capabilities } = await connection.send('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
    const page = await newPage(connection);
    const close = async () => {
        process.kill();
        await ended;
        fs.rmSync(profile, { recursive: true, force: true });
    };
    return { version: `Firefox ${capabilities.browserVersion}`, ...page, close };
}

/** Commands with their answers, and whoever waits for an event. */
async function connect(address) {
    const socket = new WebSocket(address);
    const answers = new Map();
    const waiting = [];
    await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
    socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === 'event') {
            const found = waiting.findIndex(({ method, context }) => method === message.method && context === message.params.context);
            if (found >= 0) waiting.splice(found, 1)[0].resolve();
            return;
        }
        const { resolve, reject } = answers.get(message.id);
        answers.delete(message.id);
        if (message.type === 'error') reject(new Error(`${message.error}: ${message.message}`));
        else resolve(message.result);
    };
    let count = 0;
    const send = (method, params) => new Promise((resolve, reject) => {
        count += 1;
        answers.set(count, { resolve, reject });
        socket.send(JSON.stringify({ id: count, method, params }));
    });
    const event = (method, context) => new Promise((resolve) => waiting.push({ method, context, resolve }));
    return { send, event };
}

async function newPage({ send, event }) {
    const { context } = await send('browsingContext.create', { type: 'tab' });
    await send('session.subscribe', { events: ['browsingContext.load'] });
    /** What that function returns, in the page, for arguments that are JSON. */
    const evaluate = async (act, ...values) => {
        const { result, exceptionDetails } = await send('script.evaluate', {
            expression: `(async () => JSON.stringify(await (${act})(...${JSON.stringify(values)})) ?? 'null')()`,
            target: { context },
            awaitPromise: true,
        });
        if (exceptionDetails) throw new Error(exceptionDetails.text);
        return JSON.parse(result.value);
    };
    const element = async (selector) => {
        const { nodes } = await send('browsingContext.locateNodes', { context, locator: { type: 'css', value: selector } });
        if (nodes.length === 0) throw new Error(`nothing is ${selector} at ${await evaluate(() => location.href)}`);
        return { type: 'element', element: { sharedId: nodes[0].sharedId } };
    };
    const click = async (selector) => {
        const actions = [
            { type: 'pointerMove', origin: await element(selector), x: 0, y: 0 },
            { type: 'pointerDown', button: 0 },
            { type: 'pointerUp', button: 0 },
        ];
        await send('input.performActions', { context, actions: [{ type: 'pointer', id: 'mouse', actions }] });
    };
    return {
        evaluate,
        click,
        goto: (url) => send('browsingContext.navigate', { context, url, wait: 'complete' }),
        /** Clicks what leads to another page, and waits for that. */
        async follow(selector) {
            const loaded = event('browsingContext.load', context);
            await click(selector);
            await loaded;
        },
        async fill(selector, text) {
            await click(selector);
            const actions = [...text].flatMap((value) => ['keyDown', 'keyUp'].map((type) => ({ type, value })));
            await send('input.performActions', { context, actions: [{ type: 'key', id: 'keyboard', actions }] });
        },
        /** The cookies that the browser has for that host, also those that no script reads. */
        async cookies(host) {
            const { cookies } = await send('storage.getCookies', { filter: { domain: host } });
            return cookies.map(({ name, value, path, httpOnly, secure, sameSite }) =>
                ({ name, value: value.value, path, httpOnly, secure, sameSite }));
        },
    };
}
