// A real browser (Chromium, as the distribution ships it) and its users.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

/** The executable that scripts/test finds or installs. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** The timeout of waits: ample, since the machine may be busy. */
const PATIENCE = 30_000;
/** Screenshots are kept after the run for inspection; git ignores them. */
const SCREENSHOTS = fileURLToPath(new URL('screenshots/', import.meta.url));

export async function openBrowser() {
  // Chromium refuses to run as root in its sandbox. It loads only pages of this repository here.
  const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args });
  return {
    /** A page of a new user, with separate cookies and storage. */
    async visitor() {
      const context = await browser.newContext();
      context.setDefaultTimeout(PATIENCE);
      return context.newPage();
    },
    close: () => browser.close(),
  };
}

/** The errors that the page reports from now on: uncaught exceptions, and blocked or failed loads. */
export function complaints(page) {
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return errors;
}

/** Takes a screenshot of a page or of a part of one. */
export async function keep(part, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  // The caret is not hidden: that would add a style to the page, which a strict policy reports as an error.
  await part.screenshot({ path: join(SCREENSHOTS, `${name}.png`), caret: 'initial' });
}

/** Runs `steps`; if they fail, takes a screenshot of each of the pages. */
export async function watched(name, pages, steps) {
  try {
    return await steps();
  } catch (error) {
    const names = pages.map((_, index) => `failed-${name}-${index + 1}`);
    await Promise.allSettled(pages.map((page, index) => keep(page, names[index])));
    throw error;
  }
}
