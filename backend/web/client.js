// Stream client: one connection to the stream manager that looks after itself, in browsers and in Node 22 or later.
// No dependencies; an ES module.
//
//   const client = new StreamClient({ target: 'state,layers,chat' });
//   client.on('stateUpdate', ({ payload }) => console.log(payload.stream));
//   client.open();
//
// What it knows is in its fields: `stream`, `layers` (Map by id), `chat` (messages), `pinned`, `present`, `config`, `version`,
// `epoch`, and `recovered`: whether all that was missed while it was away has come (null: it was not away).
//
// States: CONNECTING CONNECTED RECONNECTING DISCONNECTED FAILED (FAILED: it is polling instead and still trying, or it has
// ended for good; `mode` says which).
// Events (CustomEvent, data in `detail`; `on` hands it over alone):
//   stateChange {state, attempt, delayMs, mode}   open {}   close {code, reason, clean}   error {message}
//   reconnect {attempt, delayMs}   message {any JSON}   raw {direction: 'in'|'out', text}   poll {status body}
//   frame {number, timestamp, format, bytes}   and one event for each type of message
//
// After a lost connection it waits min(1 s * 2^n, 30 s), give or take 20 %; n starts again at 0 after 10 s of a stable
// connection. Never shorter than `reconnectAfterMs` of a `serverShutdown`, nor than 30 s after 1008. After five failures it
// polls the status every second, or as seldom as `Retry-After` asks, and tries again every 30 s; when it is connected again,
// polling stops. Where there is no WebSocket at all it polls from the beginning. A server that is silent for 10 s after a
// ping is gone. After 4401 or 4403 it asks `getToken` for another token, and without one it ends; after 1002, 1003, 1007 and
// 1009, which say that something has to be repaired, it ends too; and after 1000, which answers our own close only.

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 30000;
const STABLE_AFTER = 10000;
const POLL_AFTER_FAILURES = 5;
const POLL_EVERY = 1000;
const RETRY_WHILE_POLLING = 30000;
const PING_EVERY = 30000;
const PONG_WITHIN = 10000;
const CHAT_KEPT = 500;
/** A `Retry-After` beyond this is not believed. */
const LONGEST_WAIT = 600000;
/** Close codes that trying again does not change. */
const HOPELESS = new Set([1002, 1003, 1007, 1009]);
/** Close codes that ask for another token. */
const TOKEN = new Set([4401, 4403]);
/** The server's answer to a close of ours; of its own it never says that. */
const NORMAL = 1000;
/** Too many messages, or bad ones. */
const POLICY = 1008;
/** Our own: nothing was heard after a ping. */
const SILENT = 4000;
/** Close codes after which coming back at once does not help; see the specification, section 3.5. */
const SLOW_DOWN = 30000;
/** A timer with a longer delay fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const State = Object.freeze({
  CONNECTING: 'CONNECTING',
  CONNECTED: 'CONNECTED',
  RECONNECTING: 'RECONNECTING',
  DISCONNECTED: 'DISCONNECTED',
  FAILED: 'FAILED',
});

/** The delay before attempt n (from 0), before it is spread. */
export function backoff(attempt) {
  return Math.min(FIRST_DELAY * 2 ** Math.min(attempt, 16), LONGEST_DELAY);
}

