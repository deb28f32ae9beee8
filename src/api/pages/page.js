import { follow, Items, Outbox, randomName, useToken } from './api.js';

const find = (id) => document.getElementById(id);
const board = find('board');
const rows = new Map();
const cards = new Map();

let following = new AbortController();
let items = new Items();
let outbox = new Outbox('demo', showResult);

function openSpace(space) {
  following.abort();
  following = new AbortController();
  items = new Items();
  outbox = new Outbox(space, showResult);
  find('space').value = space;
  const name = encodeURIComponent(space);
  find('table').href = `/board/${name}`;
  find('letter').href = `/edit/${name}/notes`;
  find('sketch').href = `/draw/${name}/sketch`;
  find('words').href = `/set/${name}/words`;
  document.title = `${space} · Longshore`;
  render();
  void follow(space, items, { signal: following.signal, onChange: render, onState: showState });
}

function showState(state, text, status) {
  if (status === 401 || status === 403 || status === 404) find('token-field').hidden = false;
  find('status').dataset.state = state;
  find('status').textContent = text;
}

function showResult(result) {
  const good = result.result === 'ok';
  find('posted').dataset.state = good ? 'ok' : 'trouble';
  const stored = result.durableVersion >= result.version ? 'stored' : 'in the cache, soon stored';
  find('posted').textContent = good
    ? `${result.item} is at version ${result.version}, ${stored}`
    : `${result.item ?? ''} ${result.result}: ${result.detail ?? result.code ?? ''}`;
}

/** Brings the table and the board in line with the items; what did not change is left alone. */
function render() {
  const sorted = [...items.all.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  find('count').textContent = `${sorted.length}`;
  prune(rows);
  prune(cards);
  for (const item of sorted) {
    renderRow(item);
    if (isCard(item)) renderCard(item);
  }
  for (const [i, item] of sorted.entries()) {
    const row = rows.get(item.id);
    if (find('items').children[i] !== row) find('items').insertBefore(row, find('items').children[i] ?? null);
  }
}

function prune(elements) {
  for (const [id, element] of elements) {
    const item = items.all.get(id);
    if (item !== undefined && (elements === rows || isCard(item))) continue;
    element.remove();
    elements.delete(id);
  }
}

function isCard({ kind, value }) {
  return kind === 'register' && Number.isFinite(value?.x) && Number.isFinite(value?.y);
}

function renderRow(item) {
  let row = rows.get(item.id);
  if (row === undefined) {
    row = document.createElement('tr');
    for (let i = 0; i < 5; i++) row.append(document.createElement('td'));
    const remove = document.createElement('button');
    remove.className = 'quiet';
    remove.textContent = '×';
    remove.setAttribute('aria-label', `Delete ${item.id}`);
    remove.addEventListener('click', () => outbox.put({ item: item.id, op: { delete: true } }));
    row.lastChild.append(remove);
    rows.set(item.id, row);
  }
  const stored = item.durableVersion >= item.version;
  const [id, version, durable, value] = row.children;
  id.textContent = item.id;
  version.textContent = item.version;
  durable.textContent = stored ? '✓' : `at ${item.durableVersion}`;
  durable.className = stored ? 'stored' : 'behind';
  value.textContent = JSON.stringify(item.value).slice(0, 300);
}

function renderCard({ id, value }) {
  let card = cards.get(id);
  if (card === undefined) {
    card = document.createElement('div');
    card.className = 'card';
    card.addEventListener('pointerdown', (event) => drag(event, id, card));
    board.append(card);
    cards.set(id, card);
  }
  card.textContent = typeof value.text === 'string' ? value.text : id;
  if (!card.classList.contains('held')) place(card, value.x, value.y);
}

/** Coordinates are whatever the item says; the board shows the part it has room for. */
function place(card, x, y) {
  card.style.transform = `translate(${clamp(x, board.clientWidth - 40)}px, ${clamp(y, board.clientHeight - 30)}px)`;
}

function clamp(at, size) {
  return Math.max(0, Math.min(Math.round(at), size));
}

function drag(down, id, card) {
  const box = board.getBoundingClientRect();
  const inside = card.getBoundingClientRect();
  const [dx, dy] = [down.clientX - inside.left + box.left, down.clientY - inside.top + box.top];
  const move = (event, last) => {
    const x = clamp(event.clientX - dx, board.clientWidth - 40);
    const y = clamp(event.clientY - dy, board.clientHeight - 30);
    place(card, x, y);
    outbox.put({ item: id, kind: 'register', op: { merge: { x, y } }, ...(last && { release: true }) });
  };
  const onMove = (event) => move(event, false);
  const onUp = (event) => {
    move(event, event.type === 'pointerup');
    card.classList.remove('held');
    card.removeEventListener('pointermove', onMove);
    card.removeEventListener('pointerup', onUp);
    card.removeEventListener('pointercancel', onUp);
  };
  card.classList.add('held');
  card.setPointerCapture(down.pointerId);
  card.addEventListener('pointermove', onMove);
  card.addEventListener('pointerup', onUp);
  card.addEventListener('pointercancel', onUp);
}

find('open').addEventListener('submit', (event) => {
  event.preventDefault();
  useToken(find('token').value);
  if (spaceOfAddress() === find('space').value) openSpace(find('space').value);
  else location.hash = find('space').value;
});

find('post').addEventListener('submit', (event) => {
  event.preventDefault();
  const fields = new FormData(event.target);
  try {
    const op = { set: JSON.parse(fields.get('value')) };
    outbox.put({ item: fields.get('item'), kind: 'register', op, ...(fields.has('durable') && { durable: true }) });
  } catch {
    showResult({ result: 'not sent', detail: 'the value is not JSON' });
  }
});

find('add').addEventListener('click', () => {
  const [x, y] = [Math.random() * (board.clientWidth - 160), Math.random() * (board.clientHeight - 60)];
  const id = `card-${randomName().slice(0, 8)}`;
  outbox.put({ item: id, op: { set: { text: id, x: Math.round(x), y: Math.round(y) } }, release: true });
});

const spaceOfAddress = () => decodeURIComponent(location.hash.slice(1)) || 'demo';
window.addEventListener('hashchange', () => openSpace(spaceOfAddress()));
openSpace(spaceOfAddress());
