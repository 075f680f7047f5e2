// The single-page app of examples/spa end to end: a browser, the app as built, a real provider, the service. The app
// keeps its tokens itself.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { builtSpa, startApp } from './app_server.mjs';
import { complaints, keep, openBrowser, watched } from './browser.mjs';
import { call, passed } from './http.mjs';
import { API, SPA, singlePageApp, startProvider } from './provider.mjs';
import { startService } from './service.mjs';
import { signIn } from './tokens.mjs';

/** The lifetime of the provider's tokens minus the time before its end when the app renews them, and a bit. */
const ALMOST_AN_HOUR = 59 * 60 * 1000 + 5000;

let app;
let provider;
let service;
let browser;

before(async () => {
  app = await startApp(builtSpa());
  provider = await startProvider({ clients: [singlePageApp(app.origin)] });
  service = await startService({ issuer: provider.issuer, admin: 'alice', env: { CORS_ALLOWED_ORIGINS: app.origin } });
  app.configure({
    api: service.url,
    issuer: provider.issuer,
    clientId: SPA,
    scope: 'openid offline_access profile:read users:read users:write',
    resource: API,
    // OpenID Connect issues a refresh token only after consent (Core section 11).
    parameters: { prompt: 'consent' },
  });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await service?.stop();
  await provider?.stop();
  await app?.stop();
});

const signInButton = (page) => page.getByRole('button', { name: 'Sign in' });
const loadAgain = (page) => page.getByRole('button', { name: 'Load again' });
const notice = (page) => page.getByRole('alert');
const profile = (page) => page.locator('#profile');
const isProfile = (response) => response.url() === `${service.url}/api/v1/me` && response.request().method() === 'GET';
const personRow = (page, name) => page.getByRole('row').filter({ hasText: name });

/** Opens the provider's pages from the app: login, then consent. */
async function goToConsent(page, account) {
  await page.goto(app.origin);
  await signInButton(page).click();
  await page.getByLabel('Account').fill(account);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function signInAs(page, account) {
  await goToConsent(page, account);
  await page.getByRole('button', { name: 'Allow' }).click();
  await profile(page).getByText(account).waitFor();
}

/** Clicks on "Load again" and returns the requests to the API with their statuses, up to the first other than 401. */
async function callsOf(page) {
  const calls = [];
  const note = (response) => {
    if (isProfile(response)) calls.push({ token: response.request().headers().authorization, status: response.status() });
  };
  page.on('response', note);
  const answered = page.waitForResponse((response) => isProfile(response) && response.status() !== 401);
  await loadAgain(page).click();
  await answered;
  page.off('response', note);
  return calls;
}

/** Everything that the page stores beyond its lifetime. */
function storage(page) {
  return page.evaluate(() => JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]));
}

test('bob signs in, sees his profile of the API, and signs out at both ends', async () => {
  const page = await browser.visitor();
  const errors = complaints(page);
  await watched('spa-bob', [page], async () => {
    await signInAs(page, 'bob');
    await keep(page, 'spa-signed-in');
    assert.equal(page.url(), `${app.origin}/`, 'the code is not left in the address');
    assert.equal(await page.getByRole('heading', { name: 'Users' }).isVisible(), false, 'bob is no administrator');

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signInButton(page).waitFor();
    assert.equal(await storage(page), JSON.stringify([{}, {}, '']));
    assert.deepEqual(errors, []);

    await signInButton(page).click();
    await page.getByLabel('Account').waitFor();
  });
});

test('a user who cancels at the provider sees the reason and can sign in again', async () => {
  const page = await browser.visitor();
  await watched('spa-denied', [page], async () => {
    await goToConsent(page, 'bob');
    await page.getByRole('button', { name: 'Deny' }).click();
    await notice(page).getByText('the user cancelled').waitFor();
    assert.equal(page.url(), `${app.origin}/`);
    assert.equal(await signInButton(page).isVisible(), true);
  });
});

