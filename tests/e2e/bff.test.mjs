// The app of examples/bff, which has no tokens: the service signs users in at a real provider, and the browser keeps a
// cookie. On one origin with the service, and on a sibling origin of the service.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { BFF, startApp, startForeignPage } from './app_server.mjs';
import { complaints, keep, openBrowser, watched } from './browser.mjs';
import { call, passed } from './http.mjs';
import { freePort } from './process.mjs';
import { SIGN_IN, signInClient, startProvider } from './provider.mjs';
import { startService } from './service.mjs';
import { signIn } from './tokens.mjs';

/** The start of every JWS: base64url of `{"`. */
const JWT = /eyJ[\w-]{8,}/;

/** Origins of the app and the service as a browser sees them. `leadTo`: the target of the app's proxy. */
const PLACES = {
  'one origin': async () => {
    const [app, bind] = [await startApp(BFF, 'localhost'), `127.0.0.1:${await freePort()}`];
    return { app, bind, publicUrl: app.origin, api: '', leadTo: `http://${bind}` };
  },
  // One site (site.localhost), otherwise no browser sends a Lax cookie. For Chromium, app.localhost and api.localhost are two sites.
  'sibling origins': async () => {
    const [app, port] = [await startApp(BFF, 'app.site.localhost'), await freePort()];
    const publicUrl = `http://api.site.localhost:${port}`;
    return { app, bind: `127.0.0.1:${port}`, publicUrl, api: publicUrl, allowed: app.origin };
  },
};

