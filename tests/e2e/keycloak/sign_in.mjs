// A user's sign-in at Keycloak: code + PKCE, with its login form filled in as by a browser.

import { createHash, randomBytes } from 'node:crypto';

import { REDIRECT_URI } from '../provider.mjs';
import { tokenRequest } from '../tokens.mjs';

const random = () => randomBytes(32).toString('base64url');

function cookiesOf(response) {
  return response.headers.getSetCookie().map((cookie) => cookie.split(';', 1)[0]).join('; ');
}

/** The action of the login form: HTML writes `&` as an entity. */
function formAction(page) {
  const action = /<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"/.exec(page)?.[1];
  if (!action) throw new Error('Keycloak showed no login form');
  return action.replaceAll('&amp;', '&');
}

/** `{ access_token, id_token, refresh_token }` of a user of the realm. */
export async function signInAtKeycloak(issuer, username, scope, client = 'webapp') {
  const endpoint = `${issuer}/protocol/openid-connect`;
  const [verifier, state, nonce] = [random(), random(), random()];
  const authorize = new URL(`${endpoint}/auth`);
  authorize.search = new URLSearchParams({
    client_id: client,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    nonce,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: `openid ${scope}`,
    state,
  });
  const login = await fetch(authorize, { redirect: 'manual' });
  const answered = await fetch(formAction(await login.text()), {
    method: 'POST',
    headers: { cookie: cookiesOf(login) },
    body: new URLSearchParams({ username, password: `password of ${username}` }),
    redirect: 'manual',
  });
  const back = answered.headers.get('location');
  if (!back?.startsWith(REDIRECT_URI)) throw new Error(`sign-in at Keycloak stopped: ${answered.status}`);
  const answer = new URL(back).searchParams;
  if (answer.get('state') !== state || answer.get('iss') !== issuer) throw new Error(`sign-in failed: ${answer}`);
  return tokenRequest(`${endpoint}/token`, {
    client_id: client,
    code: answer.get('code'),
    code_verifier: verifier,
    grant_type: 'authorization_code',
    redirect_uri: REDIRECT_URI,
  });
}

/** An access token of a service account of the realm. */
export async function keycloakMachineToken(issuer, { id, secret }, scope) {
  const basic = Buffer.from(`${id}:${secret}`).toString('base64');
  const token = await tokenRequest(
    `${issuer}/protocol/openid-connect/token`,
    { grant_type: 'client_credentials', scope },
    { authorization: `Basic ${basic}` },
  );
  return token.access_token;
}
