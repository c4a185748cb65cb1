// WebKitGTK as Debian has it, driven by WebDriver: a page of a new profile, of which only what the walks need can be asked.
import { spawn } from 'node:child_process';
import net from 'node:net';
import os from 'node:os';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

/** Under this name, WebDriver has elements in JSON. */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

/** Starts the browser, on a screen that nobody sees. The certificates of servers are not checked. */
export async function open(executable) {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'webkit-'));
    const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'], {
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const display = await new Promise((resolve, reject) => {
        readline.createInterface({ input: screen.stdio[3] }).once('line', (number) => resolve(`:${number}`));
        screen.once('error', reject);
        screen.once('exit', () => reject(new Error('Xvfb has ended')));
    });
    const port = await freePort();
    const driver = spawn(executable, [`--port=${port}`, '--host=127.0.0.1'], {
        env: {
            PATH: process.env.PATH, HOME: home, XDG_RUNTIME_DIR: home, DISPLAY: display, GDK_BACKEND: 'x11',
            // Neither settings, nor a graphics card, nor a bus is needed.
            GSETTINGS_BACKEND: 'memory', WEBKIT_DISABLE_COMPOSITING_MODE: '1', NO_AT_BRIDGE: '1',
        },
        stdio: 'ignore',
    });
    const ended = Promise.all([driver, screen].map((process) => new Promise((resolve) => process.once('exit', resolve))));
    const base = `http://127.0.0.1:${port}/session`;
    const session = await call('POST', base, { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } }, 100);
    const { sessionId, capabilities } = session;
    const close = async () => {
        await call('DELETE', `${base}/${sessionId}`);
        driver.kill();
        screen.kill();
        await ended;
        fs.rmSync(home, { recursive: true, force: true });
    };
    return { version: `WebKitGTK ${capabilities.browserVersion}`, ...page(`${base}/${sessionId}`), close };
}

async function freePort() {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

/** One command. `attempts` for a driver that does not listen yet. */
async function call(method, url, body, attempts = 1) {
    const init = { method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body) };
    for (let attempt = 1; ; attempt += 1) {
        try {
            const { value } = await (await fetch(url, init)).json();
            if (value?.error) throw new Error(`${value.error}: ${value.message}`);
            return value;
        } catch (error) {
            if (attempt >= attempts || error.cause?.code !== 'ECONNREFUSED') throw error;
            await new Promise((resolve) => setTimeout(resolve, 100));
        }
    }
}

function page(session) {
    const post = (command, body = {}) => call('POST', `${session}/${command}`, body);
    const element = async (selector) => {
        const found = await post('element', { using: 'css selector', value: selector });
        return `element/${found[ELEMENT]}`;
    };
    const click = async (selector) => post(`${await element(selector)}/click`);
    /** What that function returns, in the page, for arguments that are JSON. */
    const evaluate = async (act, ...values) => {
        const script = `const done = arguments[0];
            (async () => (${act})(...${JSON.stringify(values)}))().then((value) => done({ value }), (error) => done({ error: String(error) }))`;
        const { value, error } = await post('execute/async', { script, args: [] });
        if (error) throw new Error(error);
        return value;
    };
    return {
        evaluate,
        click,
        goto: (url) => post('url', { url }),
        /** Clicks what leads to another page, and waits for that. */
        async follow(selector) {
            await evaluate(() => { window.before = true; });
            await click(selector);
            for (let attempt = 0; ; attempt += 1) {
                if (await evaluate(() => !window.before && document.readyState === 'complete')) return;
                if (attempt === 3000) throw new Error(`${selector} leads nowhere`);
                await new Promise((resolve) => setTimeout(resolve, 20));
            }
        },
        fill: async (selector, text) => post(`${await element(selector)}/value`, { text }),
        /** The cookies that the browser sends to this page, also those that no script reads. */
        async cookies() {
            const cookies = await call('GET', `${session}/cookie`);
            return cookies.map(({ name, value, path, httpOnly, secure, sameSite }) =>
                ({ name, value, path, httpOnly, secure, sameSite: sameSite.toLowerCase() }));
        },
    };
}
