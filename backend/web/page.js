// The test page: wires the client to the elements. All text goes in as text, never as markup.

import { State, StreamClient, defaultUrl } from './client.js';
import { Preview, showChat, showLayers, showPresent } from './panels.js';

const LOG_LIMIT = 500;
const ERROR_LIMIT = 100;
const STATE_FIELDS = ['isLive', 'isPaused', 'fps', 'targetFPS', 'frameCount', 'droppedFrames', 'averageRenderTime', 'startTime', 'error'];
const METRIC_FIELDS = ['fps', 'bitrate', 'droppedFrames', 'encoderLatency', 'bufferHealth', 'cpuUsage', 'memoryUsage',
  'connectedClients', 'messagesPerSecond', 'queueDepth'];

const $ = (id) => document.getElementById(id);
const entries = [];
let client = null;
let paused = false;
let failed = false;
let countdown = 0;
let ownId = '';
const preview = new Preview();
const SWITCHES = ['resync', 'ping', 'send', 'chat-send', 'chat-mute', 'quality-low', 'quality-medium', 'quality-high'];

function rows(body, fields, prefix) {
  for (const field of fields) {
    const row = document.createElement('tr');
    const name = document.createElement('th');
    name.scope = 'row';
    name.textContent = field;
    const value = document.createElement('td');
    value.id = `${prefix}-${field}`;
    value.dataset.testid = value.id;
    value.textContent = '–';
    row.append(name, value);
    body.append(row);
  }
}

function shown(field, value) {
  if (value === null || value === undefined) return '–';
  if (field === 'startTime') return new Date(value).toLocaleTimeString();
  return String(value);
}

function fill(prefix, fields, values, changes = []) {
  for (const field of fields) {
    const cell = $(`${prefix}-${field}`);
    cell.textContent = shown(field, values[field]);
    cell.classList.toggle('changed', changes.includes(field));
  }
}

function showStatus(word) {
  $('status').textContent = word;
  document.body.dataset.status = word;
}

function onState({ detail: { state, attempt, delayMs, mode } }) {
  const connected = state === State.CONNECTED;
  if (connected) failed = false;
  if (connected) showStatus('Connected');
  else if (state === State.DISCONNECTED && !failed) showStatus('Disconnected');
  else if (state === State.CONNECTING) showStatus('Connecting');
  else showStatus('Error');
  $('attempt').textContent = attempt;
  $('mode').textContent = { websocket: 'WebSocket', polling: 'Polling' }[mode] ?? 'none';
  $('connect').disabled = state !== State.DISCONNECTED;
  $('disconnect').disabled = state === State.DISCONNECTED;
  for (const id of SWITCHES) $(id).disabled = !connected;
  clearInterval(countdown);
  $('delay').textContent = '–';
  if (state === State.RECONNECTING || state === State.FAILED) {
    const due = performance.now() + delayMs;
    const tick = () => {
      const left = Math.max(0, due - performance.now());
      $('delay').textContent = left > 0 ? `${(left / 1000).toFixed(1)} s` : 'now';
      if (left === 0) clearInterval(countdown);
    };
    tick();
    countdown = setInterval(tick, 100);
  }
}

function onMessage({ detail: message }) {
  if (message.version !== undefined) $('version').textContent = message.version;
  if (message.epoch !== undefined) $('epoch').textContent = message.epoch;
  switch (message.type) {
    case 'welcome':
      $('client-id').textContent = message.clientId;
      ownId = message.clientId;
      $('welcome').textContent = message.message;
      $('heartbeat').textContent = message.heartbeat
        ? `${message.heartbeat.intervalMs / 1000} s, ends after ${message.heartbeat.timeoutMs / 1000} s` : '–';
      break;
    case 'stateUpdate':
      fill('state', STATE_FIELDS, message.payload.stream, message.changes ?? []);
      $('changes').textContent = message.changes?.join(', ') || '–';
      break;
    case 'metricsUpdate':
      fill('metric', METRIC_FIELDS, message.payload);
      break;
    case 'config':
      preview.configured(message.data);
      break;
    case 'performance':
      preview.performed(message.data);
      break;
    case 'layerState':
    case 'layerUpdate':
      showLayers(client.layers, (id, visible) => client.setLayer(id, { visible }));
      break;
    case 'chatHistory':
    case 'chatMessage':
    case 'moderationEvent':
      showChat(client.chat, null, (messageId) => client.moderate('delete', { messageId }));
      break;
    case 'presenceUpdate':
      showPresent(client.present);
      break;
    case 'error':
      addError(`${message.payload.code}: ${message.payload.message}`);
      break;
    case 'streamError':
      addError(`stream, ${message.payload.severity}: ${message.payload.message}`);
      break;
    default:
  }
}

function onPoll({ detail: body }) {
  fill('state', STATE_FIELDS, body.data);
  $('version').textContent = body.version;
  $('epoch').textContent = body.epoch;
}

function addError(text) {
  const item = document.createElement('li');
  item.textContent = `${new Date().toLocaleTimeString()}  ${text}`;
  $('errors').prepend(item);
  while ($('errors').children.length > ERROR_LIMIT) $('errors').lastChild.remove();
}

function onRaw({ detail: { direction, text } }) {
  if (paused) return;
  let type = 'text';
  let pretty = text;
  if (text.length > 20000) {
    // A picture: its beginning says what it is.
    entriesAdd(logItem(direction, 'frame', text, `${text.slice(0, 200)}…`), 'frame');
    return;
  }
  try {
    const value = JSON.parse(text);
    type = String(value?.type ?? 'JSON');
    pretty = JSON.stringify(value, null, 2);
  } catch {
    // Shown as it is.
  }
  entriesAdd(logItem(direction, type, text, pretty), `${type} ${text}`.toLowerCase());
}

