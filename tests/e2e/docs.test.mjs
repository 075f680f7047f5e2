// Sign-in and API calls on the page of the API's documentation. `portcullis dev` needs no setting for it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { complaints, keep, openBrowser, watched } from './browser.mjs';
import { startDevelopment } from './service.mjs';

let service;
let browser;

before(async () => {
  service = await startDevelopment();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await service?.stop();
});

/** Signs in as a user of the development issuer, which shows its page in a separate window. */
async function signIn(page, name) {
  await page.locator('.scheme-container button.authorize').click();
  const dialog = page.locator('.modal-ux');
  const bySignIn = dialog.locator('.auth-container').filter({ hasText: 'authorizationCode' });
  const [popup] = await Promise.all([page.waitForEvent('popup'), bySignIn.locator('button.authorize').click()]);
  await popup.getByRole('button', { name }).click();
  await dialog.locator('button', { hasText: 'Logout' }).waitFor();
  await keep(page, 'docs-signed-in');
  await dialog.locator('button.btn-done').first().click();
}

/** Executes `GET path` on the page and returns the response that the page shows. */
async function tryOut(page, path) {
  const operation = page.locator('.opblock-get').filter({ has: page.locator(`[data-path="${path}"]`) });
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  const answer = operation.locator('.live-responses-table .response');
  return {
    operation,
    status: await answer.locator('.response-col_status').innerText(),
    body: await answer.locator('.highlight-code, .microlight').first().innerText(),
  };
}

test('the page shows the refusal of a request without a token', async () => {
  const page = await browser.visitor();
  await watched('docs-anonymous', [page], async () => {
    await page.goto(`${service.url}/docs/`);
    const { status, body } = await tryOut(page, '/api/v1/users');
    assert.match(status, /^401/);
    assert.match(body, /urn:portcullis:problem:missing-token/);
  });
});

test('alice signs in on the page and lists users', async () => {
  const page = await browser.visitor();
  const errors = complaints(page);
  await watched('docs', [page], async () => {
    await page.goto(`${service.url}/docs/`);
    await signIn(page, /Alice/);
    const { operation, status, body } = await tryOut(page, '/api/v1/users');
    assert.match(status, /^200/);
    assert.match(body, /"display_name": "Alice Archer"/);
    await keep(operation, 'docs-users');
    assert.deepEqual(errors, []);
  });
});
