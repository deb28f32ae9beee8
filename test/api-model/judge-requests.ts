import { isDeepStrictEqual } from 'node:util';
import { acquire, type Result, takeResult, type WireUpdate, type Writer } from './judge-updates.ts';
import type { Who } from './people.ts';
import type { Settings, SpaceModel } from './space-model.ts';

/** A request as it was sent, in terms that the model and the wire share. */
export type Sent = { readonly who: Who } & (
  | {
      readonly kind: 'post';
      readonly clientId?: string;
      readonly seq?: number;
      readonly updates: readonly WireUpdate[];
    }
  | {
      readonly kind: 'lock';
      readonly client: string;
      readonly item: string;
      readonly ttlMs?: number;
      readonly steal?: boolean;
    }
  | { readonly kind: 'unlock'; readonly client: string; readonly item: string }
  | {
      readonly kind: 'item';
      readonly method: 'GET' | 'PUT' | 'PATCH' | 'DELETE';
      readonly item: string;
      /** `0`: only where there is none. */
      readonly match?: number;
      readonly value: unknown;
    }
  | { readonly kind: 'leave'; readonly client: string; readonly generation?: number }
  | { readonly kind: 'say'; readonly client: string; readonly data: number }
  | { readonly kind: 'settings'; readonly settings: Settings }
  | { readonly kind: 'end' }
);
export type Post = Sent & { readonly kind: 'post' };

export type Answer = {
  readonly status: number;
  readonly headers: { readonly [name: string]: unknown };
  readonly json: unknown;
};
type Body = { readonly [field: string]: unknown };

const bodyOf = ({ json }: Answer): Body => (json ?? {}) as Body;

/** Holds an answer against what had to come, and takes over what it changes. A complaint where it does not fit. */
export function explain(model: SpaceModel, sent: Sent, answer: Answer, now: number): string | undefined {
  const wrong = explainSent(model, sent, answer, now);
  return wrong && `${wrong}, to ${JSON.stringify(sent)} answered ${answer.status} ${JSON.stringify(answer.json)}`;
}

function explainSent(model: SpaceModel, sent: Sent, answer: Answer, now: number): string | undefined {
  switch (sent.kind) {
    case 'post':
      return explainPost(model, sent, answer, now);
    case 'lock':
      return explainLock(model, sent, answer, now);
    case 'unlock':
      return explainUnlock(model, sent, answer);
    case 'item':
      return sent.method === 'GET' ? explainGet(model, sent, answer) : explainItem(model, sent, answer, now);
    case 'leave':
      return explainLeave(model, sent, answer);
    case 'say':
      return explainSay(model, sent, answer, now);
    case 'settings':
      return explainSettings(model, sent, answer);
    case 'end':
      return explainEnd(model, sent, answer, now);
  }
}

type Expected = { readonly status: number; readonly code?: string };

function differs(answer: Answer, { status, code }: Expected): string | undefined {
  if (answer.status !== status) return `had to be ${status} ${code ?? ''}`;
  return code === undefined || bodyOf(answer).code === code ? undefined : `had to be ${code}`;
}

function explainPost(model: SpaceModel, sent: Post, answer: Answer, now: number): string | undefined {
  const refused = refusePost(model, sent);
  if (refused) return differs(answer, refused);
  if (answer.status !== 200) return 'had to be 200';
  const { epoch, results } = bodyOf(answer) as { epoch: string; results: readonly Result[] };
  model.epoch ??= epoch;
  if (epoch !== model.epoch && epoch !== '') return `the epoch has changed from ${model.epoch}`;
  if (results.length !== sent.updates.length) return 'one result for each update';
  const { who, clientId, seq } = sent;
  const by: Writer = {
    who,
    now,
    ...(clientId === undefined ? {} : { client: clientId }),
    ...(seq === undefined ? {} : { seq }),
  };
  for (const [place, update] of sent.updates.entries()) {
    const wrong = takeResult(model, by, place, update, results[place] as Result);
    if (wrong) return wrong;
  }
  return undefined;
}

function refusePost(model: SpaceModel, { who, clientId, seq, updates }: Post): Expected | undefined {
  const denied = model.denied(who, 'write');
  if (denied) return denied;
  if (updates.some(({ grab }) => grab)) {
    const missing = model.denied(who, 'lock');
    if (missing) return missing;
  }
  const items = new Set<string>();
  for (const { item, grab, release } of updates) {
    if (grab && (clientId === undefined || release)) return { status: 400, code: 'badRequest' };
    if (items.has(item)) return { status: 422, code: 'duplicateItem' };
    items.add(item);
  }
  return seq !== undefined && clientId === undefined ? { status: 400, code: 'badRequest' } : undefined;
}

