// The provider is unavailable: tokens issued before are still accepted, verified with the keys fetched last.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { call } from './http.mjs';
import { startProvider } from './provider.mjs';
import { startService } from './service.mjs';
import { signIn } from './tokens.mjs';

let provider;
let service;
let token;

async function status() {
  return (await call(service, '/api/v1/me', { token })).status;
}

before(async () => {
  provider = await startProvider();
  service = await startService({ issuer: provider.issuer, admin: 'alice' });
  token = (await signIn(provider.issuer, 'bob', 'profile:read')).access_token;
  await provider.stop();
  await assert.rejects(fetch(provider.issuer), 'the provider is unavailable');
});

after(async () => {
  await service?.stop();
});

test('a token issued before the outage is accepted', async () => {
  assert.equal(await status(), 200);
});

test('a token issued before the outage is accepted by a service restarted during it', async () => {
  await service.restart();
  assert.equal(await status(), 200);
});