for (const [name, place] of Object.entries(PLACES)) {
  describe(`an app without tokens, on ${name}`, () => {
    const slug = name.replace(' ', '-');
    let app;
    /** The closest foreign origin: the same host with another port, which is the same site for cookies. */
    let foreign;
    let provider;
    let service;
    let browser;
    let publicUrl;

    before(async () => {
      const found = await place();
      ({ app, publicUrl } = found);
      foreign = await startForeignPage(new URL(app.origin).hostname);
      provider = await startProvider({ clients: [signInClient(publicUrl, app.origin, `http://${found.bind}`)] });
      service = await startService({
        issuer: provider.issuer,
        admin: 'alice',
        bind: found.bind,
        env: {
          OIDC_CLIENT_ID: SIGN_IN.id,
          OIDC_CLIENT_SECRET: SIGN_IN.secret,
          SERVER_PUBLIC_URL: publicUrl,
          SESSION_ALLOWED_ORIGINS: found.allowed ?? '',
          SESSION_KEY: randomBytes(32).toString('base64'),
          SESSION_LOGGED_OUT_URL: `${app.origin}/`,
        },
      });
      app.configure({ api: found.api }, found.leadTo);
      browser = await openBrowser();
    });

    after(async () => {
      await browser?.close();
      await service?.stop();
      await provider?.stop();
      await foreign?.stop();
      await app?.stop();
    });

    const signInButton = (page) => page.getByRole('button', { name: 'Sign in' });
    const signOutButton = (page) => page.getByRole('button', { name: 'Sign out' });
    const notice = (page) => page.getByRole('status');
    const otherSession = (page) => page.getByRole('listitem').filter({ hasNotText: '(this one)' });

    async function goToConsent(page, account) {
      await page.goto(app.origin);
      await signInButton(page).click();
      await page.getByLabel('Account').fill(account);
      await page.getByRole('button', { name: 'Sign in' }).click();
    }

    async function signInAs(page, account) {
      await goToConsent(page, account);
      await page.getByRole('button', { name: 'Allow' }).click();
      await page.getByText(`You are ${account}.`).waitFor();
    }

    /** Clicks a button that changes data and returns the status of the service's response. */
    async function clickOnSave(page) {
      const answered = page.waitForResponse((response) => response.request().method() === 'PATCH');
      await page.getByRole('button', { name: 'Save' }).click();
      return (await answered).status();
    }

    /** The session cookie of the service. */
    async function sessionCookie(page) {
      return (await page.context().cookies(publicUrl)).find((cookie) => cookie.name === 'session');
    }

    /** Everything that scripts of a page see from now on: each response with its header fields. */
    async function answersTo(page) {
      const answers = [];
      await page.exposeFunction('see', (answer) => answers.push(answer));
      await page.addInitScript(() => {
        const { fetch } = window;
        window.fetch = async (...request) => {
          const response = await fetch(...request);
          await window.see(JSON.stringify([...response.headers]) + await response.clone().text());
          return response;
        };
      });
      return answers;
    }

    test('bob signs in and uses the API without a token in any script, and signs out at both ends', async () => {
      const page = await browser.visitor();
      const [errors, seen] = [complaints(page), await answersTo(page)];
      await watched(`bff-${slug}`, [page], async () => {
        await signInAs(page, 'bob');
        await keep(page, `bff-${slug}-signed-in`);
        assert.equal(page.url(), `${app.origin}/`);
        assert.equal(await clickOnSave(page), 200);

        const cookie = await sessionCookie(page);
        assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Lax', '/']);
        const kept = await page.evaluate(async () => JSON.stringify([
          document.cookie, { ...localStorage }, { ...sessionStorage }, await indexedDB.databases(), await caches.keys(),
        ]));
        assert.equal(kept, JSON.stringify(['', {}, {}, [], []]), 'scripts can read no stored value');

        await signOutButton(page).click();
        await page.getByRole('heading', { name: 'Provider' }).waitFor();
        await signOutButton(page).click();
        await signInButton(page).waitFor();
        assert.equal(page.url(), `${app.origin}/`);
        assert.equal(await sessionCookie(page), undefined);

        assert.ok(seen.length >= 5, 'the page has sent requests');
        for (const answer of seen) {
          assert.doesNotMatch(answer, JWT);
          assert.ok(!answer.includes(cookie.value), 'no response readable by a script contains the cookie');
        }
        const stolen = await fetch(`${service.url}/auth/session`, { headers: { cookie: `session=${cookie.value}` } });
        assert.equal(stolen.status, 401, 'the former cookie is refused');

        await signInButton(page).click();
        await page.getByLabel('Account').waitFor();
        // The page requests the session, and a browser reports the 401 as an error.
        assert.deepEqual(errors.filter((error) => !/status of 401/.test(error)), []);
      });
    });

    test('a user who cancels at the provider returns with the reason and is not signed in', async () => {
      const page = await browser.visitor();
      await watched(`bff-${slug}-denied`, [page], async () => {
        await goToConsent(page, 'bob');
        await page.getByRole('button', { name: 'Deny' }).click();
        await notice(page).getByText('access_denied').waitFor();
        assert.equal(page.url(), `${app.origin}/`);
        assert.equal(await signInButton(page).isVisible(), true);
        assert.equal(await sessionCookie(page), undefined);
      });
    });

    test('a session ended from another browser is refused at its next request', async () => {
      const [here, there] = [await browser.visitor(), await browser.visitor()];
      await watched(`bff-${slug}-ended`, [here, there], async () => {
        await signInAs(there, 'bob');
        await signInAs(here, 'bob');
        await keep(here, `bff-${slug}-sessions`);
        await otherSession(here).getByRole('button', { name: 'End' }).click();
        await otherSession(here).waitFor({ state: 'detached' });
        assert.equal(await clickOnSave(there), 401);
        await notice(there).getByText('Your session has ended').waitFor();
        assert.equal(await clickOnSave(here), 200);
        await here.getByRole('button', { name: 'End all' }).click();
        await signInButton(here).waitFor();
      });
    });

    test('a sign-out at the provider ends the session', async () => {
      const page = await browser.visitor();
      await watched(`bff-${slug}-backchannel`, [page], async () => {
        await signInAs(page, 'bob');
        const elsewhere = await page.context().newPage();
        await elsewhere.goto(`${provider.issuer}/session/end`);
        await elsewhere.getByRole('button', { name: 'Sign out' }).click();
        await elsewhere.getByText('Signed out').waitFor();
        assert.equal(await clickOnSave(page), 401);
        await signInButton(page).waitFor();
      });
    });

    test('an open page reports at its next request that its user was disabled', async () => {
      const page = await browser.visitor();
      const { access_token: token } = await signIn(provider.issuer, 'alice', 'users:read users:write');
      await watched(`bff-${slug}-disabled`, [page], async () => {
        await signInAs(page, 'bob');
        const { body: { items: [{ id }] } } = await call(service, '/api/v1/users?q=bob', { token });
        const { body: disabled } = await call(service, `/api/v1/users/${id}/disable`, { method: 'POST', token });
        assert.equal(await clickOnSave(page), 401, 'disabling ends sessions');
        await notice(page).getByText('Your session has ended').waitFor();
        await keep(page, `bff-${slug}-disabled`);
        await call(service, `/api/v1/users/${id}/enable`, { method: 'POST', token });
        await passed(disabled.not_before);
      });
    });

    test('a page of another origin reads and changes nothing although the browser sends the cookie', async () => {
      const page = await browser.visitor();
      await watched(`bff-${slug}-foreign`, [page], async () => {
        await signInAs(page, 'bob');
        const attacker = await page.context().newPage();
        await attacker.goto(foreign.origin);
        const tried = await attacker.evaluate((api) => {
          const marked = { 'X-Requested-With': 'fetch' };
          const attempts = [['GET', '/api/v1/me'], ['POST', '/auth/logout', marked], ['DELETE', '/api/v1/me/sessions', marked]];
          return Promise.all(attempts.map(([method, path, headers]) =>
            fetch(api + path, { method, headers, credentials: 'include' }).then((response) => response.status, () => 'failed')));
        }, publicUrl);
        assert.deepEqual(tried, ['failed', 'failed', 'failed']);

        /** The status of the response to a navigation that the page starts. */
        const navigate = async (step) => {
          const [answer] = await Promise.all([attacker.waitForNavigation(), attacker.evaluate(step, publicUrl)]);
          return answer.status();
        };
        // A form can be submitted to any origin.
        assert.equal(await navigate((api) => {
          const form = document.body.appendChild(document.createElement('form'));
          Object.assign(form, { action: `${api}/auth/logout`, method: 'post' }).submit();
        }), 403);
        // The page's origin was the reason, not a missing cookie: a link to the service finds bob signed in.
        await attacker.goto(foreign.origin);
        assert.equal(await navigate((api) => location.assign(`${api}/auth/session`)), 200);
        assert.equal(await clickOnSave(page), 200);
      });
    });
  });
}
