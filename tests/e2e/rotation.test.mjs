// The provider rotates its signing keys while requests run.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { decodeProtectedHeader } from 'jose';

import { assertChallenged, call } from './http.mjs';
import { startProvider } from './provider.mjs';
import { startService } from './service.mjs';
import { refresh, signIn } from './tokens.mjs';

const REQUESTS = 400;
const AT_ONCE = 16;
const ROTATE_AFTER = 100;

let provider;
let service;
let session;

beforeEach(async () => {
  provider = await startProvider();
  service = await startService({ issuer: provider.issuer, admin: 'alice' });
  session = await signIn(provider.issuer, 'bob', 'profile:read');
});

afterEach(async () => {
  await service?.stop();
  await provider?.stop();
});

async function afterRotation(options) {
  await provider.rotate(options);
  const token = await refresh(provider.issuer, session.refresh_token);
  assert.notEqual(decodeProtectedHeader(token).kid, decodeProtectedHeader(session.access_token).kid);
  return token;
}

test('no request fails while keys rotate', async (t) => {
  const tokens = [session.access_token];
  const served = new Map();
  const failures = [];
  const fetchesBefore = provider.keySetFetches();
  let started = 0;

  async function sendRequests() {
    while (started < REQUESTS) {
      started += 1;
      if (started === ROTATE_AFTER) tokens.push(await afterRotation());
      const token = tokens[started % tokens.length];
      const answer = await call(service, '/api/v1/me', { token });
      if (answer.status === 200) served.set(token, (served.get(token) ?? 0) + 1);
      else failures.push(`${answer.status} ${answer.body.type}`);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendRequests));

  t.diagnostic(`${failures.length} of ${REQUESTS} requests failed; with the former key and the new one: ${[...served.values()]}`);
  assert.deepEqual([...new Set(failures)], []);
  assert.equal(served.size, 2, 'both keys were in use');
  assert.equal(provider.keySetFetches() - fetchesBefore, 1, 'all requests with the new key shared one fetch');
});

test('tokens of a withdrawn key are refused', async () => {
  assert.equal((await call(service, '/api/v1/me', { token: session.access_token })).status, 200);
  const renewed = await afterRotation({ withdraw: true });
  assert.equal((await call(service, '/api/v1/me', { token: renewed })).status, 200);
  const answer = await call(service, '/api/v1/me', { token: session.access_token });
  assertChallenged(service, answer, { status: 401, code: 'invalid-token', error: 'invalid_token' });
});
