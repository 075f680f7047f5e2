// Keycloak itself, as `scripts/test` has fetched it: started on a loopback port with the realm of this folder, in
// development mode, with a database that ends with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort, listening } from '../process.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
/** Where scripts/test unpacks the distribution. */
const { KEYCLOAK_HOME, KEYCLOAK_JAVA_HOME } = process.env;

/** Its first start on a machine of two cores takes about a minute and a half. */
const START_LIMIT = 400_000;

export const REALM = 'team';

/** The realm, where a start looks for it. */
function placeRealm() {
  const folder = join(KEYCLOAK_HOME, 'data', 'import');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(HERE, 'realm.json'), join(folder, 'realm.json'));
}

/**
 * Starts Keycloak under two addresses: `issuer`, which is what its tokens say, and `internal`, which is how a service
 * beside it reaches it.
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
    // Who asks by another address is told to stay there.
    '--hostname-backchannel-dynamic=true',
  ], {
    // A group of its own, which ends whole: kc.sh and its Java.
    detached: true,
    env: { ...process.env, JAVA_HOME: KEYCLOAK_JAVA_HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
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
