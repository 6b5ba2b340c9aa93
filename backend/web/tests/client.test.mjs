// The client library against a WebSocket and a clock of the test's own: `node --test backend/web/tests`.

import assert from 'node:assert/strict';
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
  assert.equal(made.delayMs, 5000);
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
  for (const code of [1002, 1003, 1007, 1009, 4401]) {
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
