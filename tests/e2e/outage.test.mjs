// The provider is away: those who signed in before are served all the same, by the keys that were fetched last.

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
  await assert.rejects(fetch(provider.issuer), 'the provider is away');
});

after(async () => {
  await service?.stop();
});

test('a token of before is proved', async () => {
  assert.equal(await status(), 200);
});

test('a token of before is proved by a service that was started again meanwhile', async () => {
  await service.restart();
  assert.equal(await status(), 200);
});
