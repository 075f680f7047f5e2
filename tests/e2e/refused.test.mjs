// Tokens of a real provider that are not access tokens for this API, and valid tokens with one fault each: refused with the
// right status and challenge.

import assert from 'node:assert/strict';
import { after, before, mock, test } from 'node:test';

import { assertChallenged, call, callWithCredentials } from './http.mjs';
import { API, OPAQUE_API, OTHER_API, startProvider } from './provider.mjs';
import { startService } from './service.mjs';
import { signIn } from './tokens.mjs';

const TWO_HOURS = 2 * 3600 * 1000;

const ME = '/api/v1/me';
const MISSING = { status: 401, code: 'missing-token' };
const INVALID = { status: 401, code: 'invalid-token', error: 'invalid_token' };

let provider;
let stranger;
let service;
/** Bob's valid tokens for the API. */
let bob;
/** Every credential that was sent, for the search of the log at the end. */
const sent = new Set();

before(async () => {
  provider = await startProvider();
  stranger = await startProvider();
  service = await startService({ issuer: provider.issuer, admin: 'alice', logLevel: 'trace' });
  bob = await signIn(provider.issuer, 'bob', 'profile:read');
});

after(async () => {
  await service?.stop();
  await stranger?.stop();
  await provider?.stop();
});

async function bearer(token, path = ME) {
  sent.add(token);
  return call(service, path, { token });
}

function segments(token) {
  return token.split('.');
}

function rewritten(segment, change) {
  const members = JSON.parse(Buffer.from(segment, 'base64url'));
  return Buffer.from(JSON.stringify(change(members))).toString('base64url');
}

function withBitFlipped(segment) {
  const bytes = Buffer.from(segment, 'base64url');
  bytes[bytes.length >> 1] ^= 1;
  return bytes.toString('base64url');
}

/** The tokens that the provider issued two hours ago: it uses this process's clock. */
async function twoHoursAgo(issue) {
  mock.timers.enable({ apis: ['Date'], now: Date.now() - TWO_HOURS });
  try {
    return await issue();
  } finally {
    mock.timers.reset();
  }
}

test('the tokens on which the cases below are based are valid', async () => {
  assert.equal((await bearer(bob.access_token)).status, 200);
});

test('a request without a token gets a challenge without an error', async () => {
  assertChallenged(service, await call(service, ME), MISSING);
});

test('a valid token in the query is not read', async () => {
  sent.add(bob.access_token);
  assertChallenged(service, await call(service, `${ME}?access_token=${bob.access_token}`), MISSING);
});

test('two Authorization fields are refused although both have the same valid token', async () => {
  const credentials = [`Bearer ${bob.access_token}`, `Bearer ${bob.access_token}`];
  const answer = await callWithCredentials(service, ME, credentials);
  assertChallenged(service, answer, { status: 400, code: 'invalid-request', error: 'invalid_request' });
});

test('a scope missing in the token is named', async () => {
  const answer = await bearer(bob.access_token, '/api/v1/users');
  assertChallenged(service, answer, {
    status: 403, code: 'insufficient-scope', error: 'insufficient_scope', scope: 'users:read',
  });
});

const NOT_ACCEPTED = {
  'an ID token': () => bob.id_token,
  'an ID token of a client that is registered with the identifier of the API': async () => {
    const { id_token: token } = await signIn(provider.issuer, 'bob', 'profile:read', { client: API });
    assert.equal(JSON.parse(Buffer.from(segments(token)[1], 'base64url')).aud, API);
    return token;
  },
  'a refresh token': () => bob.refresh_token,
  'an opaque access token': async () => {
    const { access_token: token } = await signIn(provider.issuer, 'bob', 'profile:read', { resource: OPAQUE_API });
    assert.equal(segments(token).length, 1);
    return token;
  },
  'an access token for another API': async () =>
    (await signIn(provider.issuer, 'bob', 'profile:read', { resource: OTHER_API })).access_token,
  'an access token for this API from another provider': async () =>
    (await signIn(stranger.issuer, 'bob', 'profile:read')).access_token,
  'an expired access token': async () =>
    (await twoHoursAgo(() => signIn(provider.issuer, 'bob', 'profile:read'))).access_token,
  'an access token with a changed subject': () => {
    const [header, payload, signature] = segments(bob.access_token);
    return [header, rewritten(payload, (claims) => ({ ...claims, sub: 'alice' })), signature].join('.');
  },
  'an access token with one bit of its signature flipped': () => {
    const [header, payload, signature] = segments(bob.access_token);
    return [header, payload, withBitFlipped(signature)].join('.');
  },
  'an unsigned access token': () => {
    const [header, payload] = segments(bob.access_token);
    return [rewritten(header, (members) => ({ ...members, alg: 'none' })), payload, ''].join('.');
  },
};

for (const [what, issue] of Object.entries(NOT_ACCEPTED)) {
  test(`${what} is not accepted`, async () => {
    assertChallenged(service, await bearer(await issue()), INVALID);
  });
}

test('no received token is in the log at any level', () => {
  assert.ok(sent.size > Object.keys(NOT_ACCEPTED).length, 'the tests above have run');
  const log = service.log.join('\n');
  assert.ok(log.includes(ME), 'the log contains the requests');
  for (const token of sent) {
    const secret = segments(token).at(-1) || segments(token)[1];
    assert.ok(!log.includes(secret), `the log contains a token or its signature`);
  }
});
