// Drives Debian's Chromium through one scenario on the stream test page; a failure is an exit code other than 0.
//
//   node page.mjs start URL [SCREENSHOT]   opens the page, sees it connect, starts the stream
//   node page.mjs reconnect URL            prints `connected`, waits for the line `go` while the stream manager is gone
//                                          and back, and sees the page connected again by itself

import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const PATIENCE = 60_000;
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const [scenario, url, picture] = process.argv.slice(2);

function fail(text) {
  throw new Error(text);
}

const text = async (page, selector) => ((await page.locator(selector).textContent()) ?? '').trim();

async function becomes(page, selector, wanted) {
  const start = Date.now();
  let last = '';
  while (Date.now() - start < PATIENCE) {
    last = await text(page, selector);
    if (wanted.test(last)) return last;
    await page.waitForTimeout(50);
  }
  return fail(`${selector}: ${JSON.stringify(last)} instead of ${wanted}`);
}

async function open(browser) {
  // The certificate is checked by the test itself, with the local authority as the only one trusted.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1200, height: 860 } });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  const answer = await page.goto(url, { timeout: PATIENCE });
  if (answer.status() !== 200) fail(`${url}: ${answer.status()}`);
  return { page, problems };
}

async function start(browser) {
  const { page, problems } = await open(browser);
  await becomes(page, IDS.status, /^Connected$/i);
  await becomes(page, IDS.mode, /^WebSocket$/);
  await becomes(page, IDS.welcome, /^Connected to stream manager/);
  await becomes(page, IDS.version, /^\d+$/);
  await becomes(page, IDS.isLive, /^false$/);
  await page.locator(IDS.start).click();
  await becomes(page, IDS.isLive, /^true$/);
  if (picture) await page.screenshot({ path: picture });
  await page.locator(IDS.stop).click();
  await becomes(page, IDS.isLive, /^false$/);
  if (problems.length > 0) fail(`errors on the page: ${problems.join('; ')}`);
}

async function reconnect(browser) {
  const { page } = await open(browser);
  await becomes(page, IDS.status, /^Connected$/i);
  await page.locator(IDS.start).click();
  await becomes(page, IDS.isLive, /^true$/);
  console.log('connected');
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  await lines.next(); // The stream manager is gone.
  await becomes(page, IDS.status, /^(?!Connected$).+/i);
  console.log('lost');
  await lines.next(); // It is back.
  await becomes(page, IDS.status, /^Connected$/i);
  await becomes(page, IDS.mode, /^WebSocket$/);
  await becomes(page, IDS.isLive, /^true$/);
  console.log('reconnected');
  process.stdin.destroy();
}

const IDS = {
  status: '#status',
  mode: '#mode',
  welcome: '#welcome',
  version: '#version',
  isLive: '#state-isLive',
  start: '#start',
  stop: '#stop',
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
try {
  await (scenario === 'reconnect' ? reconnect(browser) : start(browser));
  console.log('ok');
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
