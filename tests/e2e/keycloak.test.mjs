// Keycloak and another provider in one process: users and service accounts of both are served, and neither provider can
// issue tokens for the other. Claims that a token lacks are introspected.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startComposed } from './compose.mjs';
import { answered, assertChallenged, assertProblem, call } from './http.mjs';
import { keycloakMachineToken, signInAtKeycloak } from './keycloak/sign_in.mjs';
import { startKeycloak } from './keycloak/server.mjs';
import { API, OPAQUE_API, startProvider } from './provider.mjs';
import { startService } from './service.mjs';
import { machineToken, signIn } from './tokens.mjs';

const ME = '/api/v1/me';
const INVALID = { status: 401, code: 'invalid-token', error: 'invalid_token' };
const NIGHTLY = { id: 'nightly', secret: 'SECRET-OF-THE-PROGRAM' };

let keycloak;
let provider;
let service;

/** Keycloak has another address than its tokens name and introspects JWTs; the other provider has opaque tokens. */
const issuersFile = () => `
[[issuer]]
issuer = "${provider.issuer}"
name = "provider"
audiences = ["${API}", "${OPAQUE_API}"]
opaque = true
introspection_client_id = "${provider.api.id}"
introspection_client_secret = "${provider.api.secret}"

[[issuer]]
issuer = "${keycloak.issuer}"
name = "keycloak"
preset = "keycloak"
discovery_url = "${keycloak.internal}/.well-known/openid-configuration"
audiences = ["${API}"]
introspect = "always"
introspection_client_id = "${API}"
introspection_client_secret = "SECRET-OF-THE-API"
`;

before(async () => {
  [keycloak, provider] = await Promise.all([startKeycloak(), startProvider()]);
  service = await startService({ issuersFile: issuersFile(), adminIssuer: provider.issuer, admin: 'alice' });
});

after(async () => {
  await service?.stop();
  await provider?.stop();
  await keycloak?.stop();
});

async function served(path, token) {
  const answer = await call(service, path, { token });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

async function register(issuer, clientId) {
  const { access_token: token } = await signIn(provider.issuer, 'alice', 'service-accounts:write roles:assign');
  const body = { issuer, client_id: clientId, display_name: clientId, roles: ['auditor'] };
  const answer = await call(service, '/api/v1/service-accounts', { method: 'POST', token, body });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
}

test('users of the same name at two providers are served as two principals', async () => {
  const { access_token: ofKeycloak } = await signInAtKeycloak(keycloak.issuer, 'bob', 'profile:read');
  const { access_token: ofProvider } = await signIn(provider.issuer, 'bob', 'profile:read');
  const [one, other] = [await served(ME, ofKeycloak), await served(ME, ofProvider)];
  assert.equal(one.username, 'bob');
  assert.notEqual(one.id, other.id);
});

test('service accounts with the same client id at two providers are served once each is registered', async () => {
  const ofKeycloak = await keycloakMachineToken(keycloak.issuer, NIGHTLY, 'users:read');
  const ofProvider = await machineToken(provider.issuer, provider.machines.nightly, 'users:read');
  await register(provider.issuer, 'nightly');
  await served('/api/v1/users', ofProvider);
  assertProblem(await call(service, '/api/v1/users', { token: ofKeycloak }), 403, 'unknown-principal');
  await register(keycloak.issuer, 'nightly');
  await served('/api/v1/users', ofKeycloak);
});

test('a role of the Keycloak realm counts while the token has it', async () => {
  const { access_token: carol } = await signInAtKeycloak(keycloak.issuer, 'carol', 'users:read');
  await served('/api/v1/users', carol);
  const { access_token: bob } = await signInAtKeycloak(keycloak.issuer, 'bob', 'users:read');
  assertProblem(await call(service, '/api/v1/users', { token: bob }), 403, 'missing-permission');
});

test('a token whose issuer was changed to the other provider is refused', async () => {
  for (const [token, issuer] of [
    [(await signInAtKeycloak(keycloak.issuer, 'bob', 'profile:read')).access_token, provider.issuer],
    [(await signIn(provider.issuer, 'bob', 'profile:read')).access_token, keycloak.issuer],
  ]) {
    const [header, payload, signature] = token.split('.');
    const claims = { ...JSON.parse(Buffer.from(payload, 'base64url')), iss: issuer };
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    assertChallenged(service, await call(service, ME, { token: forged }), INVALID);
  }
});

test('claims missing in a lightweight token of Keycloak are introspected', async () => {
  const { access_token: token } = await signInAtKeycloak(keycloak.issuer, 'carol', 'profile:read', 'slim');
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  assert.equal(claims.aud, undefined, 'the token is lightweight');
  assert.equal((await served(ME, token)).username, 'carol');
});

test('ID and refresh tokens of Keycloak are refused', async () => {
  const tokens = await signInAtKeycloak(keycloak.issuer, 'bob', 'profile:read');
  for (const token of [tokens.id_token, tokens.refresh_token]) {
    assertChallenged(service, await call(service, ME, { token }), INVALID);
  }
});

test('an opaque token is served by a signed introspection response', async () => {
  const { access_token: token } = await signIn(provider.issuer, 'dora', 'profile:read', { resource: OPAQUE_API });
  assert.equal(token.split('.').length, 1);
  await served(ME, token);
  assert.ok(provider.signedAnswers() > 0);
});

test('an opaque token unknown to its provider is refused', async () => {
  const { access_token: token } = await signIn(provider.issuer, 'dora', 'profile:read', { resource: OPAQUE_API });
  assertChallenged(service, await call(service, ME, { token: `${token.slice(0, -4)}AAAA` }), INVALID);
});

test('an opaque refresh token is refused although the provider reports it as active', async () => {
  const { refresh_token: token } = await signIn(provider.issuer, 'dora', 'profile:read', { resource: OPAQUE_API });
  assertChallenged(service, await call(service, ME, { token }), INVALID);
});

test('the commands at the top of compose.yaml work in its environment', async () => {
  const composed = await startComposed(keycloak);
  try {
    const token = await keycloakMachineToken(keycloak.issuer, NIGHTLY, 'users:read');
    const users = () => call(composed, '/api/v1/users', { token });
    assertProblem(await users(), 403, 'unknown-principal');
    composed.run('service-accounts', 'add', 'nightly', '--role', 'auditor');
    // Registered by another process, which the service notices.
    assert.equal((await answered(200, users)).status, 200);
    composed.run('health');
    composed.run('doctor');
  } finally {
    await composed.stop();
  }
});