test('a reload keeps bob signed in', async () => {
  const page = await browser.visitor();
  await watched('spa-reload', [page], async () => {
    await signInAs(page, 'bob');
    await page.reload();
    await profile(page).getByText('bob').waitFor();
  });
});

test('a token is renewed automatically before it expires', async () => {
  const page = await browser.visitor();
  await watched('spa-renewal', [page], async () => {
    await page.clock.install();
    await signInAs(page, 'bob');
    const [before] = await callsOf(page);

    const answered = page.waitForResponse((response) => response.url() === `${provider.issuer}/token`);
    await page.clock.fastForward(ALMOST_AN_HOUR);
    const renewal = await answered;
    assert.equal(renewal.status(), 200);
    const sent = new URLSearchParams(renewal.request().postData());
    assert.deepEqual([sent.get('grant_type'), sent.get('resource')], ['refresh_token', API]);

    const calls = await callsOf(page);
    assert.deepEqual(calls.map(({ status }) => status), [200]);
    assert.notEqual(calls[0].token, before.token);
  });
});

test('a token that the API refuses is renewed once, and the request repeated', async () => {
  const page = await browser.visitor();
  await watched('spa-refused', [page], async () => {
    await signInAs(page, 'bob');
    // Its signing key is withdrawn, which the service notices with the first token of the new key.
    await provider.rotate({ withdraw: true });
    const { access_token: token } = await signIn(provider.issuer, 'carol', 'profile:read');
    assert.equal((await call(service, '/api/v1/me', { token })).status, 200);

    const calls = await callsOf(page);
    assert.deepEqual(calls.map(({ status }) => status), [401, 200]);
    assert.notEqual(calls[0].token, calls[1].token);
    assert.equal(await notice(page).isVisible(), false);
  });
});

test('an outage does not end the sign-in', async () => {
  const page = await browser.visitor();
  await watched('spa-outage', [page], async () => {
    await signInAs(page, 'bob');
    await page.context().setOffline(true);
    await loadAgain(page).click();
    await notice(page).getByText('cannot be reached').waitFor();
    await page.context().setOffline(false);
    assert.deepEqual((await callsOf(page)).map(({ status }) => status), [200]);
    assert.equal(await notice(page).isVisible(), false);
  });
});

test('an open page reports at its next request that its user was disabled', async () => {
  const [alice, bob] = [await browser.visitor(), await browser.visitor()];
  await watched('spa-admin', [alice, bob], async () => {
    await signInAs(bob, 'bob');
    await signInAs(alice, 'alice');
    const isDisabling = (response) => response.url().endsWith('/disable') && response.request().method() === 'POST';
    const disabling = alice.waitForResponse(isDisabling);
    await personRow(alice, 'bob').getByRole('button', { name: 'Disable' }).click();
    const disabled = await (await disabling).json();
    await personRow(alice, 'bob').getByText('disabled').waitFor();
    await keep(alice, 'spa-people');

    const tokenRequests = [];
    bob.on('request', (request) => {
      if (request.url().startsWith(provider.issuer)) tokenRequests.push(request.url());
    });
    assert.deepEqual((await callsOf(bob)).map(({ status }) => status), [403]);
    await notice(bob).getByText('This account is disabled').waitFor();
    await keep(bob, 'spa-disabled');
    assert.deepEqual(tokenRequests, [], 'another token would not help, so none is requested');
    assert.equal(await signInButton(bob).isVisible(), false, 'signing in again would not help either');

    await personRow(alice, 'bob').getByRole('button', { name: 'Enable' }).click();
    await personRow(alice, 'bob').getByText('active').waitFor();
    await passed(disabled.not_before);
    // The earlier token stays revoked, so the page gets a new one without a sign-in.
    assert.deepEqual((await callsOf(bob)).map(({ status }) => status), [401, 200]);
    assert.equal(await notice(bob).isVisible(), false);
  });
});
