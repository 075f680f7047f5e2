// Runs the tests under the Node.js that package-lock.json pins, since the provider needs a newer one than many machines
// have. Where no such package exists for the platform, the machine's own has to be new enough. This file alone is run
// by the machine's own, so it keeps to old syntax. (node_modules/.bin/node is no way there: npm before 10 removes it
// together with the package of the other architecture.)

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NEEDED = 22;
/** A test that hangs is ended after this: the whole run takes seconds, but for the start of Keycloak. */
const LIMIT = 420000;

const directory = fileURLToPath(new URL('.', import.meta.url));
const pinned = `${directory}node_modules/node-${process.platform}-${process.arch}/bin/node`;
const node = existsSync(pinned) ? pinned : process.execPath;

if (node === process.execPath && Number.parseInt(process.versions.node, 10) < NEEDED) {
  console.error(`Node.js ${NEEDED} or newer is needed here, and this is ${process.version}.`);
  process.exit(1);
}

const { status, error } = spawnSync(node, ['--test', `--test-timeout=${LIMIT}`, ...process.argv.slice(2)], { cwd: directory, stdio: 'inherit' });
if (error) throw error;
process.exit(status === null ? 1 : status);
