// The client library against a WebSocket and a clock of the test's own: `node --test backend/web/tests`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { State, StreamClient, backoff, decodeFrame } from '../client.js';

let sockets = [];

class FakeSocket {
  constructor(url, protocols) {
    Object.assign(this, { url: new URL(url), protocols, readyState: 0, sent: [] });
    sockets.push(this);
  }

  send(text) { this.sent.push(text); }

  close(code) { this.readyState = 3; this.closedWith = code; }

  open() { this.readyState = 1; this.onopen({}); }

  says(message) { this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) }); }

  ends(code) { this.readyState = 3; this.onclose({ code, reason: '', wasClean: true }); }
}

function client(options = {}) {
  return new StreamClient({ url: 'ws://stream.test/ws', WebSocket: FakeSocket, ...options });
}

/** A client with an open socket. */
function connected(options) {
  const made = client(options);
  made.open();
  sockets.at(-1).open();
  return made;
}

const last = () => sockets.at(-1);
const types = () => last().sent.map((text) => JSON.parse(text).type);

beforeEach(() => {
  sockets = [];
  mock.timers.enable({ apis: ['setTimeout'] });
  mock.method(Math, 'random', () => 0.5);
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

test('the delay doubles up to half a minute', () => {
  assert.deepEqual([0, 1, 2, 4, 5, 50].map(backoff), [1000, 2000, 4000, 16000, 30000, 30000]);
});

test('it comes back with what it knows', () => {
  const made = connected({ target: 'chat' });
  assert.equal(last().url.search, '?target=chat');
  last().says({ type: 'stateUpdate', payload: { stream: { isLive: true } }, version: 7, epoch: 'e' });
  last().says({ type: 'chatHistory', payload: { messages: [{ id: 'm1' }] } });
  last().ends(1006);
  assert.equal(made.state, State.RECONNECTING);
  mock.timers.tick(999);
  assert.equal(sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(sockets.length, 2);
  assert.equal(last().url.search, '?target=chat&since=7&epoch=e&lastMessageId=m1');
  assert.deepEqual(made.stream, { isLive: true });
  made.close();
});

test('a word of the server delays it', () => {
  const made = connected();
  last().says({ type: 'serverShutdown', payload: { reconnectAfterMs: 5000 } });
  last().ends(1012);
  // Never sooner; up to a fifth later, so that not all come at once.
  assert.equal(made.delayMs, 5500);
  made.close();
  mock.timers.tick(60000);
  assert.equal(sockets.length, 1);
});

test('what is old is left out, what is missing is asked for', () => {
  const made = connected({ target: 'layers' });
  const seen = [];
  made.addEventListener('layerUpdate', ({ detail }) => seen.push(detail.version));
  const layer = { id: 'a', visible: true };
  last().says({ type: 'layerState', payload: { layers: [layer], count: 1 }, version: 5, epoch: 'e' });
  const update = (version, prevVersion) => last().says({
    type: 'layerUpdate', payload: { id: 'a', kind: 'visibility', visible: false }, version, prevVersion, epoch: 'e',
  });
  update(4, 3);
  assert.equal(made.layers.get('a').visible, true);
  update(6, 5);
  assert.equal(made.layers.get('a').visible, false);
  assert.deepEqual(types(), []);
  update(9, 8);
  assert.deepEqual(types(), ['resync']);
  assert.deepEqual(seen, [6, 9]);
  // Another life of the counter begins anew.
  last().says({ type: 'layerState', payload: { layers: [], count: 0 }, version: 1, epoch: 'f' });
  assert.equal(made.layers.size, 0);
  made.close();
});

test('codes that trying again does not change end it', () => {
  for (const code of [1002, 1003, 1007, 1009, 4401, 4403]) {
    const made = connected();
    const before = sockets.length;
    last().ends(code);
    assert.equal(made.state, State.FAILED, String(code));
    mock.timers.tick(120000);
    assert.equal(sockets.length, before);
  }
});

test('another token is asked for', async () => {
  const made = connected({ token: 'old', getToken: async () => 'new' });
  assert.deepEqual(last().protocols, ['stream.v1', 'bearer.old']);
  last().ends(4401);
  await Promise.resolve();
  await Promise.resolve();
  mock.timers.tick(1000);
  assert.deepEqual(last().protocols, ['stream.v1', 'bearer.new']);
  made.close();
});

test('a server that is silent after a ping is gone', () => {
  const made = connected();
  mock.timers.tick(30000);
  assert.deepEqual(types(), ['ping']);
  last().says({ type: 'pong' });
  mock.timers.tick(10000);
  assert.equal(made.state, State.CONNECTED);
  mock.timers.tick(20000);
  mock.timers.tick(10000);
  assert.equal(last().closedWith, 4000);
  assert.equal(made.state, State.RECONNECTING);
  made.close();
});

test('closing is the end', () => {
  const made = connected();
  made.close();
  assert.equal(last().closedWith, 1000);
  assert.equal(made.state, State.DISCONNECTED);
  mock.timers.tick(120000);
  assert.equal(sockets.length, 1);
});

test('binary frames are read', () => {
  const bytes = new Uint8Array([0x53, 0x46, 1, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 7, 8]);
  const frame = decodeFrame(bytes.buffer);
  assert.deepEqual({ ...frame, bytes: [...frame.bytes] }, { format: 'jpeg', number: 9, timestamp: 256, bytes: [7, 8] });
  assert.equal(decodeFrame(bytes.buffer.slice(0, 21)), null);
  assert.equal(decodeFrame(new ArrayBuffer(3)), null);
});

/** Lets promises settle; only time is the test's own. */
const settled = () => new Promise((resolve) => { setImmediate(resolve); });

/** Answers of fetch, one after the other, the last again and again; what was asked for is in `asked`. */
function answers(...list) {
  const asked = [];
  mock.method(globalThis, 'fetch', async (url, { signal }) => {
    asked.push(String(url));
    const { status = 200, body = { data: { isLive: true } }, headers = {} } = list.length > 1 ? list.shift() : list[0];
    signal.throwIfAborted();
    return new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers });
  });
  return asked;
}

/** Fails five times, so that it polls. */
async function polling(options) {
  const made = client(options);
  made.open();
  for (let failures = 0; failures < 5; failures += 1) {
    last().ends(1006);
    if (failures < 4) mock.timers.tick(made.delayMs);
  }
  await settled();
  return made;
}

test('a close with 1000 is the end', () => {
  const made = connected();
  last().ends(1000);
  assert.equal(made.state, State.DISCONNECTED);
  mock.timers.tick(120000);
  assert.equal(sockets.length, 1);
});

test('what was asked for is never shortened', () => {
  Math.random.mock.restore();
  mock.method(Math, 'random', () => 0);
  const made = connected();
  last().ends(1008);
  assert.equal(made.delayMs, 30000);
  mock.timers.tick(30000);
  last().open();
  last().says({ type: 'serverShutdown', payload: { reconnectAfterMs: 7000 } });
  last().ends(1012);
  assert.equal(made.delayMs, 7000);
  made.close();
});

test('ten seconds of a stable connection forget the failures', () => {
  const made = connected();
  for (const delay of [1000, 2000, 4000]) {
    last().ends(1006);
    assert.equal(made.delayMs, delay);
    mock.timers.tick(delay);
    last().open();
  }
  mock.timers.tick(9999);
  assert.equal(made.attempt, 3);
  mock.timers.tick(1);
  assert.equal(made.attempt, 0);
  last().ends(1006);
  assert.equal(made.delayMs, 1000);
  made.close();
});

test('opening twice is opening once', () => {
  const made = connected();
  made.open();
  assert.equal(sockets.length, 1);
  made.close();
  made.open();
  made.open();
  assert.equal(sockets.length, 2);
  made.close();
});

test('opening while it waits makes the attempt now, and only once', () => {
  const made = connected();
  last().ends(1006);
  made.open();
  assert.equal(sockets.length, 2);
  last().open();
  mock.timers.tick(9000);
  assert.equal(sockets.length, 2);
  assert.equal(made.state, State.CONNECTED);
  made.close();
});

test('chat and preview alone come back with what they know too', () => {
  const made = connected({ target: 'chat' });
  last().says({ type: 'welcome', version: 3, epoch: 'e' });
  last().says({ type: 'chatHistory', payload: { messages: [{ id: 'm1' }] } });
  assert.equal(made.recovered, null);
  last().ends(1006);
  mock.timers.tick(1000);
  assert.equal(last().url.search, '?target=chat&since=3&epoch=e&lastMessageId=m1');
  last().open();
  last().says({ type: 'welcome', version: 4, epoch: 'e', recovered: true });
  assert.equal(made.recovered, true);
  made.close();
});

test('a welcome of another epoch takes the old version away, and brings no state', () => {
  const made = connected();
  last().says({ type: 'welcome', version: 7, epoch: 'e' });
  last().says({ type: 'stateUpdate', payload: { stream: {} }, version: 7, epoch: 'e' });
  last().ends(1006);
  mock.timers.tick(1000);
  last().open();
  last().says({ type: 'welcome', version: 2, epoch: 'f', recovered: false });
  assert.deepEqual([made.epoch, made.version, made.recovered], ['f', null, false]);
  // It is lost before the state has come: nothing can be said to be known.
  last().ends(1006);
  mock.timers.tick(2000);
  assert.equal(last().url.search, '?target=state');
  made.close();
});

test('a token that comes too late changes nothing', async () => {
  let give;
  const made = connected({ getToken: () => new Promise((resolve) => { give = resolve; }) });
  last().ends(4401);
  made.close();
  made.open();
  assert.equal(sockets.length, 2);
  give('late');
  await settled();
  mock.timers.tick(4000);
  assert.equal(sockets.length, 2);
  made.close();
});

test('after five failures it polls, and stops when it is connected', async () => {
  const asked = answers({});
  const made = await polling();
  assert.deepEqual([made.state, made.mode], [State.FAILED, 'polling']);
  assert.deepEqual(asked, ['http://stream.test/api/stream/status']);
  assert.deepEqual(made.stream, { isLive: true });
  mock.timers.tick(1000);
  await settled();
  assert.equal(asked.length, 2);
  const before = sockets.length;
  for (let second = 0; second < 36; second += 1) {
    mock.timers.tick(1000);
    await settled();
  }
  assert.equal(sockets.length, before + 1);
  last().open();
  assert.deepEqual([made.state, made.mode], [State.CONNECTED, 'websocket']);
  const count = asked.length;
  mock.timers.tick(9000);
  await settled();
  assert.equal(asked.length, count);
  made.close();
});

test('polling waits as long as it is asked to', async () => {
  const soon = { status: 429, body: { error: 'Too many requests' }, headers: { 'Retry-After': '7' } };
  const date = new Date(Date.now() + 20000).toUTCString();
  const asked = answers(soon, { status: 503, body: '{}', headers: { 'Retry-After': date } }, {});
  const made = await polling();
  mock.timers.tick(6999);
  await settled();
  assert.equal(asked.length, 1);
  mock.timers.tick(1);
  await settled();
  assert.equal(asked.length, 2);
  mock.timers.tick(15000);
  await settled();
  assert.equal(asked.length, 2);
  mock.timers.tick(6000);
  await settled();
  assert.equal(asked.length, 3);
  made.close();
});

test('polling ends with the client', async () => {
  const asked = answers({});
  const made = await polling();
  made.close();
  mock.timers.tick(60000);
  await settled();
  assert.equal(asked.length, 1);
  assert.deepEqual([made.state, made.mode], [State.DISCONNECTED, 'none']);
});

test('pictures are polled beside the WebSocket', async () => {
  const headers = { 'Content-Type': 'image/jpeg', 'X-Frame-Number': '5' };
  const asked = answers({}, { body: 'picture', headers });
  const made = client({ url: 'wss://stream.test:8443/live/stream/ws?x=1', target: 'preview', WebSocket: null });
  const frames = [];
  made.on('frame', (frame) => frames.push([frame.number, frame.format, frame.bytes.length]));
  made.open();
  await settled();
  assert.deepEqual(asked, ['https://stream.test:8443/live/stream/status', 'https://stream.test:8443/live/stream/frame']);
  assert.deepEqual(frames, [[5, 'jpeg', 7]]);
  assert.deepEqual([made.state, made.mode], [State.FAILED, 'polling']);
  made.close();
});

test('who has no WebSocket polls from the beginning', async () => {
  const asked = answers({});
  const made = client({ WebSocket: undefined });
  made.WebSocket = undefined;
  made.open();
  made.open();
  await settled();
  mock.timers.tick(1000);
  await settled();
  assert.equal(asked.length, 2);
  made.close();
});

test('what is pinned is known', () => {
  const made = connected({ target: 'chat' });
  last().says({ type: 'chatHistory', payload: { messages: [{ id: 'm1' }], pinned: 'm1' } });
  assert.equal(made.pinned, 'm1');
  last().says({ type: 'moderationEvent', payload: { action: 'delete', messageId: 'm1' } });
  assert.deepEqual([made.pinned, made.chat], [null, []]);
  last().says({ type: 'moderationEvent', payload: { action: 'pin', messageId: 'm2' } });
  assert.equal(made.pinned, 'm2');
  made.close();
});

test('handlers can be taken back', () => {
  const made = connected();
  const seen = [];
  const end = made.on('pong', ({ n }) => seen.push(n));
  last().says({ type: 'pong', n: 1 });
  end();
  last().says({ type: 'pong', n: 2 });
  assert.deepEqual(seen, [1]);
  made.close();
});

test('the types name all there is, and no more', () => {
  const text = readFileSync(new URL('../client.d.ts', import.meta.url), 'utf8');
  const declared = text.slice(text.indexOf('class StreamClient')).matchAll(/^ {2}(?:readonly )?(\w+)[<(:]/gm);
  const names = [...Object.getOwnPropertyNames(StreamClient.prototype), ...Object.keys(client())];
  assert.deepEqual([...new Set([...declared].map(([, name]) => name))].sort(), names.sort());
});

test('JSON that is no message does no harm', () => {
  const made = connected();
  const errors = [];
  made.on('error', ({ message }) => errors.push(message));
  for (const text of ['null', '7', '[]', '{"version":1}']) last().says(text);
  assert.equal(errors.length, 4);
  assert.equal(made.state, State.CONNECTED);
  made.close();
});

test('who opens again on hearing of a close gets one connection', () => {
  const made = connected();
  made.addEventListener('close', () => made.open(), { once: true });
  last().ends(1006);
  assert.equal(sockets.length, 2);
  last().open();
  mock.timers.tick(5000);
  assert.equal(sockets.length, 2);
  assert.equal(made.state, State.CONNECTED);
  made.close();
});

test('a wait that no timer can hold is not taken for none', () => {
  const made = connected();
  last().says({ type: 'serverShutdown', payload: { reconnectAfterMs: 1e12 } });
  last().ends(1012);
  assert.equal(made.delayMs, 2 ** 31 - 1);
  made.close();
});

test('a history takes away what was deleted meanwhile, and joins what is known', () => {
  const made = connected({ target: 'chat' });
  const history = (...ids) => last().says({ type: 'chatHistory', payload: { messages: ids.map((id) => ({ id })) } });
  const known = () => made.chat.map(({ id }) => id).join(' ');
  history('m1', 'm2', 'm3');
  last().says({ type: 'chatMessage', payload: { id: 'm4' } });
  history('m2', 'm4', 'm5');
  assert.equal(known(), 'm1 m2 m4 m5');
  // Nobody knows what was between them.
  history('m8', 'm9');
  assert.equal(known(), 'm8 m9');
  history();
  assert.equal(known(), '');
  made.close();
});

test('the wait that begins with polling is half a minute already', async () => {
  answers({});
  const made = await polling();
  assert.deepEqual([made.mode, made.delayMs], ['polling', 30000]);
  made.close();
});

test('pictures are asked for as seldom as their own answer says', async () => {
  const asked = answers({}, { status: 429, body: '{}', headers: { 'Retry-After': '7' } }, {});
  const made = client({ WebSocket: null, target: 'preview' });
  made.open();
  await settled();
  mock.timers.tick(6999);
  await settled();
  assert.equal(asked.length, 2);
  mock.timers.tick(1);
  await settled();
  assert.equal(asked.length, 4);
  made.close();
});