function entriesAdd(element, text) {
  entries.unshift({ element, text });
  element.hidden = !matches(entries[0]);
  $('log').prepend(element);
  while (entries.length > LOG_LIMIT) entries.pop().element.remove();
  $('log-count').textContent = entries.length;
}

function logItem(direction, type, text, pretty) {
  const item = document.createElement('li');
  item.className = direction;
  item.dataset.direction = direction;
  item.dataset.type = type;
  const details = document.createElement('details');
  const summary = document.createElement('summary');
  const part = (name, content) => {
    const span = document.createElement('span');
    span.className = name;
    span.textContent = content;
    summary.append(span);
  };
  part('time', new Date().toLocaleTimeString(undefined, { hour12: false, hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 }));
  part('direction', direction === 'out' ? '↑ out' : '↓ in');
  part('type', type);
  part('size', `${new TextEncoder().encode(text).length} B`);
  part('text', text.slice(0, 300));
  const pre = document.createElement('pre');
  pre.textContent = pretty;
  details.append(summary, pre);
  item.append(details);
  return item;
}

function matches(entry) {
  return entry.text.includes($('log-filter').value.trim().toLowerCase());
}

function connect(event) {
  event.preventDefault();
  client?.close();
  failed = false;
  client = new StreamClient({
    url: $('url').value,
    target: $('target').value,
    protocols: $('protocol').value.split(',').map((name) => name.trim()).filter(Boolean),
    token: $('token').value,
  });
  client.addEventListener('stateChange', onState);
  client.addEventListener('message', onMessage);
  client.addEventListener('raw', onRaw);
  client.addEventListener('poll', onPoll);
  client.addEventListener('frame', onFrame);
  client.addEventListener('open', () => client.send({ type: 'hello', message: 'Hello from the stream test page' }));
  client.addEventListener('error', ({ detail }) => { failed = true; addError(detail.message); });
  client.addEventListener('close', ({ detail: { code, reason } }) => {
    $('close-code').textContent = code;
    $('close-reason').textContent = reason;
  });
  client.open();
}

function onFrame({ detail: frame }) {
  preview.draw(frame);
  // Twice a second is enough to know how late they are.
  if (frame.number % 10 === 0) client.send({ type: 'frameAck', data: { frame: frame.number } });
}

function say(event) {
  event.preventDefault();
  const name = $('chat-name').value.trim();
  if (client?.say($('chat-text').value, name ? { user: { name } } : {})) $('chat-text').value = '';
  else addError('chat: not connected');
}

function mute() {
  const other = client.chat.findLast((message) => message.user.id !== ownId);
  if (other) client.moderate('timeout', { userId: other.user.id, durationSeconds: 60, reason: 'from the test page' });
  else addError('chat: nobody else has written');
}

async function control(action) {
  const headers = { 'Content-Type': 'application/json' };
  if ($('token').value) headers.Authorization = `Bearer ${$('token').value}`;
  try {
    const answer = await fetch(`/api/stream/${action}`, { method: 'POST', headers });
    const body = await answer.json();
    if (!answer.ok) addError(`${action}: ${body.error}`);
    else fill('state', STATE_FIELDS, body.data);
  } catch (error) {
    addError(`${action}: ${error.message}`);
  }
}

async function ping() {
  try {
    $('round-trip').textContent = `${(await client.ping()).toFixed(1)} ms`;
  } catch (error) {
    $('round-trip').textContent = '–';
    addError(`ping: ${error.message}`);
  }
}

function send(event) {
  event.preventDefault();
  if (!client?.send($('send-text').value)) addError('send: not connected');
}

function togglePause() {
  paused = !paused;
  $('log-pause').setAttribute('aria-pressed', String(paused));
  $('log-pause').textContent = paused ? 'Resume log' : 'Pause log';
}

function clearLog() {
  entries.splice(0).forEach((entry) => entry.element.remove());
  $('log-count').textContent = 0;
}

rows($('state'), STATE_FIELDS, 'state');
rows($('metrics'), METRIC_FIELDS, 'metric');
for (const element of document.querySelectorAll('[id]')) element.dataset.testid ??= element.id;
$('url').value = defaultUrl();
$('send-text').value = $('send-kind').value;
$('connection').addEventListener('submit', connect);
$('disconnect').addEventListener('click', () => client?.close());
for (const action of ['start', 'pause', 'stop']) $(action).addEventListener('click', () => control(action));
$('resync').addEventListener('click', () => client?.resync());
$('ping').addEventListener('click', ping);
$('send-form').addEventListener('submit', send);
$('chat-form').addEventListener('submit', say);
$('chat-mute').addEventListener('click', mute);
for (const quality of ['low', 'medium', 'high']) $(`quality-${quality}`).addEventListener('click', () => client.updateQuality(quality));
$('send-kind').addEventListener('change', () => { $('send-text').value = $('send-kind').value; });
$('log-filter').addEventListener('input', () => entries.forEach((entry) => { entry.element.hidden = !matches(entry); }));
$('log-pause').addEventListener('click', togglePause);
$('log-clear').addEventListener('click', clearLog);
for (const id of SWITCHES) $(id).disabled = true;
document.body.dataset.status = 'Disconnected';

// Whoever opens the page wants to see whether it works.
$('connection').requestSubmit();
