// The service in the environment of compose.yaml, with PostgreSQL and Keycloak as there.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { freePort } from './process.mjs';
import { run, startService } from './service.mjs';

/** deploy/compose.env, with the addresses of these servers instead of those of the containers. */
async function environment(keycloak) {
  const { PORTCULLIS_TEST_DATABASE: database } = process.env;
  assert.ok(database, 'run this by scripts/with-postgres');
  const bind = `127.0.0.1:${await freePort()}`;
  const [issuer, internal] = [new URL(keycloak.issuer), new URL(keycloak.internal)];
  const replacements = [
    ['0.0.0.0:8080', bind],
    ['http://localhost:8080', `http://${bind}`],
    ['postgres://portcullis:portcullis@postgres:5432/portcullis', database],
    ['http://localhost:8180', issuer.origin],
    ['keycloak:8180', internal.host],
  ];
  let text = readFileSync(new URL('../../deploy/compose.env', import.meta.url), 'utf8');
  for (const [container, here] of replacements) {
    assert.ok(text.includes(container), `deploy/compose.env does not name ${container}`);
    text = text.replaceAll(container, here);
  }
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** Migrates and starts the service. `run` runs the binary in the same environment, as `docker compose run` does. */
export async function startComposed(keycloak) {
  const env = await environment(keycloak);
  run(['migrate'], env);
  const service = await startService({ only: env });
  return { ...service, run: (...args) => run(args, env) };
}
