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

/** The layers, each with its switch; `set(id, visible)` is called for a click. */
export function showLayers(layers, set) {
  const items = [...layers.values()].map((layer) => {
    const item = document.createElement('li');
    item.dataset.id = layer.id;
    const label = document.createElement('label');
    const box = document.createElement('input');
    box.type = 'checkbox';
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
  $('layers').replaceChildren(...items);
  $('layers-count').textContent = items.length;
}

/** The messages of the chat, each with a way to delete it. */
export function showChat(messages, pinned, remove) {
  const items = messages.slice(-100).map((message) => {
    const item = document.createElement('li');
    item.dataset.id = message.id;
    const text = document.createElement('span');
    text.className = 'grow';
    text.textContent = `${message.user.name}: ${message.text}${message.highlighted ? ' ★' : ''}`;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Delete';
    button.setAttribute('aria-label', `Delete the message of ${message.user.name}`);
    button.addEventListener('click', () => remove(message.id));
    item.append(text, button);
    return item;
  });
  const list = $('chat');
  list.replaceChildren(...items);
  list.scrollTop = list.scrollHeight;
}

/** Who is there. */
export function showPresent({ users, count }) {
  $('present-count').textContent = count;
  const names = users.map((user) => (user.status === 'away' ? `${user.name} (away)` : user.name));
  $('present').textContent = names.join(', ') || '–';
}
