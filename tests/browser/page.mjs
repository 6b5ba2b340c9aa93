// Drives Debian's Chromium through one scenario on the stream test page; a failure is an exit code other than 0.
//
//   node page.mjs start URL [SCREENSHOT]   opens the page, sees it connect, starts the stream
//   node page.mjs reconnect URL            prints `connected`, waits for the line `go` while the stream manager is gone
//                                          and back, and sees the page connected again by itself
//   node page.mjs channels URL             two people watch all channels: layers, preview, chat; mistakes; keys
//   node page.mjs moderation URL           ada and bob write, mod moderates, each with the token `secret-of-NAME`
//   node page.mjs polling URL              prints `polling`, waits for the line `go` while there is no WebSocket, and sees
//                                          the page connected once there is

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
  await page.locator(IDS.stop).click();
  await becomes(page, ERROR, /stop: Stream is not running/);
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

/** Connects the page to these channels, with this token. */
async function watch(page, targets, token = '') {
  if (await page.locator('#disconnect').isEnabled()) await page.locator('#disconnect').click();
  await becomes(page, IDS.status, /^Disconnected$/i);
  for (const name of ['state', 'preview', 'layers', 'chat']) {
    await page.locator(`#target-${name}`).setChecked(targets.includes(name));
  }
  await page.locator('#token').fill(token);
  await page.locator('#connect').click();
  await becomes(page, IDS.status, /^Connected$/i);
}

/** Connects it to all. */
async function watchAll(page) {
  await becomes(page, IDS.status, /^Connected$/i);
  await watch(page, ['state', 'preview', 'layers', 'chat']);
}

async function says(page, name, words) {
  await page.locator('#chat-name').fill(name);
  await page.locator('#chat-text').fill(words);
  await page.locator('#chat-text').press('Enter');
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
  await bob.page.locator('#away').click();
  await becomes(ada.page, '#present', /\(away\)/);
  await mistakes(bob.page);
  await keys(ada.page, bid);
  if (picture) await ada.page.screenshot({ path: picture, fullPage: true });
  await ada.page.locator(IDS.stop).click();
  await becomes(bob.page, IDS.isLive, /^false$/);
  for (const { problems } of [ada, bob]) if (problems.length > 0) fail(`errors on a page: ${problems.join('; ')}`);
}

/** What is wrong is told in the list of errors, and the connection goes on. */
async function mistakes(page) {
  for (const [label, error] of [['unknown type', /UNKNOWN_TYPE/], ['broken JSON', /INVALID_JSON/]]) {
    await page.locator('#send-kind').selectOption({ label });
    await page.locator('#send').click();
    await becomes(page, ERROR, error);
  }
  await page.locator('#ping').click();
  await becomes(page, '#round-trip', /^[\d.]+ ms$/);
  await becomes(page, IDS.status, /^Connected$/i);
}

/** The keyboard goes on where it was when a list is drawn anew. */
async function keys(page, box) {
  await page.locator(box).focus();
  for (const state of [':checked', ':not(:checked)', ':checked']) {
    const before = Number(await text(page, IDS.version));
    await page.keyboard.press('Space');
    // Its list is drawn anew when the server has told of the change.
    await becomes(page, IDS.version, new RegExp(`^${before + 1}$`));
    await page.locator(`${box}${state}:focus`).waitFor({ timeout: PATIENCE });
  }
}

/** A button beside the last message. */
const button = (page, action) => page.locator(`#chat li:last-child button[data-action="${action}"]`);

/** The moderators' form. */
async function moderates(page, action, fields = {}) {
  if (!(await page.locator('#moderate').isVisible())) await page.locator('.moderation > summary').click();
  await page.locator('#moderation-action').selectOption(action);
  for (const [name, value] of Object.entries(fields)) await page.locator(`#moderation-${name}`).fill(value);
  await page.locator('#moderate').click();
}

async function moderation(browser) {
  const [ada, bob, mod] = [await open(browser), await open(browser), await open(browser)];
  const people = { ada: ada.page, bob: bob.page, mod: mod.page };
  for (const [name, page] of Object.entries(people)) await watch(page, ['chat'], `secret-of-${name}`);
  await says(bob.page, '', 'spam');
  await becomes(ada.page, LAST, /bob: spam/);
  await button(ada.page, 'delete').click();
  await becomes(ada.page, ERROR, /FORBIDDEN/);
  await becomes(mod.page, LAST, /bob: spam/);
  await button(mod.page, 'delete').click();
  await becomes(ada.page, '#chat', /^$/);
  await says(ada.page, '', 'welcome');
  await becomes(mod.page, LAST, /ada: welcome/);
  await button(mod.page, 'pin').click();
  await becomes(bob.page, '#pinned', /^ada: welcome$/);
  await says(bob.page, '', 'more spam');
  await becomes(mod.page, LAST, /bob: more spam/);
  for (const action of ['timeout', 'ban']) {
    await button(mod.page, action).click();
    await becomes(bob.page, '#moderated', new RegExp(`^${action}, bob`));
    await says(bob.page, '', 'and more');
    await becomes(bob.page, ERROR, action === 'ban' ? /FORBIDDEN: You are banned/ : /FORBIDDEN: You may write again/);
    await moderates(mod.page, 'unban', { user: 'bob', reason: 'he is sorry' });
    await becomes(bob.page, '#moderated', /^unban, bob, by mod, “he is sorry”$/);
  }
  await says(bob.page, '', 'sorry');
  await becomes(ada.page, LAST, /bob: sorry/);
  await moderates(mod.page, 'slowMode', { seconds: '60' });
  await becomes(bob.page, '#moderated', /^slowMode, 60 s/);
  await says(bob.page, '', 'too soon');
  await becomes(bob.page, ERROR, /RATE_LIMITED/);
  await moderates(mod.page, 'clear');
  for (const page of Object.values(people)) await becomes(page, '#chat', /^$/);
  await becomes(bob.page, '#pinned', /^–$/);
  for (const { problems } of [ada, bob, mod]) if (problems.length > 0) fail(`errors on a page: ${problems.join('; ')}`);
}

async function polling(browser) {
  const { page } = await open(browser);
  await becomes(page, IDS.mode, /^Polling$/);
  await page.locator(IDS.start).click();
  await becomes(page, IDS.isLive, /^true$/);
  console.log('polling');
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  await lines.next(); // The WebSocket is back.
  await becomes(page, IDS.mode, /^WebSocket$/);
  await becomes(page, IDS.status, /^Connected$/i);
  await page.locator(IDS.stop).click();
  await becomes(page, IDS.isLive, /^false$/);
  process.stdin.destroy();
}

const SCENARIOS = { start, reconnect, channels, moderation, polling };

const ERROR = '#errors li:first-child';
const LAST = '#chat li:last-child';

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
