// Runs the tests under the Node.js that package-lock.json pins, since the provider needs a newer one than many machines
// have. Where no such package exists for the platform, the machine's own has to be new enough. Only this file is run by
// the machine's own, so it keeps to old syntax. (node_modules/.bin/node does not work: npm before 10 removes it together
// with the package of the other architecture.)

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const NEEDED = 22;
/** The time limit of a test in milliseconds: the whole run takes seconds, apart from the start of Keycloak. */
const LIMIT = 420000;

const directory = fileURLToPath(new URL('.', import.meta.url));
const pinned = `${directory}node_modules/node-${process.platform}-${process.arch}/bin/node`;
const node = existsSync(pinned) ? pinned : process.execPath;

if (node === process.execPath && Number.parseInt(process.versions.node, 10) < NEEDED) {
  console.error(`Node.js ${NEEDED} or newer is needed; this is ${process.version}.`);
  process.exit(1);
}

const { status, error } = spawnSync(node, ['--test', `--test-timeout=${LIMIT}`, ...process.argv.slice(2)], { cwd: directory, stdio: 'inherit' });
if (error) throw error;
process.exit(status === null ? 1 : status);
