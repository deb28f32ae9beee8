/** Talks to one space: follows it with long polls, and posts one request at a time. */

const MAX_PAUSE_MS = 15_000;
const RESETS_ALLOWED = 3;
const RESETS_WITHIN_MS = 30_000;

/** Kept in memory only: a reload asks for it again. */
let token = '';

export function useToken(text) {
  token = text.trim();
}

function authorized(headers = {}) {
  return token === '' ? headers : { ...headers, Authorization: `Bearer ${token}` };
}

const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
  });

/** 16 characters; works on plain HTTP too, where there is no `randomUUID`. */
export function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Milliseconds to wait: what the server asks for, else longer with each failure, and never all clients at once. */
function pauseAfter(response, failures) {
  const asked = Number(response?.headers.get('Retry-After')) * 1000;
  const own = Math.min(MAX_PAUSE_MS, 250 * 2 ** failures);
  return (asked > 0 ? asked : own) * (1 + Math.random() / 4);
}

function mergePatch(target, patch) {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const base = target !== null && typeof target === 'object' && !Array.isArray(target) ? target : {};
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key) ?? null, value));
  }
  return Object.fromEntries(merged);
}

/** The items of a space as far as answers have told of them. */
export class Items {
  /** id -> {id, kind, version, durableVersion, value} */
  all = new Map();
  /** Ids that a snapshot has named so far, while one is under way. */
  #named;

  /** Takes over one answer; returns the ids of items that have to be fetched whole. */
  apply(answer, first) {
    if (answer.mustReset !== undefined || first) this.#named = new Set();
    const missing = answer.items.filter((item) => !this.#take(item)).map((item) => item.id);
    for (const [id, version] of Object.entries(answer.durable ?? {})) {
      const held = this.all.get(id);
      if (held !== undefined) held.durableVersion = Math.max(held.durableVersion, version);
    }
    if (answer.upToDate && this.#named !== undefined) {
      for (const id of this.all.keys()) if (!this.#named.has(id)) this.all.delete(id);
      this.#named = undefined;
    }
    return missing;
  }

  #take(item) {
    this.#named?.add(item.id);
    const held = this.all.get(item.id);
    if (held !== undefined && item.version <= held.version) {
      held.durableVersion = Math.max(held.durableVersion, item.durableVersion ?? 0);
      return true;
    }
    if (item.deleted) return this.all.delete(item.id) || true;
    if (!('deltas' in item)) return this.all.set(item.id, item) !== undefined;
    if (held === undefined || held.version < item.from || item.kind !== 'register') return false;
    let { value } = held;
    for (const { version, op } of item.deltas) {
      if (version > held.version) value = 'set' in op ? op.set : mergePatch(value, op.merge);
    }
    this.all.set(item.id, { ...held, ...item, value });
    return true;
  }
}

/** Follows a space until `signal` aborts. `onChange` is called after each answer, `onState` with `live`, `wait` or `trouble`, a text and the status. */
export async function follow(space, items, { signal, onChange, onState }) {
  const base = `/v1/spaces/${encodeURIComponent(space)}`;
  const resets = [];
  let marker;
  let failures = 0;
  while (!signal.aborted) {
    let response;
    try {
      const query = marker === undefined ? '' : `&marker=${encodeURIComponent(marker)}`;
      response = await fetch(`${base}/updates?durable=true${query}`, { signal, headers: authorized() });
      if (!response.ok) throw new Error((await response.json()).detail);
      const answer = await response.json();
      const missing = items.apply(answer, marker === undefined);
      marker = answer.marker;
      failures = 0;
      for (const id of missing) await refetch(base, id, items, signal);
      onChange();
      onState(answer.upToDate ? 'live' : 'wait', answer.upToDate ? 'live' : `${answer.changesRemaining} more to come`);
      if (answer.mustReset !== undefined) await slowDown(resets, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (response?.status === 400) marker = undefined;
      onState('trouble', error.message || 'no answer', response?.status);
      await sleep(pauseAfter(response, failures++), signal);
    }
  }
}

async function refetch(base, id, items, signal) {
  const response = await fetch(`${base}/items/${encodeURIComponent(id)}`, { signal, headers: authorized() });
  if (response.status === 404) return items.all.delete(id);
  if (!response.ok) throw new Error(`item ${id}: ${response.status}`);
  const version = Number(response.headers.get('ETag')?.replaceAll('"', ''));
  const durableVersion = Number(response.headers.get('Longshore-Durable-Version'));
  items.all.set(id, { id, kind: 'register', version, durableVersion, value: await response.json() });
}

/** A client that is reset again and again is part of the trouble. */
async function slowDown(resets, signal) {
  const now = performance.now();
  resets.push(now);
  while (resets[0] < now - RESETS_WITHIN_MS) resets.shift();
  if (resets.length > RESETS_ALLOWED) await sleep(MAX_PAUSE_MS, signal);
}

/** Posts the newest update of each item, one numbered request at a time; a request without an answer is sent again as it was. */
export class Outbox {
  #space;
  #clientId = `page-${randomName()}`;
  #seq = 0;
  #waiting = new Map();
  #busy = false;
  #onResult;

  constructor(space, onResult) {
    this.#space = space;
    this.#onResult = onResult;
  }

  put(update) {
    this.#waiting.set(update.item, update);
    if (!this.#busy) void this.#send();
  }

  async #send() {
    this.#busy = true;
    while (this.#waiting.size > 0) {
      const updates = [...this.#waiting.values()].slice(0, 100);
      for (const { item } of updates) this.#waiting.delete(item);
      const results = await this.#post({ clientId: this.#clientId, seq: ++this.#seq, updates });
      for (const [i, result] of results.entries()) this.#settle(updates[i], result);
    }
    this.#busy = false;
  }

  #settle(update, result) {
    this.#onResult(result);
    if (result.result !== 'retry' || this.#waiting.has(update.item)) return;
    setTimeout(() => this.#waiting.has(update.item) || this.put(update), result.retryAfterMs);
  }

  async #post(body) {
    for (let failures = 0; ; failures++) {
      let response;
      try {
        response = await fetch(`/v1/spaces/${encodeURIComponent(this.#space)}/updates`, {
          method: 'POST',
          headers: authorized({ 'Content-Type': 'application/json' }),
          body: JSON.stringify(body),
        });
        const answer = await response.json();
        if (response.ok) return answer.results;
        if (response.status < 500 && response.status !== 429) {
          return body.updates.map(({ item }) => ({ item, result: 'invalid', detail: answer.detail }));
        }
        this.#onResult({ result: 'waiting', detail: answer.detail });
      } catch {
        this.#onResult({ result: 'waiting', detail: 'no answer from the server' });
      }
      await sleep(pauseAfter(response, failures));
    }
  }
}
