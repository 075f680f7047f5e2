// A real OpenID provider (npm's certified `oidc-provider`) on a loopback port: JWT access tokens by resource
// indicators (RFC 8707, RFC 9068), a sign-in that a script can complete, and keys that rotate while it serves.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

import { askToSignOut, sayGoodbye, signInPages } from './sign_in_pages.mjs';
import { Store } from './store.mjs';

/** The resource of Portcullis: the `aud` of the tokens that it accepts. */
export const API = 'https://api.example.test';
/** Another resource of the same provider, whose JWTs are signed with the same keys. */
export const OTHER_API = 'https://other.example.test';
/** A resource whose access tokens are opaque. */
export const OPAQUE_API = 'https://opaque.example.test';

/** The client of a single-page app. */
export const SPA = 'spa';
/** The client of the service for browser sign-in. */
export const SIGN_IN = { id: 'sign-in', secret: randomBytes(32).toString('base64url') };

export const REDIRECT_URI = 'https://app.example.test/callback';

const API_SCOPES = [
  'profile:read', 'profile:write', 'users:read', 'users:write', 'identities:write', 'roles:read', 'roles:write', 'roles:assign',
  'service-accounts:read', 'service-accounts:write', 'audit:read',
].join(' ');

const ONE_HOUR = 3600;

/** The signing algorithm of each client's access tokens: each flow of the run uses another one. */
const ALGORITHM_OF_CLIENT = { nightly: 'RS256', exporter: 'ES256', webapp: 'EdDSA' };

/** One private key for each algorithm. No `kid`: the provider uses the RFC 7638 thumbprint. */
async function freshKeys() {
  const algorithms = [['RS256', {}], ['ES256', {}], ['EdDSA', { crv: 'Ed25519' }]];
  return Promise.all(algorithms.map(async ([alg, options]) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true, ...options });
    return { ...await exportJWK(privateKey), alg, use: 'sig' };
  }));
}

/** The metadata of a single-page app that is served from `origin`. */
export function singlePageApp(origin) {
  return {
    client_id: SPA,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [`${origin}/`],
    post_logout_redirect_uris: [`${origin}/`],
    token_endpoint_auth_method: 'none',
  };
}

/**
 * The metadata of the service itself at `publicUrl`, with browser sign-in for an app that is served from `appOrigin`. The
 * provider reaches it at `internalUrl`.
 */
export function signInClient(publicUrl, appOrigin, internalUrl) {
  return {
    client_id: SIGN_IN.id,
    client_secret: SIGN_IN.secret,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [`${publicUrl}/auth/callback`],
    post_logout_redirect_uris: [`${appOrigin}/`],
    backchannel_logout_uri: `${internalUrl}/auth/backchannel-logout`,
    backchannel_logout_session_required: true,
  };
}

async function clients(more) {
  const key = await generateKeyPair('ES256');
  const [secret, apiSecret] = [0, 1].map(() => randomBytes(32).toString('base64url'));
  const machine = { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] };
  const browser = {
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'none',
  };
  return {
    secret,
    apiSecret,
    privateKey: key.privateKey,
    metadata: [
      { ...machine, client_id: 'nightly', client_secret: secret, token_endpoint_auth_method: 'client_secret_basic' },
      {
        ...machine,
        client_id: 'exporter',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...await exportJWK(key.publicKey), alg: 'ES256', use: 'sig' }] },
      },
      { ...browser, client_id: 'webapp' },
      ...more,
      // Registered with the API's identifier, as some teams do: its ID tokens have the API's audience.
      { ...browser, client_id: API },
      // The API itself, for the introspection of opaque tokens.
      {
        ...machine,
        client_id: OPAQUE_API,
        client_secret: apiSecret,
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
  };
}

function resourceServer(_ctx, resource, client) {
  const shared = { scope: API_SCOPES, accessTokenTTL: ONE_HOUR };
  const alg = ALGORITHM_OF_CLIENT[client.clientId] ?? 'RS256';
  switch (resource) {
    case API:
    case OTHER_API:
      return { ...shared, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
    case OPAQUE_API:
      return { ...shared, accessTokenFormat: 'opaque' };
    default:
      throw new Error(`unknown resource ${resource}`);
  }
}

function configuration(keys, metadata, cookieKeys) {
  const ttl = Object.fromEntries(
    ['AccessToken', 'AuthorizationCode', 'ClientCredentials', 'Grant', 'IdToken', 'Interaction', 'RefreshToken', 'Session']
      .map((artifact) => [artifact, ONE_HOUR]),
  );
  return {
    adapter: Store,
    clients: metadata,
    // The pages of a client may request its tokens.
    clientBasedCORS: (_ctx, origin, client) => client.redirectUris.some((uri) => new URL(uri).origin === origin),
    cookies: { keys: cookieKeys },
    // The app's tokens have a user name, as those of most providers do.
    extraTokenClaims: (_ctx, { accountId, clientId }) => (clientId === SPA ? { preferred_username: accountId } : undefined),
    claims: { email: ['email'], profile: ['name'] },
    // In the ID token, as with most providers, not only at the userinfo endpoint.
    conformIdTokenClaims: false,
    // Without the guard against requests to loopback addresses, where its clients are.
    fetch: (url, { dispatcher: _guard, ...options }) => fetch(url, options),
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId, name: accountId }) }),
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    jwks: { keys },
    // One sign-in serves a whole test: its refresh token may be used repeatedly.
    rotateRefreshToken: false,
    ttl,
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client) => client.clientId === OPAQUE_API,
      },
      jwtIntrospection: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: askToSignOut, postLogoutSuccessSource: sayGoodbye },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: resourceServer,
      },
    },
  };
}

/**
 * Starts a provider. `rotate()` makes it sign new tokens with fresh keys, which it adds to the key set; the former keys
 * stay published unless `{ withdraw: true }`, as after a leak. It has the clients of this file and those of `clients`.
 */
export async function startProvider({ clients: more = [] } = {}) {
  const { metadata, privateKey, secret, apiSecret } = await clients(more);
  const cookieKeys = [randomBytes(32).toString('base64url')];
  let keys = await freshKeys();
  let handle;
  let keySetFetches = 0;
  let signedAnswers = 0;

  const server = createServer((request, response) => {
    if (request.url === '/jwks') keySetFetches += 1;
    response.once('finish', () => {
      if (/^application\/token-introspection\+jwt/.test(response.getHeader('content-type'))) signedAnswers += 1;
    });
    handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A test that is aborted must not wait for it.
  server.unref();
  const issuer = `http://127.0.0.1:${server.address().port}`;

  const serveWith = (published) => {
    const provider = new Provider(issuer, configuration(published, metadata, cookieKeys));
    provider.use(signInPages(provider));
    handle = provider.callback();
  };
  serveWith(keys);

  return {
    issuer,
    /** The client of the API for introspection. */
    api: { id: OPAQUE_API, secret: apiSecret },
    machines: {
      nightly: { id: 'nightly', secret },
      exporter: { id: 'exporter', privateKey },
    },
    /** The number of requests for the key set. */
    keySetFetches: () => keySetFetches,
    /** The number of signed introspection responses (RFC 9701). */
    signedAnswers: () => signedAnswers,
    async rotate({ withdraw = false } = {}) {
      const fresh = await freshKeys();
      keys = withdraw ? fresh : [...fresh, ...keys];
      serveWith(keys);
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