const LOCK_STATUS: { readonly [word: string]: number } = { holdTooLong: 423, notJoined: 409, tooManyLocks: 409 };

function explainLock(
  model: SpaceModel,
  sent: Sent & { kind: 'lock' },
  answer: Answer,
  now: number,
): string | undefined {
  const { who, client } = sent;
  const denied = model.denied(who, 'lock');
  if (denied) return differs(answer, denied);
  const item = model.item(sent.item);
  if (item.dead) return differs(answer, { status: 404, code: 'notFound' });
  if (model.rule === 'none') return differs(answer, { status: 409, code: 'notLockable' });
  const { lock } = item;
  if (lock && model.isAlive(item, now) && !(lock.who === who && lock.client === client)) {
    if (!sent.steal)
      return (
        differs(answer, { status: 423, code: 'locked' }) ??
        (bodyOf(answer).holder === lock.client ? undefined : `had to name ${lock.client}`)
      );
    if (model.settings.steal !== 'anyone' && !model.may(who, 'admin'))
      return differs(answer, { status: 403, code: 'forbidden' });
  }
  const got = acquire(model, item, { who, client, now }, sent.ttlMs);
  if ('says' in got) return differs(answer, { status: LOCK_STATUS[got.word] ?? 0, code: got.word });
  if (answer.status !== 200) return 'had to be granted';
  const { fence, ttlMs } = bodyOf(answer) as { fence: number; ttlMs: number };
  if (ttlMs <= 0 || ttlMs > (sent.ttlMs ?? Number.POSITIVE_INFINITY)) return 'a lease of the length that was asked for';
  if ('renewed' in got) {
    item.lock = got.renewed;
    return fence === item.fence ? undefined : `had to keep the fence ${item.fence}`;
  }
  if (fence <= item.version) return `the fence had to be above ${item.version}`;
  Object.assign(item, { lock: got.granted, oldFence: item.fence, fence });
  model.made(item, fence);
  return undefined;
}

function explainUnlock(model: SpaceModel, sent: Sent & { kind: 'unlock' }, answer: Answer): string | undefined {
  const { who, client } = sent;
  const denied = model.denied(who, 'lock');
  if (denied) return differs(answer, denied);
  const item = model.item(sent.item);
  const { lock } = item;
  if (lock?.client === client && lock.who !== who && !model.may(who, 'admin'))
    return differs(answer, { status: 403, code: 'forbidden' });
  if (lock?.client === client) model.letGo(item);
  return differs(answer, { status: 204 });
}

function explainGet(
  model: SpaceModel,
  { who, item: id, match }: Sent & { kind: 'item' },
  answer: Answer,
): string | undefined {
  const denied = model.denied(who, 'read');
  if (denied) return differs(answer, denied);
  const item = model.item(id);
  if (item.dead) return differs(answer, { status: 404, code: 'notFound' });
  const version = Number(String(answer.headers.etag ?? '').replaceAll('"', ''));
  if (match !== undefined && match !== item.version)
    return differs(answer, { status: 412, code: 'preconditionFailed' });
  const wrong = differs(answer, { status: 200 }) ?? model.sawVersion(id, version);
  return wrong ?? (isDeepStrictEqual(answer.json, item.value) ? undefined : `had to be ${JSON.stringify(item.value)}`);
}

const ITEM_STATUS: { readonly [word: string]: number } = { locked: 423, lockRequired: 409 };

