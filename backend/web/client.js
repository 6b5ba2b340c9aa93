// Stream client: one channel connection that looks after itself. No dependencies; a classic ES module.
//
//   const client = new StreamClient({ target: 'state' });
//   client.addEventListener('message', (event) => event.detail.type);
//   client.open();
//
// States: CONNECTING CONNECTED RECONNECTING DISCONNECTED FAILED (FAILED: it is polling instead, and still trying).
// Events (CustomEvent, data in `detail`):
//   stateChange {state, attempt, delayMs, mode}   open {}   close {code, reason, clean}   error {message}
//   reconnect {attempt, delayMs}   message {any JSON}   raw {direction: 'in'|'out', text}   poll {status body}
//
// After a lost connection it waits min(1 s * 2^n, 30 s), give or take 20 %; n starts again at 0 after 10 s of a stable
// connection. `reconnectAfterMs` of a `serverShutdown` is honoured. After five failures it polls the status every second,
// and tries again every 30 s; when it is connected again, polling stops.

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 30000;
const STABLE_AFTER = 10000;
const POLL_AFTER_FAILURES = 5;
const POLL_EVERY = 1000;
const RETRY_WHILE_POLLING = 30000;
const PING_EVERY = 30000;
/** Close codes after which coming back at once does not help; see the specification, section 3.5. */
const SLOW_DOWN = 30000;

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
export function defaultUrl(location = window.location) {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${location.host}/api/stream/ws`;
}

export class StreamClient extends EventTarget {
  #socket = null;
  #timers = new Map();
  #wanted = false;
  #highest = new Map();
  #asked = null;

  constructor({ url = defaultUrl(), target = 'state', protocols = [], token = '', statusUrl = '/api/stream/status' } = {}) {
    super();
    Object.assign(this, { url, target, protocols, token, statusUrl });
    this.state = State.DISCONNECTED;
    this.attempt = 0;
    this.delayMs = 0;
    this.mode = 'none';
    this.epoch = null;
  }

  /** Connects, and stays connected until `close`. */
  open() {
    this.#wanted = true;
    this.attempt = 0;
    this.#connect(State.CONNECTING);
  }

  /** Ends it, retries and timers included. */
  close() {
    this.#wanted = false;
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
      socket.close(1000);
    }
    this.mode = 'none';
    this.#become(State.DISCONNECTED);
  }

  /** Sends an object as JSON, or a string as it is. `false` if there is no connection. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    this.#socket.send(text);
    this.#emit('raw', { direction: 'out', text });
    return true;
  }

  /** Asks for the whole state of every subscribed channel. */
  resync() {
    return this.send({ type: 'resync' });
  }

  /** Asks for another picture quality: low, medium or high. */
  updateQuality(quality) {
    return this.send({ type: 'quality', data: { quality } });
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
    this.#become(state);
    let socket;
    try {
      const url = new URL(this.url, window.location.href);
      if (this.target && !url.searchParams.has('target')) url.searchParams.set('target', this.target);
      socket = new WebSocket(url, this.#offered());
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
      this.send({ type: 'ping', timestamp: Date.now() });
      this.#pingLater();
    });
  }

  #received(data) {
    const text = typeof data === 'string' ? data : '';
    this.#emit('raw', { direction: 'in', text: text || `(${data.size ?? data.byteLength} binary bytes)` });
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.#emit('error', { message: 'the server sent something that is not JSON' });
      return;
    }
    if (message.type === 'ping') this.send({ type: 'pong', timestamp: Date.now() });
    if (message.type === 'serverShutdown') this.reconnectAfterMs = message.payload?.reconnectAfterMs;
    if (this.#isOld(message)) return;
    this.#emit('message', message);
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
    this.#clear('stable');
    this.#clear('ping');
    this.#emit('close', { code, reason, clean: wasClean });
    if (!this.#wanted) return this.#become(State.DISCONNECTED);
    const polling = this.attempt >= POLL_AFTER_FAILURES;
    const plain = polling ? RETRY_WHILE_POLLING : backoff(this.attempt);
    const least = code === 1008 ? SLOW_DOWN : (this.reconnectAfterMs ?? 0);
    this.reconnectAfterMs = undefined;
    this.delayMs = Math.round(Math.max(plain, least) * (0.8 + Math.random() * 0.4));
    this.attempt += 1;
    if (this.attempt >= POLL_AFTER_FAILURES) this.#startPolling();
    else this.mode = 'none';
    this.#become(this.attempt >= POLL_AFTER_FAILURES ? State.FAILED : State.RECONNECTING);
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
    try {
      const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
      const answer = await fetch(this.statusUrl, { headers, signal: this.#asked.signal, cache: 'no-store' });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.error ?? `status ${answer.status}`);
      if (this.mode === 'polling') this.#emit('poll', body);
    } catch (error) {
      if (error.name !== 'AbortError') this.#emit('error', { message: `polling: ${error.message}` });
    }
    if (this.mode === 'polling') this.#after('poll', POLL_EVERY, () => this.#poll());
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
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
