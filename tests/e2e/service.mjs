// The binary under test, as an operator runs it: environment in, log lines out, HTTP in between.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePort, listening } from './process.mjs';
import { API } from './provider.mjs';

const BINARY = process.env.PORTCULLIS_BIN
  ?? fileURLToPath(new URL('../../target/debug/portcullis', import.meta.url));

/** The time limit of a start, in milliseconds. The goal is a tenth of a second. */
const START_LIMIT = 30_000;
/** The number of readiness requests after that, a tenth of a second apart: ample while the keys are reachable. */
const READY_ATTEMPTS = 150;

/** Returns once the service is ready (200). Until the keys are fetched it answers 503. */
async function ready(url) {
  for (let attempt = 0; attempt < READY_ATTEMPTS; attempt += 1) {
    const response = await fetch(`${url}/health/ready`);
    if (response.status === 200) return;
    assert.equal(response.status, 503, 'a service that is not ready answers 503');
    await pause(100);
  }
  throw new Error('the service did not become ready');
}

async function end(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** A new folder without a `.env`, removed when this process ends. */
function freshDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-e2e-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Starts the binary in this folder and with exactly this environment, and waits until it prints `sign` and is ready. It is
 * killed if this process ends first.
 */
async function launch(args, { directory, env, log, sign, url }) {
  const child = spawn(BINARY, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  try {
    await listening(child, log, { name: 'the service', sign, limit: START_LIMIT });
    await ready(url());
  } catch (cause) {
    await end(child);
    throw new Error(`${BINARY} did not start: ${cause.message}\n${log.join('\n')}`, { cause });
  }
  for (const handle of [child, child.stdout, child.stderr]) handle.unref();
  return child;
}

/**
 * Starts Portcullis for `issuer`, or for the issuers in the text of an issuers file, on a free port and with a new
 * database, and waits until it is ready. The subject `admin` is the first administrator. `env` adds settings; `only`
 * replaces all of them. `log` receives every line that it writes.
 */
export async function startService({ issuer, issuersFile, adminIssuer = issuer, admin, logLevel = 'info', bind, env: more = {}, only }) {
  const directory = freshDirectory();
  const env = only ?? {
    BOOTSTRAP_ADMIN: `${adminIssuer} ${admin}`,
    DATABASE_MIGRATE: 'true',
    DATABASE_URL: `sqlite://${join(directory, 'portcullis.db')}`,
    LOG_FORMAT: 'json',
    LOG_LEVEL: logLevel,
    ...issuersFile ? { OIDC_ISSUERS_FILE: join(directory, 'issuers.toml') } : { OIDC_AUDIENCE: API, OIDC_ISSUER: issuer },
    SERVER_BIND: bind ?? `127.0.0.1:${await freePort()}`,
    ...more,
  };
  if (issuersFile) writeFileSync(env.OIDC_ISSUERS_FILE, issuersFile);
  const log = [];
  const url = `http://${env.SERVER_BIND}`;
  const start = () => launch(['serve'], { directory, env, log, sign: /listening/i, url: () => url });
  let child = await start();
  return {
    url,
    log,
    /** Stops it and starts it again with the same database. */
    async restart() {
      await end(child);
      child = await start();
    },
    stop: () => end(child),
  };
}

/** Runs the binary with these arguments to a successful end. Returns its standard output. */
export function run(args, env) {
  const { status, stdout, stderr, error } = spawnSync(BINARY, args, { cwd: freshDirectory(), env, encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.equal(status, 0, `portcullis ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** The line that `portcullis dev` prints when it listens. */
const WELCOME = /^Portcullis listens on (\S+),/;

/** Starts `portcullis dev`, which needs no setting, on free ports and with a new database. */
export async function startDevelopment() {
  const log = [];
  const url = () => log.map((line) => WELCOME.exec(line)?.[1]).find((found) => found);
  const args = ['dev', '--port', '0', '--issuer-port', '0'];
  const child = await launch(args, { directory: freshDirectory(), env: {}, log, sign: WELCOME, url });
  return { url: url(), log, stop: () => end(child) };
}