/** Where this page's own server has its WebSocket. */
export function defaultUrl(location = globalThis.location) {
  if (!location) throw new Error('there is no page here: give the option url');
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${location.host}/api/stream/ws`;
}

/** The same server's REST: beside `…/stream/ws`; the other doors stand alone. */
function besides(url, name) {
  const rest = new URL(url, globalThis.location?.href);
  const path = rest.pathname.endsWith('/stream/ws') ? rest.pathname.slice(0, -'ws'.length) : '/api/stream/';
  rest.protocol = rest.protocol.replace('ws', 'http');
  rest.pathname = path + name;
  rest.search = '';
  return rest.href;
}

/** Milliseconds that an answer asks to wait; seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(answer) {
  const text = answer.headers.get('retry-after') ?? '';
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Math.min(Math.max(wait, 0) || 0, LONGEST_WAIT);
}

/** An event with data; older Nodes have no CustomEvent. */
class DetailEvent extends Event {
  constructor(type, detail) {
    super(type);
    this.detail = detail;
  }
}

/**
 * A binary frame: `SF`, version, format (1 PNG, 2 JPEG), number, timestamp, length, picture. `null`: it is none.
 * @param {ArrayBuffer} buffer
 */
export function decodeFrame(buffer) {
  if (buffer.byteLength < 20) return null;
  const view = new DataView(buffer);
  const length = view.getUint32(16);
  if (view.getUint16(0) !== 0x5346 || view.getUint8(2) !== 1 || buffer.byteLength !== 20 + length) return null;
  return {
    format: view.getUint8(3) === 2 ? 'jpeg' : 'png',
    number: view.getUint32(4),
    timestamp: Number(view.getBigUint64(8)),
    bytes: new Uint8Array(buffer, 20),
  };
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

export class StreamClient extends EventTarget {
  #socket = null;
  #timers = new Map();
  #wanted = false;
  #highest = new Map();
  #asked = null;
  /** Another with each `open` and `close`, so that what was waited for before knows that it is too late. */
  #life = 0;

  /**
   * @param {object} [options]
   * @param {string} [options.url] of the WebSocket; by default the page's own server
   * @param {string} [options.target] channels, comma-separated: state, preview, layers, chat
   * @param {string[]} [options.protocols] subprotocols to offer
   * @param {string} [options.token] sent as a subprotocol, and as a bearer token when polling
   * @param {() => string|Promise<string>} [options.getToken] asked when the token has run out
   * @param {string} [options.statusUrl] polled while there is no WebSocket; by default of the same server
   * @param {string} [options.frameUrl] the same, for the preview; by default `frame` there
   * @param {typeof WebSocket} [options.WebSocket] another implementation
   */
  constructor({
    url = defaultUrl(), target = 'state', protocols = [], token = '', getToken = null,
    statusUrl = besides(url, 'status'), frameUrl = besides(url, 'frame'), WebSocket = globalThis.WebSocket,
  } = {}) {
    super();
    Object.assign(this, { url, target, protocols, token, getToken, statusUrl, frameUrl, WebSocket });
    this.stream = null;
    this.layers = new Map();
    this.chat = [];
    this.present = { count: 0, users: [] };
    this.config = null;
    this.version = null;
    this.state = State.DISCONNECTED;
    this.attempt = 0;
    this.delayMs = 0;
    this.mode = 'none';
    this.epoch = null;
    this.recovered = null;
    this.pinned = null;
  }

  /** Calls `handler` with the data of every such event; what comes back ends that. */
  on(type, handler) {
    const listener = ({ detail }) => handler(detail);
    this.addEventListener(type, listener);
    return () => this.removeEventListener(type, listener);
  }

  /** Connects, and stays connected until `close`. While it waits for its next attempt: makes it now. */
  open() {
    if (this.#socket) return;
    this.#wanted = true;
    this.#life += 1;
    this.#clear('retry');
    if (this.mode === 'polling') return this.#connect(State.FAILED);
    this.attempt = 0;
    this.#connect(State.CONNECTING);
  }

  /** Ends it, retries and timers included. */
  close() {
    this.#wanted = false;
    this.#life += 1;
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
    this.#asked?.abort();
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      const done = (event) => this.#emit('close', { code: event.code, reason: event.reason, clean: event.wasClean });
      socket.onclose = done;
      socket.onmessage = null;
      socket.onerror = null;
      socket.close(NORMAL);
    }
    this.mode = 'none';
    this.#become(State.DISCONNECTED);
  }

  /** Sends an object as JSON, or a string as it is. `false` if there is no connection. */
  send(message) {
    if (this.#socket?.readyState !== 1) return false;
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.#socket.send(text);
    this.#emit('raw', { direction: 'out', text });
    return true;
  }

  /** Asks for the whole state of every subscribed channel. */
  resync() {
    return this.send({ type: 'resync' });
  }

  /** Asks for another picture quality (low, medium, high), and, if wanted, `encoding` (json, binary) and `format` (png, jpeg). */
  updateQuality(quality, more = {}) {
    return this.send({ type: 'quality', data: { quality, ...more } });
  }

  /** Starts, stops, pauses or resumes the stream. */
  control(action) {
    return this.send({ type: 'control', payload: { action } });
  }

  /** Changes fields of a layer: visible, opacity, transform, content. */
  setLayer(id, fields) {
    return this.send({ type: 'layerUpdate', payload: { id, ...fields } });
  }

  /** Writes in chat. */
  say(text, more = {}) {
    return this.send({ type: 'chatMessage', payload: { text, ...more } });
  }

  /** Says how one is in chat (online, away), and what one is called. */
  setPresence(status, name) {
    return this.send({ type: 'presence', payload: name ? { status, name } : { status } });
  }

  /** Moderates: delete, timeout, ban, unban, slowMode, clear, pin. */
  moderate(action, fields = {}) {
    return this.send({ type: 'moderation', payload: { action, ...fields } });
  }

  /** Measures the way there and back; resolves with milliseconds. */
  ping(timeoutMs = 5000) {
    return new Promise((resolve, reject) => {
      const start = performance.now();
      const stamp = Date.now();
      const end = (settle, value) => {
        clearTimeout(timer);
        this.removeEventListener('message', heard);
        settle(value);
      };
      const heard = ({ detail }) => {
        if (detail.type === 'pong' && detail.echo === stamp) end(resolve, performance.now() - start);
      };
      const timer = setTimeout(() => end(reject, new Error(`no pong within ${timeoutMs} ms`)), timeoutMs);
      this.addEventListener('message', heard);
      if (!this.send({ type: 'ping', timestamp: stamp })) end(reject, new Error('not connected'));
    });
  }

  #connect(state) {
    if (!this.WebSocket) return this.#onlyPoll();
    this.#become(state);
    let socket;
    try {
      socket = new this.WebSocket(this.#address(), this.#offered());
      socket.binaryType = 'arraybuffer';
    } catch (error) {
      // A URL or a subprotocol that can't be: trying again would not change it.
      this.#emit('error', { message: String(error.message ?? error) });
      this.#wanted = false;
      this.#become(State.DISCONNECTED);
      return;
    }
    this.#socket = socket;
    const current = (handler) => (event) => { if (this.#socket === socket) handler(event); };
    socket.onopen = current(() => this.#opened());
    socket.onmessage = current((event) => this.#received(event.data));
    socket.onerror = current(() => this.#emit('error', { message: `WebSocket error at ${socket.url}` }));
    socket.onclose = current((event) => this.#closed(event));
  }

  /** There is no WebSocket here, and there won't be one. */
  #onlyPoll() {
    if (this.mode === 'polling') return;
    this.#emit('error', { message: 'there is no WebSocket here: polling instead' });
    this.#startPolling();
    this.#become(State.FAILED);
  }

  /** With what is known already, so that the server can say whether anything is missed. */
  #address() {
    const url = new URL(this.url, globalThis.location?.href);
    const set = (name, value) => { if (value && !url.searchParams.has(name)) url.searchParams.set(name, value); };
    set('target', this.target);
    if (this.epoch && this.version !== null) {
      set('since', String(this.version));
      set('epoch', this.epoch);
      set('lastMessageId', this.chat.at(-1)?.id);
    }
    return url;
  }

  #offered() {
    const offered = [...this.protocols];
    if (this.token) {
      if (!offered.includes('stream.v1')) offered.unshift('stream.v1');
      offered.push(`bearer.${this.token}`);
    }
    return offered;
  }

  #opened() {
    this.#stopPolling();
    this.mode = 'websocket';
    this.delayMs = 0;
    this.#highest.clear();
    this.#become(State.CONNECTED);
    this.#emit('open', {});
    this.#after('stable', STABLE_AFTER, () => { this.attempt = 0; this.#become(this.state); });
    this.#pingLater();
  }

  #pingLater() {
    this.#after('ping', PING_EVERY, () => {
      const socket = this.#socket;
      this.send({ type: 'ping', timestamp: Date.now() });
      this.#after('silence', PONG_WITHIN, () => {
        if (this.#socket !== socket || !socket) return;
        socket.close(SILENT);
        // A server that is gone does not answer the close either.
        this.#closed({ code: SILENT, reason: 'no answer to a ping', wasClean: false });
      });
      this.#pingLater();
    });
  }

  #received(data) {
    this.#clear('silence');
    if (typeof data !== 'string') {
      this.#emit('raw', { direction: 'in', text: `(${data.byteLength} binary bytes)` });
      const frame = decodeFrame(data);
      if (frame) this.#emit('frame', frame);
      return;
    }
    this.#emit('raw', { direction: 'in', text: data });
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#emit('error', { message: 'the server sent something that is not JSON' });
      return;
    }
    if (typeof message?.type !== 'string') {
      this.#emit('error', { message: 'the server sent something that is no message' });
      return;
    }
    if (message.type === 'ping') this.send({ type: 'pong', timestamp: Date.now() });
    if (this.#isOld(message)) return;
    this.#take(message);
    this.#emit('message', message);
    if (message.type === 'frame') {
      const { frame, timestamp, format } = message;
      this.#emit('frame', { number: frame, timestamp, format, bytes: fromBase64(message.data) });
    } else if (message.type !== 'error') {
      this.#emit(message.type, message);
    }
  }

  /** Keeps what a message tells. */
  #take(message) {
    const { type, version, payload, data } = message;
    if (typeof version === 'number' && type !== 'welcome') this.version = version;
    const known = {
      welcome: () => this.#takeWelcome(message),
      serverShutdown: () => { this.reconnectAfterMs = payload?.reconnectAfterMs; },
      stateUpdate: () => { this.stream = payload.stream; },
      config: () => { this.config = data; },
      layerState: () => { this.layers = new Map(payload.layers.map((layer) => [layer.id, layer])); },
      layerUpdate: () => this.#takeLayer(payload, version),
      chatHistory: () => this.#takeHistory(payload),
      chatMessage: () => this.#takeChat([payload]),
      presenceUpdate: () => this.#takePresence(payload),
      moderationEvent: () => this.#takeModeration(payload),
    };
    if (Object.hasOwn(known, type)) known[type]();
  }

  /** It tells of the state, it doesn't bring it: the version is known when that has come, if it is asked for at all. */
  #takeWelcome({ version, epoch, recovered = null }) {
    this.recovered = recovered;
    if (epoch !== this.epoch) this.version = null;
    this.epoch = epoch ?? this.epoch;
    if (!/state|layers/.test(this.target || 'state')) this.version = version ?? null;
  }

  #takeLayer({ id, kind, ...news }, version) {
    if (kind === 'removed') {
      this.layers.delete(id);
    } else if (kind === 'order') {
      const order = news.order.map((each) => this.layers.get(each)).filter(Boolean);
      this.layers = new Map(order.map((layer, zIndex) => [layer.id, { ...layer, zIndex }]));
    } else {
      const { layer, ...fields } = news;
      this.layers.set(id, { ...this.layers.get(id), ...layer, ...fields, version });
    }
  }

  /** Of the time that a history covers it tells everything: what it lacks was deleted. If it begins later, something is lost. */
  #takeHistory({ messages, pinned = null }) {
    const first = messages[0]?.id;
    const joins = first !== undefined && this.chat.some((message) => message.id >= first);
    this.chat = joins ? this.chat.filter((message) => message.id < first) : [];
    this.pinned = pinned;
    this.#takeChat(messages);
  }

  #takeChat(messages) {
    const known = new Set(this.chat.map((message) => message.id));
    const all = [...this.chat, ...messages.filter((message) => !known.has(message.id))];
    this.chat = all.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(-CHAT_KEPT);
  }

  #takePresence({ event, user, users, count }) {
    const others = this.present.users.filter((known) => known.id !== user?.id);
    const now = event === 'leave' ? others : [...others, user];
    this.present = { count, users: users ?? now };
  }

  #takeModeration({ action, messageId }) {
    if (action === 'pin') this.pinned = messageId ?? null;
    if (action === 'clear' || (action === 'delete' && messageId === this.pinned)) this.pinned = null;
    if (action === 'delete') this.chat = this.chat.filter((message) => message.id !== messageId);
    if (action === 'clear') this.chat = [];
  }

  /** Versions are compared within a channel and an epoch; lanes may bring an older one later. */
  #isOld({ type, version, prevVersion, epoch }) {
    if (typeof version !== 'number' || type === 'welcome') return false;
    if (epoch !== undefined && epoch !== this.epoch) {
      this.epoch = epoch;
      this.#highest.clear();
    }
    const channel = type.startsWith('layer') ? 'layers' : type;
    const highest = this.#highest.get(channel) ?? -1;
    if (version < highest) return true;
    if (prevVersion > highest) this.resync();
    this.#highest.set(channel, version);
    return false;
  }

  #closed({ code, reason, wasClean }) {
    this.#socket = null;
    for (const timer of ['stable', 'ping', 'silence']) this.#clear(timer);
    const life = this.#life;
    this.#emit('close', { code, reason, clean: wasClean });
    // Whoever heard of it may have closed or opened.
    if (life !== this.#life) return;
    if (!this.#wanted) return this.#become(State.DISCONNECTED);
    if (code === NORMAL) return this.#end(State.DISCONNECTED);
    if (HOPELESS.has(code) || (TOKEN.has(code) && !this.getToken)) return this.#giveUp(code, reason);
    if (TOKEN.has(code)) return this.#renew();
    return this.#comeBack(code);
  }

  #giveUp(code, reason) {
    this.#emit('error', { message: `closed with ${code}${reason ? `, ${reason}` : ''}: trying again would not change it` });
    this.#end(State.FAILED);
  }

  #end(state) {
    this.#wanted = false;
    this.#stopPolling();
    this.mode = 'none';
    this.#become(state);
  }

  async #renew() {
    const life = this.#life;
    this.#become(State.RECONNECTING);
    let token = this.token;
    try {
      token = await this.getToken();
    } catch (error) {
      this.#emit('error', { message: `no new token: ${error?.message ?? error}` });
    }
    if (life !== this.#life) return;
    this.token = token;
    this.#comeBack(0);
  }

  #comeBack(code) {
    const polling = this.attempt + 1 >= POLL_AFTER_FAILURES;
    const plain = polling ? RETRY_WHILE_POLLING : backoff(this.attempt);
    const least = Math.max(code === POLICY ? SLOW_DOWN : 0, this.reconnectAfterMs ?? 0);
    this.reconnectAfterMs = undefined;
    // What was asked for is never shortened, only spread.
    const spread = Math.max(plain * (0.8 + Math.random() * 0.4), least * (1 + Math.random() * 0.2));
    this.delayMs = Math.min(Math.round(spread), LONGEST_TIMER);
    this.attempt += 1;
    if (polling) this.#startPolling();
    else this.mode = 'none';
    this.#become(polling ? State.FAILED : State.RECONNECTING);
    this.#emit('reconnect', { attempt: this.attempt, delayMs: this.delayMs });
    this.#after('retry', this.delayMs, () => this.#connect(this.mode === 'polling' ? State.FAILED : State.RECONNECTING));
  }

  #startPolling() {
    if (this.mode === 'polling') return;
    this.mode = 'polling';
    this.#poll();
  }

  async #poll() {
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    let wait = POLL_EVERY;
    try {
      const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
      const answer = await fetch(this.statusUrl, { headers, signal, cache: 'no-store' });
      wait = Math.max(wait, retryAfter(answer));
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.error ?? `status ${answer.status}`);
      if (!signal.aborted) {
        this.stream = body.data ?? this.stream;
        this.#emit('poll', body);
        if (this.target.includes('preview')) wait = Math.max(wait, await this.#pollFrame(headers, signal));
      }
    } catch (error) {
      if (!signal.aborted) this.#emit('error', { message: `polling: ${error.message}` });
    }
    if (!signal.aborted) this.#after('poll', wait, () => this.#poll());
  }

  /** Returns how long it is asked to wait. */
  async #pollFrame(headers, signal) {
    const answer = await fetch(this.frameUrl, { headers, signal, cache: 'no-store' });
    // 404: there is no picture yet.
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (!answer.ok || signal.aborted) return retryAfter(answer);
    this.#emit('frame', {
      number: Number(answer.headers.get('x-frame-number')),
      timestamp: Number(answer.headers.get('x-frame-timestamp')),
      format: answer.headers.get('content-type') === 'image/jpeg' ? 'jpeg' : 'png',
      bytes,
    });
    return 0;
  }

  #stopPolling() {
    this.#clear('poll');
    this.#asked?.abort();
  }

  #become(state) {
    this.state = state;
    const { attempt, delayMs, mode } = this;
    this.#emit('stateChange', { state, attempt, delayMs, mode });
  }

  #after(name, delay, action) {
    this.#clear(name);
    this.#timers.set(name, setTimeout(action, delay));
  }

  #clear(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #emit(type, detail) {
    this.dispatchEvent(new DetailEvent(type, detail));
  }
}
