// Helpers for every program that the tests start: a free port, and a wait until it listens.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Resolves when the program called `name` prints a line that matches `sign`; rejects when it ends before, or prints no
 * such line within `limit` milliseconds. All its output goes to `log`, also later.
 */
export function listening(child, log, { name, sign, limit }) {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        if (sign.test(line)) resolve();
      });
    }
    const late = () => reject(new Error(`${name} did not report that it listens`));
    AbortSignal.timeout(limit).addEventListener('abort', late);
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${code ?? signal}`)));
  });
}
