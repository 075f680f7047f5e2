// A real browser (Chromium, as the distribution ships it) and those who sit before it.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

/** Where scripts/test finds or installs it. */
const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** For whatever is waited for: ample, since the machine may be busy with other things. */
const PATIENCE = 30_000;
/** Kept after the run, for people to look at; git does not keep them. */
const SCREENSHOTS = fileURLToPath(new URL('screenshots/', import.meta.url));

export async function openBrowser() {
  // Chromium refuses to run as root in its sandbox. Here it meets only pages of this repository.
  const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args });
  return {
    /** The page of somebody else: cookies and storage of their own. */
    async visitor() {
      const context = await browser.newContext();
      context.setDefaultTimeout(PATIENCE);
      return context.newPage();
    },
    close: () => browser.close(),
  };
}

/** What the page complains of, from now on: errors that nobody caught, and what the browser would not load or do. */
export function complaints(page) {
  const heard = [];
  page.on('pageerror', (error) => heard.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') heard.push(message.text());
  });
  return heard;
}

/** Keeps what a page, or a part of one, looks like now. */
export async function keep(part, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  // The caret as it is: to hide it, a style would be put into the page, of which pages with a strict policy complain.
  await part.screenshot({ path: join(SCREENSHOTS, `${name}.png`), caret: 'initial' });
}

/** Runs `steps`; if they fail, keeps what each of the pages looks like then. */
export async function watched(name, pages, steps) {
  try {
    return await steps();
  } catch (error) {
    const names = pages.map((_, index) => `failed-${name}-${index + 1}`);
    await Promise.allSettled(pages.map((page, index) => keep(page, names[index])));
    throw error;
  }
}
