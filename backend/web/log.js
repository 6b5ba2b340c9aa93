// The message log of the test page: bounded, filtered, paused. All text goes in as text, never as markup.

const LOG_LIMIT = 500;

const $ = (id) => document.getElementById(id);
/** Newest first; `text` is what the filter looks at. */
const entries = [];
let paused = false;

/** Adds what went over the socket, unless the log is paused. */
export function addToLog({ direction, text }) {
  if (paused) return;
  let type = 'text';
  let pretty = text;
  if (text.length > 20000) {
    // A picture: its beginning says what it is.
    add(logItem(direction, 'frame', text, `${text.slice(0, 200)}…`), 'frame');
    return;
  }
  try {
    const value = JSON.parse(text);
    type = String(value?.type ?? 'JSON');
    pretty = JSON.stringify(value, null, 2);
  } catch {
    // Shown as it is.
  }
  add(logItem(direction, type, text, pretty), `${type} ${text}`.toLowerCase());
}

function add(element, text) {
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

function togglePause() {
  paused = !paused;
  $('log-pause').setAttribute('aria-pressed', String(paused));
  $('log-pause').textContent = paused ? 'Resume log' : 'Pause log';
}

function clearLog() {
  entries.splice(0).forEach((entry) => entry.element.remove());
  $('log-count').textContent = 0;
}

/** Has the filter and the buttons do what they say. */
export function wireLog() {
  $('log-filter').addEventListener('input', () => entries.forEach((entry) => { entry.element.hidden = !matches(entry); }));
  $('log-pause').addEventListener('click', togglePause);
  $('log-clear').addEventListener('click', clearLog);
}
