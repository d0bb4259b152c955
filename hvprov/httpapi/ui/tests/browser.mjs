// SPDX-License-Identifier: MPL-2.0
// A browser, and checks that every test makes: no violation of accessibility rules, no error of a script, no overflow.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.HVPROV_TEST_SHOTS;
const expected = /Failed to load resource|WebSocket connection|net::ERR_|live messages/; // of answers that are problems, and of restarts

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

// open opens the page in a context without cookies of others.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce', locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error.stack));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !expected.test(message.text()) && page.errors.push(message.text()));
  await page.goto(url);
  return page;
}

export async function close(page) {
  assert.deepEqual(page.errors, [], 'errors of scripts and of the Content-Security-Policy');
  await page.context().close();
}

// show goes to a view and waits until it has its data.
export async function show(page, view, ready = 'h1') {
  await page.evaluate((hash) => { location.hash = hash; }, view);
  await page.locator(ready).first().waitFor();
  await page.waitForFunction(() => !document.querySelector('.skeleton'));
}

// assertAccessible runs axe on what is shown.
export async function assertAccessible(page, what) {
  await page.evaluate(axe); // not by a script element, which the Content-Security-Policy refuses
  const violations = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations
    .flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.target.join(' ')}: ${node.failureSummary}`)));
  assert.deepEqual(violations, [], what);
}

// inspect checks a view in both themes and three widths, and keeps screenshots of it.
export async function inspect(page, name, { whole = true } = {}) {
  if (shots) await mkdir(shots, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of [1440, 768, 320]) {
      await page.setViewportSize({ width, height: width === 320 ? 640 : 900 });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${name} is ${wide} px wider than ${width} px`);
      if (shots) await page.screenshot({ path: join(shots, `${name}-${colorScheme}-${width}.png`), fullPage: whole });
      if (width !== 768) await assertAccessible(page, `${name}, ${colorScheme}, ${width} px`);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}
