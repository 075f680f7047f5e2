// Users and service accounts of a real provider are served, each within the limits of token and roles.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertProblem, call, passed } from './http.mjs';
import { startProvider } from './provider.mjs';
import { startService } from './service.mjs';
import { machineToken, refresh, signIn } from './tokens.mjs';

let provider;
let service;

before(async () => {
  provider = await startProvider();
  service = await startService({ issuer: provider.issuer, admin: 'alice' });
});

after(async () => {
  await service?.stop();
  await provider?.stop();
});

async function me(token) {
  const answer = await call(service, '/api/v1/me', { token });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

async function tokenOf(account, scope) {
  return (await signIn(provider.issuer, account, scope)).access_token;
}

test('a user is one principal with each of their tokens', async () => {
  const bob = await signIn(provider.issuer, 'bob', 'profile:read');
  const first = await me(bob.access_token);
  assert.equal(first.kind, 'human');
  const renewed = await refresh(provider.issuer, bob.refresh_token);
  assert.notEqual(renewed, bob.access_token);
  assert.equal((await me(renewed)).id, first.id);
});

test('two users are two principals', async () => {
  const [bob, carol] = await Promise.all(['bob', 'carol'].map((account) => tokenOf(account, 'profile:read')));
  assert.notEqual((await me(bob)).id, (await me(carol)).id);
});

test('the first administrator lists the provisioned users', async () => {
  const { id } = await me(await tokenOf('dave', 'profile:read'));
  const answer = await call(service, '/api/v1/users', { token: await tokenOf('alice', 'users:read') });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.ok(answer.body.items.some((user) => user.id === id && user.status === 'active'));
});

test('a scope without the role is refused', async () => {
  const answer = await call(service, '/api/v1/users', { token: await tokenOf('bob', 'users:read') });
  assertProblem(answer, 403, 'missing-permission');
  assert.equal(answer.challenge?.error, undefined, 'another token would not help');
});

for (const [client, method] of [['nightly', 'a secret'], ['exporter', 'a signed assertion']]) {
  test(`a service account that authenticates with ${method} is served once registered, within its role`, async () => {
    const token = await machineToken(provider.issuer, provider.machines[client], 'users:read users:write');
    assertProblem(await call(service, '/api/v1/users', { token }), 403, 'unknown-principal');

    const registered = await call(service, '/api/v1/service-accounts', {
      method: 'POST',
      token: await tokenOf('alice', 'service-accounts:write roles:assign'),
      body: { issuer: provider.issuer, client_id: client, display_name: `The ${client}`, roles: ['auditor'] },
    });
    assert.equal(registered.status, 201, JSON.stringify(registered.body));

    const listed = await call(service, '/api/v1/users', { token });
    assert.equal(listed.status, 200, JSON.stringify(listed.body));

    const { id } = await me(await tokenOf('erin', 'profile:read'));
    const disabled = await call(service, `/api/v1/users/${id}/disable`, { method: 'POST', token });
    assertProblem(disabled, 403, 'missing-permission');
  });
}

test('a user who was disabled and enabled is served with a new token only', async () => {
  const [frank, alice] = [await tokenOf('frank', 'profile:read'), await tokenOf('alice', 'users:write')];
  const { id } = await me(frank);
  const administer = (verb) => call(service, `/api/v1/users/${id}/${verb}`, { method: 'POST', token: alice });

  const disabled = await administer('disable');
  assert.equal(disabled.status, 200, JSON.stringify(disabled.body));
  assertProblem(await call(service, '/api/v1/me', { token: frank }), 403, 'principal-disabled');
  assert.ok((await administer('enable')).status < 300);
  assertProblem(await call(service, '/api/v1/me', { token: frank }), 401, 'invalid-token');
  await passed(disabled.body.not_before);
  assert.equal((await me(await tokenOf('frank', 'profile:read'))).id, id);
});

test('the challenge leads a client without a token to the provider', async () => {
  const { challenge } = await call(service, '/api/v1/me');
  const metadata = await (await fetch(challenge.resource_metadata)).json();
  assert.equal(metadata.resource, service.url);
  assert.deepEqual(metadata.authorization_servers, [provider.issuer]);
  assert.deepEqual(metadata.bearer_methods_supported, ['header']);
  assert.ok(metadata.scopes_supported.includes('profile:read'));
});
