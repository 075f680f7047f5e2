// Keycloak itself, as downloaded by `scripts/test`: started on a loopback port with the realm of this folder, in
// development mode, with a database in memory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, listening } from '../process.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** The folder into which scripts/test unpacks the distribution. */
const { KEYCLOAK_HOME, KEYCLOAK_JAVA_HOME } = process.env;

/** Its first start on a machine of two cores takes about a minute and a half. */
const START_LIMIT = 400_000;

export const REALM = 'team';

/** Copies the realm to the folder from which a start imports it. */
function placeRealm() {
  const folder = join(KEYCLOAK_HOME, 'data', 'import');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(HERE, 'realm.json'), join(folder, 'realm.json'));
}

/**
 * Starts Keycloak with two addresses: `issuer`, which its tokens name, and `internal`, at which a service of the same
 * network reaches it.
 */
export async function startKeycloak() {
  const port = await freePort();
  placeRealm();
  const log = [];
  const child = spawn(join(KEYCLOAK_HOME, 'bin', 'kc.sh'), [
    'start-dev',
    '--db=dev-mem',
    '--import-realm',
    '--http-host=127.0.0.1',
    `--http-port=${port}`,
    '--cache=local',
    '--health-enabled=false',
    `--hostname=http://localhost:${port}`,
    // Responses to requests at another address name that address.
    '--hostname-backchannel-dynamic=true',
  ], {
    // A separate process group, which is killed as a whole: kc.sh and its Java.
    detached: true,
    env: { ...process.env, JAVA_HOME: KEYCLOAK_JAVA_HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The process has exited already.
    }
  };
  process.once('exit', kill);
  try {
    await listening(child, log, { name: 'Keycloak', sign: /Listening on:/, limit: START_LIMIT });
  } catch (cause) {
    kill();
    throw new Error(`Keycloak did not start: ${cause.message}\n${log.slice(-30).join('\n')}`, { cause });
  }
  for (const handle of [child, child.stdout, child.stderr]) handle.unref();
  return {
    issuer: `http://localhost:${port}/realms/${REALM}`,
    internal: `http://127.0.0.1:${port}/realms/${REALM}`,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      const ended = once(child, 'exit');
      process.kill(-child.pid, 'SIGTERM');
      await ended;
    },
  };
}
