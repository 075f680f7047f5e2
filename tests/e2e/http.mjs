// Requests of a client of Portcullis, and the parts of a response that it can rely on: problems (RFC 9457) and
// challenges (RFC 6750 section 3, RFC 9728 section 5.1).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';

/** One request with `token` in the Authorization field (RFC 6750 section 2.1). */
export async function call(service, path, { token, method = 'GET', body } = {}) {
  const headers = {};
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(service.url + path, { method, headers, body: JSON.stringify(body) });
  return answer(response.status, response.headers, await response.text());
}

/** One GET with an Authorization field for each credential, which `fetch` would join into one. */
export async function callWithCredentials(service, path, credentials) {
  const { host } = new URL(service.url);
  const fields = credentials.flatMap((credential) => ['Authorization', credential]);
  const outgoing = request(service.url + path, { agent: false, headers: ['Host', host, ...fields] });
  outgoing.end();
  const [incoming] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of incoming) text += chunk;
  return answer(incoming.statusCode, new Headers(incoming.headers), text);
}

function answer(status, headers, text) {
  const challenge = headers.get('www-authenticate');
  return {
    status,
    mediaType: headers.get('content-type')?.split(';', 1)[0],
    challenge: challenge === null ? undefined : parseChallenge(challenge),
    body: text === '' ? undefined : JSON.parse(text),
  };
}

/** The parameters of one Bearer challenge, each a quoted string. */
function parseChallenge(field) {
  assert.match(field, /^Bearer [a-z_]+="[^"]*"(, [a-z_]+="[^"]*")*$/);
  return Object.fromEntries([...field.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

/** Asserts that a response is a problem of this status and code. */
export function assertProblem(actual, status, code) {
  assert.equal(actual.status, status, JSON.stringify(actual.body));
  assert.equal(actual.mediaType, 'application/problem+json');
  assert.equal(actual.body.type, `urn:portcullis:problem:${code}`);
  assert.equal(actual.body.status, status);
  assert.ok(actual.body.title, 'a problem has a title');
  assert.ok(actual.body.instance, 'a problem names its request');
}

/** Asserts that a response is a problem whose challenge has this error and scope, or none where they are omitted. */
export function assertChallenged(service, actual, { status, code, error, scope }) {
  assertProblem(actual, status, code);
  assert.ok(actual.challenge, 'the response has a challenge');
  assert.equal(actual.challenge.error, error);
  assert.equal(actual.challenge.scope, scope);
  assert.equal(actual.challenge.resource_metadata, `${service.url}/.well-known/oauth-protected-resource`);
}

/** Waits until tokens issued now are valid after a revocation: `time` is the `not_before` of a user. */
export async function passed(time) {
  await new Promise((resolve) => setTimeout(resolve, Date.parse(time) - Date.now()));
}

/** Repeats a request until its response has this status, for as long as a change may take to reach another process (docs/scaling.md). */
export async function answered(status, ask) {
  const end = Date.now() + 6000;
  let answer = await ask();
  while (answer.status !== status && Date.now() < end) answer = await ask();
  return answer;
}
