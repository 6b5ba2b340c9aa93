// The test page: wires the client to the elements. All text goes in as text, never as markup.

import { State, StreamClient, defaultUrl } from './client.js';
import { addToLog, wireLog } from './log.js';
import { Preview, showChat, showLayers, showModerated, showPresent } from './panels.js';

const ERROR_LIMIT = 100;
const STATE_FIELDS = ['isLive', 'isPaused', 'fps', 'targetFPS', 'frameCount', 'droppedFrames', 'averageRenderTime', 'startTime', 'error'];
const METRIC_FIELDS = ['fps', 'bitrate', 'droppedFrames', 'encoderLatency', 'bufferHealth', 'cpuUsage', 'memoryUsage',
  'connectedClients', 'messagesPerSecond', 'queueDepth'];

const $ = (id) => document.getElementById(id);
let client = null;
let failed = false;
let countdown = 0;
const preview = new Preview();
const TARGETS = ['state', 'preview', 'layers', 'chat'];
const SWITCHES = ['resync', 'ping', 'send', 'chat-send', 'away', 'moderate', 'quality-low', 'quality-medium', 'quality-high'];

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
      showChat(client, moderateMessage);
      break;
    case 'moderationEvent':
      showChat(client, moderateMessage);
      showModerated(message.payload);
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

function connect(event) {
  event.preventDefault();
  client?.close();
  failed = false;
  client = new StreamClient({
    url: $('url').value,
    target: TARGETS.filter((name) => $(`target-${name}`).checked).join(','),
    protocols: $('protocol').value.split(',').map((name) => name.trim()).filter(Boolean),
    token: $('token').value,
  });
  client.addEventListener('stateChange', onState);
  client.addEventListener('message', onMessage);
  client.on('raw', addToLog);
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

/** Who asked for it is shown no error, whatever came before. */
function disconnect() {
  failed = false;
  client?.close();
}

function onFrame({ detail: frame }) {
  preview.draw(frame);
  // Twice a second is enough to know how late they are.
  if (frame.number % 10 === 0) client.send({ type: 'frameAck', data: { frame: frame.number } });
}

function say(event) {
  event.preventDefault();
  const name = $('chat-name').value.trim();
  const more = { highlighted: $('chat-highlighted').checked, ...(name ? { user: { name } } : {}) };
  if (client?.say($('chat-text').value, more)) $('chat-text').value = '';
  else addError('chat: not connected');
}

function toggleAway() {
  const away = $('away').getAttribute('aria-pressed') !== 'true';
  if (!client?.setPresence(away ? 'away' : 'online', $('chat-name').value.trim() || undefined)) return;
  $('away').setAttribute('aria-pressed', String(away));
}

/** A button beside a message. */
function moderateMessage(action, { id, user }) {
  $('moderation-user').value = user.id;
  const seconds = Number($('moderation-seconds').value);
  const fields = { delete: { messageId: id }, pin: { messageId: id }, ban: { userId: user.id } };
  client.moderate(action, fields[action] ?? { userId: user.id, durationSeconds: seconds });
}

/** The form below: what is about users, or about all. */
function moderate(event) {
  event.preventDefault();
  const action = $('moderation-action').value;
  const reason = $('moderation-reason').value.trim();
  const fields = reason ? { reason } : {};
  if (['timeout', 'ban', 'unban'].includes(action)) fields.userId = $('moderation-user').value.trim();
  if (['timeout', 'slowMode'].includes(action)) fields.durationSeconds = Number($('moderation-seconds').value);
  if (!client?.moderate(action, fields)) addError('moderation: not connected');
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

rows($('state'), STATE_FIELDS, 'state');
rows($('metrics'), METRIC_FIELDS, 'metric');
for (const element of document.querySelectorAll('[id]')) element.dataset.testid ??= element.id;
$('url').value = defaultUrl();
$('send-text').value = $('send-kind').value;
$('connection').addEventListener('submit', connect);
$('disconnect').addEventListener('click', disconnect);
for (const action of ['start', 'pause', 'stop']) $(action).addEventListener('click', () => control(action));
$('resync').addEventListener('click', () => client?.resync());
$('ping').addEventListener('click', ping);
$('send-form').addEventListener('submit', send);
$('chat-form').addEventListener('submit', say);
$('away').addEventListener('click', toggleAway);
$('moderation').addEventListener('submit', moderate);
for (const quality of ['low', 'medium', 'high']) $(`quality-${quality}`).addEventListener('click', () => client.updateQuality(quality));
$('send-kind').addEventListener('change', () => { $('send-text').value = $('send-kind').value; });
wireLog();
for (const id of SWITCHES) $(id).disabled = true;
document.body.dataset.status = 'Disconnected';

// Whoever opens the page wants to see whether it works.
$('connection').requestSubmit();
