// The panels of the test page that show channels: preview, layers, chat. All text goes in as text, never as markup.

const $ = (id) => document.getElementById(id);

/** Pictures of the preview on a canvas, and how they come. */
export class Preview {
  #times = [];

  /** Draws a frame; one that can't be decoded is left out. */
  async draw({ number, format, bytes }) {
    this.#times.push(performance.now());
    this.#times = this.#times.filter((time) => time > performance.now() - 2000);
    try {
      const picture = await createImageBitmap(new Blob([bytes], { type: `image/${format}` }));
      const canvas = $('preview');
      [canvas.width, canvas.height] = [picture.width, picture.height];
      canvas.getContext('2d').drawImage(picture, 0, 0);
      canvas.dataset.frame = number;
    } catch {
      return;
    }
    $('preview-fps').textContent = (this.#times.length / 2).toFixed(1);
  }

  /** What the server says it will send. */
  configured({ width, height, fps, quality }) {
    $('preview-size').textContent = `${width}×${height} at most ${fps}`;
    for (const name of ['low', 'medium', 'high']) {
      $(`quality-${name}`).setAttribute('aria-pressed', String(name === quality));
    }
  }

  /** What the server says of how it goes. */
  performed({ dropped, latencyMs }) {
    $('preview-dropped').textContent = dropped;
    $('preview-latency').textContent = latencyMs;
  }
}

/** Puts new items in a list; what had the focus has it again, so that keys go on where they were. */
function renew(list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const id = focused?.closest('li')?.dataset.id;
  const action = focused?.dataset.action;
  list.replaceChildren(...items);
  if (id === undefined) return;
  const item = items.find((candidate) => candidate.dataset.id === id);
  item?.querySelector(`[data-action="${action}"]`)?.focus();
}

/** The layers, each with its switch; `set(id, visible)` is called for a click. */
export function showLayers(layers, set) {
  const items = [...layers.values()].map((layer) => {
    const item = document.createElement('li');
    item.dataset.id = layer.id;
    const label = document.createElement('label');
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.dataset.action = 'visible';
    box.checked = layer.visible;
    box.addEventListener('change', () => set(layer.id, box.checked));
    label.append(box, ` ${layer.name ?? layer.id}`);
    label.className = 'grow';
    const about = document.createElement('span');
    about.className = 'note';
    about.textContent = `${layer.type ?? ''} ${layer.content?.data?.text ?? ''}`;
    item.append(label, about);
    return item;
  });
  renew($('layers'), items);
  $('layers-count').textContent = items.length;
}

/** What a moderator can do about a message, by the button's name. */
const ACTIONS = { delete: 'Delete', pin: 'Pin', timeout: 'Mute', ban: 'Ban' };

/** The messages of the chat, each with a moderator's buttons; `act(action, message)` is called for a click. */
export function showChat({ chat, pinned }, act) {
  const items = chat.slice(-100).map((message) => {
    const item = document.createElement('li');
    item.dataset.id = message.id;
    const text = document.createElement('span');
    text.className = 'grow';
    text.textContent = `${message.user.name}: ${message.text}${message.highlighted ? ' ★' : ''}`;
    const buttons = Object.entries(ACTIONS).map(([action, name]) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = name;
      button.dataset.action = action;
      button.setAttribute('aria-label', `${name}: the message of ${message.user.name}`);
      button.addEventListener('click', () => act(action, message));
      return button;
    });
    item.append(text, ...buttons);
    return item;
  });
  const list = $('chat');
  renew(list, items);
  list.scrollTop = list.scrollHeight;
  const found = chat.find((message) => message.id === pinned);
  $('pinned').textContent = found ? `${found.user.name}: ${found.text}` : (pinned ?? '–');
}

/** What a moderator has done. */
export function showModerated({ action, userId, durationSeconds, by, reason }) {
  const about = [action, userId, durationSeconds && `${durationSeconds} s`, by && `by ${by}`, reason && `“${reason}”`];
  $('moderated').textContent = about.filter(Boolean).join(', ');
}

/** Who is there. */
export function showPresent({ users, count }) {
  $('present-count').textContent = count;
  const names = users.map((user) => (user.status === 'away' ? `${user.name} (away)` : user.name));
  $('present').textContent = names.join(', ') || '–';
  $('users').replaceChildren(...users.map((user) => new Option(user.name, user.id)));
}