/** Like an update of nobody's client, after a look at what is there. */
function explainItem(
  model: SpaceModel,
  sent: Sent & { kind: 'item' },
  answer: Answer,
  now: number,
): string | undefined {
  const { who, method, match, value, item: id } = sent;
  const denied = model.denied(who, 'write');
  if (denied) return differs(answer, denied);
  const item = model.item(id);
  const creates = item.dead;
  if (item.dead && method !== 'PUT') return differs(answer, { status: 404, code: 'notFound' });
  if (match !== undefined && match !== (item.dead ? 0 : item.version))
    return differs(answer, { status: 412, code: 'preconditionFailed' });
  const op = method === 'PUT' ? { set: value } : method === 'PATCH' ? { merge: value } : { delete: true as const };
  const code = String(bodyOf(answer).code ?? '');
  const ok = method === 'DELETE' ? 204 : creates ? 201 : 200;
  const { version, durableVersion } = bodyOf(answer) as { version?: number; durableVersion?: number };
  const told =
    method === 'DELETE' ? { version: item.version + 1, durableVersion: item.version + 1 } : { version, durableVersion };
  const word = answer.status === ok ? 'ok' : code;
  const holder = bodyOf(answer).holder;
  const got = {
    item: id,
    result: word,
    ...(told as { version: number; durableVersion: number }),
    ...(holder === undefined ? {} : { holder: String(holder) }),
  };
  const wrong = takeResult(model, { who, now }, 0, { item: id, op }, got);
  if (wrong) return wrong;
  if (word === 'ok' && method === 'DELETE') item.exact = false;
  return word === 'ok' || answer.status === ITEM_STATUS[word] ? undefined : `the status of ${word}`;
}

function explainLeave(
  model: SpaceModel,
  { who, client: id, generation }: Sent & { kind: 'leave' },
  answer: Answer,
): string | undefined {
  const denied = model.denied(who, 'read');
  if (denied) return differs(answer, denied);
  const client = model.clients.get(id);
  if (client && client.who !== who) return differs(answer, { status: 403, code: 'forbidden' });
  if (client?.here && (generation ?? client.generation) >= client.generation) leaves(model, id);
  return differs(answer, { status: 204 });
}

/** The client is gone, and whatever it held is free. */
export function leaves(model: SpaceModel, id: string): void {
  const client = model.clients.get(id);
  if (!client?.here) return;
  client.here = false;
  model.news++;
  for (const item of model.heldBy(client.who, id)) model.letGo(item);
}

function explainSay(
  model: SpaceModel,
  { who, client: id, data }: Sent & { kind: 'say' },
  answer: Answer,
  now: number,
): string | undefined {
  const denied = model.denied(who, 'read');
  if (denied) return differs(answer, denied);
  const client = model.clients.get(id);
  // An instance that heard of it lately may not have noticed that it left through another one.
  if (client?.who === who && !client.here && answer.status === 204) return undefined;
  if (!client?.here || client.who !== who) return differs(answer, { status: 409, code: 'notJoined' });
  if (answer.status === 204) {
    client.said.push(data);
    client.heardMs = now;
    return undefined;
  }
  return differs(answer, { status: 429, code: 'rateLimited' });
}

function explainSettings(
  model: SpaceModel,
  { who, settings }: Sent & { kind: 'settings' },
  answer: Answer,
): string | undefined {
  const denied = model.denied(who, 'admin');
  if (denied) return differs(answer, denied);
  const wrong = differs(answer, { status: model.living ? 200 : 201 });
  if (wrong) return wrong;
  const version = Number(String(answer.headers.etag ?? '').replaceAll('"', ''));
  if (version !== model.settingsVersion + 1) return `had to be version ${model.settingsVersion + 1} of the settings`;
  Object.assign(model, { settings, settingsVersion: version, living: true });
  const told = bodyOf(answer) as {
    maxLocks: number;
    maxHoldMs: number;
    steal: string;
    lockRules: { register?: string };
  };
  const wanted = {
    maxLocks: model.maxLocks,
    maxHoldMs: model.maxHoldMs,
    steal: settings.steal ?? 'admin',
    rule: settings.rule,
  };
  const got = { maxLocks: told.maxLocks, maxHoldMs: told.maxHoldMs, steal: told.steal, rule: told.lockRules.register };
  return isDeepStrictEqual(got, wanted) ? undefined : `had to be ${JSON.stringify(wanted)}`;
}

/** Every item is deleted, whoever holds it; then the settings are gone. */
function explainEnd(
  model: SpaceModel,
  { who }: Sent & { kind: 'end' },
  answer: Answer,
  _now: number,
): string | undefined {
  const denied = model.denied(who, 'admin');
  if (denied) return differs(answer, denied);
  if (!model.living) return differs(answer, { status: 404, code: 'notFound' });
  for (const item of model.items.values()) {
    if (item.dead) continue;
    Object.assign(item, { dead: true, value: undefined });
    model.letGo(item);
  }
  Object.assign(model, { settings: { members: {} }, settingsVersion: model.settingsVersion + 1, living: false });
  return differs(answer, { status: 204 });
}
