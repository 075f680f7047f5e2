// Token requests, step by step as a relying party makes them: client credentials with a secret or a signed assertion,
// code + PKCE through a "browser" with cookies, refresh.

import { createHash, randomBytes, randomUUID } from 'node:crypto';

import { SignJWT } from 'jose';

import { API, REDIRECT_URI } from './provider.mjs';

const random = () => randomBytes(32).toString('base64url');

async function discover(issuer) {
  const response = await fetch(`${issuer}/.well-known/openid-configuration`);
  return response.json();
}

/** The response of a token endpoint to `parameters`. */
export async function tokenRequest(endpoint, parameters, headers = {}) {
  const response = await fetch(endpoint, { method: 'POST', headers, body: new URLSearchParams(parameters) });
  const body = await response.json();
  if (!response.ok) throw new Error(`token endpoint: ${response.status} ${body.error}: ${body.error_description}`);
  return body;
}

/** RFC 7523 section 2.2: the client authenticates with its key. */
async function clientAssertion({ id, privateKey }, audience) {
  return new SignJWT()
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(audience)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey);
}

/** An access token for a service account, by client credentials. */
export async function machineToken(issuer, machine, scope, resource = API) {
  const { token_endpoint: endpoint } = await discover(issuer);
  const request = { grant_type: 'client_credentials', resource, scope };
  if (machine.secret) {
    const basic = Buffer.from(`${machine.id}:${machine.secret}`).toString('base64');
    return (await tokenRequest(endpoint, request, { authorization: `Basic ${basic}` })).access_token;
  }
  const assertion = {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await clientAssertion(machine, issuer),
  };
  return (await tokenRequest(endpoint, { ...request, ...assertion })).access_token;
}

/** Follows redirects and submits forms, with cookies, until the provider redirects to the client. */
async function browse(start, account) {
  const cookies = new Map();
  const visit = async (url, options = {}) => {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const response = await fetch(url, { ...options, headers, redirect: 'manual' });
    for (const cookie of response.headers.getSetCookie()) {
      const [name, value] = cookie.split(';', 1)[0].split('=');
      cookies.set(name, value);
    }
    return response;
  };

  let url = start;
  // Authorize, login, resume, consent, resume: six steps at most, and a few to spare.
  for (let step = 0; step < 10; step += 1) {
    let response = await visit(url);
    if (response.status === 200) {
      response = await visit(url, { method: 'POST', body: new URLSearchParams({ account }) });
    }
    const location = response.headers.get('location');
    if (!location) throw new Error(`sign-in stopped at ${url}: ${response.status} ${await response.text()}`);
    url = new URL(location, url);
    if (url.href.startsWith(REDIRECT_URI)) return url.searchParams;
  }
  throw new Error('sign-in did not end');
}

/** Signs a user in by code + PKCE: `{ access_token, id_token, refresh_token }`. */
export async function signIn(issuer, account, scope, { client = 'webapp', resource = API } = {}) {
  const provider = await discover(issuer);
  const [verifier, state, nonce] = [random(), random(), random()];
  const authorize = new URL(provider.authorization_endpoint);
  authorize.search = new URLSearchParams({
    client_id: client,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    nonce,
    prompt: 'consent',
    redirect_uri: REDIRECT_URI,
    resource,
    response_type: 'code',
    scope: `openid offline_access ${scope}`,
    state,
  });
  const answer = await browse(authorize, account);
  if (answer.get('state') !== state || answer.get('iss') !== issuer || !answer.has('code')) {
    throw new Error(`sign-in failed: ${answer}`);
  }
  return tokenRequest(provider.token_endpoint, {
    client_id: client,
    code: answer.get('code'),
    code_verifier: verifier,
    grant_type: 'authorization_code',
    redirect_uri: REDIRECT_URI,
    resource,
  });
}

/** A fresh access token for a signed-in user. */
export async function refresh(issuer, refreshToken, { client = 'webapp', resource = API } = {}) {
  const { token_endpoint: endpoint } = await discover(issuer);
  const request = { client_id: client, grant_type: 'refresh_token', refresh_token: refreshToken, resource };
  return (await tokenRequest(endpoint, request)).access_token;
}
