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

/** How long the start may take until the service says that it listens. Its goal is a tenth of a second. */
const START_LIMIT = 30_000;
/** How often readiness is asked for after that, a tenth of a second apart: ample with keys in reach. */
const READY_ATTEMPTS = 150;

/** Ready is 200; until the keys are fetched it is 503. */
async function ready(url) {
  for (let attempt = 0; attempt < READY_ATTEMPTS; attempt += 1) {
    const response = await fetch(`${url}/health/ready`);
    if (response.status === 200) return;
    assert.equal(response.status, 503, 'a service that is not ready says 503');
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

/** A folder that goes with this process. No `.env` is there. */
function freshDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-e2e-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/**
 * Starts the binary, in a folder and with an environment that hold what the caller puts there and nothing of our own,
 * and waits until it says `sign` and is ready. This process may end before it, and then takes it along.
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
 * Starts Portcullis for `issuer`, or for the issuers that a file of this text names, on a port and a database of its own,
 * the subject `admin` being the first administrator, and waits until it is ready. `env` is what else it is told; `only`,
 * all that it is told.
 * `log` grows with every line that it writes.
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
    /** Ends it and starts it again with the same database. */
    async restart() {
      await end(child);
      child = await start();
    },
    stop: () => end(child),
  };
}

/** Runs the binary with these arguments to its end, which has to be a good one. Returns what it printed. */
export function run(args, env) {
  const { status, stdout, stderr, error } = spawnSync(BINARY, args, { cwd: freshDirectory(), env, encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.equal(status, 0, `portcullis ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** What `portcullis dev` says when it is there. */
const WELCOME = /^Portcullis listens on (\S+),/;

/** Starts `portcullis dev`, which needs no setting: on free ports, with a database of its own. */
export async function startDevelopment() {
  const log = [];
  const url = () => log.map((line) => WELCOME.exec(line)?.[1]).find((found) => found);
  const args = ['dev', '--port', '0', '--issuer-port', '0'];
  const child = await launch(args, { directory: freshDirectory(), env: {}, log, sign: WELCOME, url });
  return { url: url(), log, stop: () => end(child) };
}
