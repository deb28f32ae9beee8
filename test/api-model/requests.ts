import { type Sent as HttpSent, JSON_TYPE } from '../api/fixture.ts';
import type { Post, Sent } from './judge-requests.ts';
import type { WireUpdate } from './judge-updates.ts';
import { subjectOf } from './people.ts';
import type { Settings, SpaceModel } from './space-model.ts';
import { type Actor, OWN, type PostStep, type Step, type UpdateStep, type WriteStep } from './steps.ts';

/** The numbers that the senders have used. */
export class Senders {
  readonly #last = new Map<string, { seq: number; post?: Post }>();

  of(who: string, client: string): { seq: number; post?: Post } {
    const key = `${who}/${client}`;
    const last = this.#last.get(key) ?? { seq: 0 };
    this.#last.set(key, last);
    return last;
  }
}

/** What a step means as things stand. */
export function toRequest(model: SpaceModel, senders: Senders, step: WriteStep): Sent {
  switch (step.do) {
    case 'post':
      return toPost(model, senders, step);
    case 'lock': {
      const { item, ttlMs, steal } = step;
      const more = { ...(ttlMs === undefined ? {} : { ttlMs }), ...(steal === undefined ? {} : { steal }) };
      return { kind: 'lock', ...actorOf(model, step, item), item, ...more };
    }
    case 'unlock':
      return { kind: 'unlock', ...actorOf(model, step, step.item), item: step.item };
    case 'item': {
      const { who, item, method, match } = step;
      const version = method === 'GET' && match === 'absent' ? undefined : versionFor(model, item, match);
      return {
        kind: 'item',
        who,
        item,
        method,
        value: { a: model.news % 5 },
        ...(version === undefined ? {} : { match: version }),
      };
    }
  }
}

/** Who does it. */
export function actorOf(
  model: SpaceModel,
  { who, client, as }: Actor,
  item: string,
): { who: Actor['who']; client: string } {
  const lock = model.items.get(item)?.lock;
  if (as === 'holder' && lock) return { who: lock.who, client: lock.client };
  return { who, client: as === 'own' ? OWN[who] : client };
}

function toPost(model: SpaceModel, senders: Senders, step: PostStep): Post {
  const { who, client } = actorOf(model, step, step.updates[0]?.item ?? '');
  const updates = step.updates.map((update) => toWire(model, update));
  if (step.seq === 'none') return { kind: 'post', who, updates };
  const post = { kind: 'post', who, clientId: client, updates } as const;
  if (step.seq === 'unnumbered') return post;
  const last = senders.of(who, client);
  if (step.seq === 'same' && last.post) return last.post;
  if (step.seq === 'reused' && last.seq > 0) return { ...post, seq: last.seq };
  if (step.seq === 'old' && last.seq > 1) return { ...post, seq: last.seq - 1 };
  const numbered = { ...post, seq: last.seq + 1 };
  Object.assign(last, { seq: numbered.seq, post: numbered });
  return numbered;
}

function toWire(model: SpaceModel, { item, op, ifVersion, fence, ...rest }: UpdateStep): WireUpdate {
  const known = model.items.get(item);
  const version = versionFor(model, item, ifVersion);
  const sent = fence === 'right' ? (known?.fence ?? 0) : (known?.oldFence ?? 0);
  return {
    item,
    op,
    ...rest,
    ...(version === undefined ? {} : { ifVersion: version }),
    ...(fence === undefined ? {} : { fence: sent }),
  };
}

/** `undefined`: no condition, also where nobody can know the version. */
function versionFor(model: SpaceModel, id: string, match: UpdateStep['ifVersion']): number | undefined {
  const item = model.items.get(id);
  if (match === 'absent') return 0;
  if (match === undefined || !item) return undefined;
  if (match === 'old')
    return Math.max(1, item.version - 1) === item.version ? item.version + 7 : Math.max(1, item.version - 1);
  return item.exact ? (item.dead ? 0 : item.version) : undefined;
}

/** As it goes over the wire. */
export function toHttp(model: SpaceModel, space: string, sent: Sent): HttpSent {
  const base = `/v1/spaces/${space}`;
  const as = { Authorization: `Bearer ${model.people[sent.who].key}` };
  const json = (method: string, path: string, body: unknown): HttpSent => ({
    method,
    path: `${base}${path}`,
    headers: { ...as, ...JSON_TYPE },
    body: JSON.stringify(body),
  });
  switch (sent.kind) {
    case 'post': {
      const { clientId, seq, updates } = sent;
      return json('POST', '/updates', { clientId, seq, updates });
    }
    case 'lock': {
      const { client, item, ttlMs, steal } = sent;
      return json('POST', `/items/${item}/lock`, { clientId: client, ttlMs, steal });
    }
    case 'unlock':
      return { method: 'DELETE', path: `${base}/items/${sent.item}/lock?clientId=${sent.client}`, headers: as };
    case 'item': {
      const { method, item, match, value } = sent;
      const condition: Record<string, string> =
        match === undefined ? {} : match === 0 ? { 'If-None-Match': '*' } : { 'If-Match': `"${match}"` };
      if (method === 'GET' || method === 'DELETE')
        return { method, path: `${base}/items/${item}`, headers: { ...as, ...condition } };
      const put = json(method, `/items/${item}`, value);
      return { ...put, headers: { ...put.headers, ...condition } };
    }
    case 'leave': {
      const search = sent.generation === undefined ? '' : `?generation=${sent.generation}`;
      return { method: 'DELETE', path: `${base}/clients/${sent.client}${search}`, headers: as };
    }
    case 'say':
      return json('PATCH', `/clients/${sent.client}`, { data: sent.data });
    case 'settings':
      return json('PUT', '', settingsBody(sent.settings));
    case 'end':
      return { method: 'DELETE', path: base, headers: as };
  }
}

export function settingsBody({ members, rule, ...rest }: Settings): object {
  const named = Object.entries(members).map(([who, letters]) => [subjectOf(who as never), letters]);
  return {
    members: Object.fromEntries(named),
    ...(rule === undefined ? {} : { lockRules: { register: rule } }),
    ...rest,
  };
}

export function isWrite(step: Step): step is Step & WriteStep {
  return step.do === 'post' || step.do === 'lock' || step.do === 'unlock' || step.do === 'item';
}
