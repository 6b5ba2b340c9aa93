// Drives Debian's Chromium through one scenario on the stream test page; a failure is an exit code other than 0.
//
//   node page.mjs start URL [SCREENSHOT]   opens the page, sees it connect, starts the stream
//   node page.mjs reconnect URL            prints `connected`, waits for the line `go` while the stream manager is gone
//                                          and back, and sees the page connected again by itself
//   node page.mjs channels URL             two people watch all channels: layers, chat with a moderator, preview
//   node page.mjs polling URL              sees the page poll while there is no WebSocket, and connect again

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

async function open(browser, prepare = () => {}) {
  // The certificate is checked by the test itself, with the local authority as the only one trusted.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1200, height: 860 } });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  await prepare(page);
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

/** Connects the page to all channels. */
async function watchAll(page) {
  await becomes(page, IDS.status, /^Connected$/i);
  await page.locator('#disconnect').click();
  await becomes(page, IDS.status, /^Disconnected$/i);
  await page.locator('#target').selectOption({ label: 'all' });
  await page.locator('#connect').click();
  await becomes(page, IDS.status, /^Connected$/i);
}

async function says(page, name, words) {
  await page.locator('#chat-name').fill(name);
  await page.locator('#chat-text').fill(words);
  await page.locator('#chat-send').click();
}

/** Different colours on the canvas: something is drawn. */
const colours = (page) => page.evaluate(() => {
  const canvas = document.getElementById('preview');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4) seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
  return seen.size;
});

async function channels(browser) {
  const ada = await open(browser);
  const bob = await open(browser);
  await watchAll(ada.page);
  await watchAll(bob.page);
  await ada.page.evaluate(() => fetch('/api/stream/layers', {
    method: 'POST',
    body: JSON.stringify({ id: 'bid', type: 'text', name: 'Bid', content: { data: { text: '1 ETH' } } }),
  }));
  const bid = '#layers li[data-id="bid"] input';
  await bob.page.locator(bid).waitFor({ timeout: PATIENCE });
  await ada.page.locator(bid).uncheck();
  await bob.page.locator(`${bid}:not(:checked)`).waitFor({ timeout: PATIENCE });
  await ada.page.locator(IDS.start).click();
  await bob.page.locator('#preview[data-frame]').waitFor({ timeout: PATIENCE });
  if (await colours(bob.page) < 5) fail('the preview is empty');
  await bob.page.locator('#quality-low').click();
  await becomes(bob.page, '#preview-size', /854×480/);
  await says(ada.page, 'Ada', 'hello');
  await becomes(bob.page, '#chat li:last-child', /Ada: hello/);
  await becomes(bob.page, '#present', /Ada/);
  await says(bob.page, 'Bob', 'spam');
  await becomes(ada.page, '#chat li:last-child', /Bob: spam/);
  await ada.page.locator('#chat li:last-child button').click();
  await becomes(bob.page, '#chat li:last-child', /Ada: hello/);
  await says(bob.page, 'Bob', 'more spam');
  await becomes(ada.page, '#chat li:last-child', /Bob: more spam/);
  await ada.page.locator('#chat-mute').click();
  await bob.page.locator('#log li[data-type="moderationEvent"]').first().waitFor({ timeout: PATIENCE });
  await becomes(bob.page, '#log-count', /\d+/);
  await says(bob.page, 'Bob', 'and more');
  await becomes(bob.page, '#errors li:first-child', /FORBIDDEN/);
  if (picture) await ada.page.screenshot({ path: picture, fullPage: true });
  await ada.page.locator(IDS.stop).click();
  await becomes(bob.page, IDS.isLive, /^false$/);
  for (const { problems } of [ada, bob]) if (problems.length > 0) fail(`errors on a page: ${problems.join('; ')}`);
}

async function polling(browser) {
  let away = true;
  const prepare = (page) => page.routeWebSocket(/\/ws/, (socket) => {
    if (away) socket.close({ code: 1013 });
    else socket.connectToServer();
  });
  const { page } = await open(browser, prepare);
  await becomes(page, IDS.mode, /^Polling$/);
  await page.locator(IDS.start).click();
  await becomes(page, IDS.isLive, /^true$/);
  away = false;
  await becomes(page, IDS.mode, /^WebSocket$/);
  await becomes(page, IDS.status, /^Connected$/i);
  await page.locator(IDS.stop).click();
  await becomes(page, IDS.isLive, /^false$/);
}

const SCENARIOS = { start, reconnect, channels, polling };

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
  await SCENARIOS[scenario](browser);
  console.log('ok');
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
