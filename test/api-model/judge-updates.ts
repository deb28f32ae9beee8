import { isDeepStrictEqual } from 'node:util';
import { mergePatch } from '../../src/kinds/merge-patch.ts';
import type { Who } from './people.ts';
import type { Held, Item, Memory, SpaceModel } from './space-model.ts';

/** One update as it goes over the wire. */
export type WireUpdate = {
  readonly item: string;
  readonly op: { readonly set?: unknown; readonly merge?: unknown; readonly delete?: true };
  readonly kind?: string;
  readonly ifVersion?: number;
  readonly fence?: number;
  readonly grab?: true;
  readonly release?: true;
  readonly durable?: true;
};

export type Writer = { readonly who: Who; readonly client?: string; readonly seq?: number; readonly now: number };

export type Result = {
  readonly item: string;
  readonly result: string;
  readonly code?: string;
  readonly version?: number;
  readonly durableVersion?: number;
  readonly holder?: string;
  readonly fence?: number;
  readonly ttlMs?: number;
  readonly value?: unknown;
};

type Refusal = { readonly says: 'no'; readonly word: string; readonly holder?: string };
type Lock = 'stays' | 'ends' | { readonly granted: Held } | { readonly renewed: Held };
type Verdict =
  | Refusal
  | { readonly says: 'nothing'; readonly version: number }
  | { readonly says: 'yes'; readonly dead: boolean; readonly value: unknown; readonly lock: Lock }
  | { readonly says: 'again'; readonly memory: Memory };

const no = (word: string): Refusal => ({ says: 'no', word });

/** Holds one result against what had to come, and takes it over. A complaint where it does not fit. */
export function takeResult(model: SpaceModel, by: Writer, place: number, update: WireUpdate, got: Result) {
  const item = model.item(update.item);
  const verdict = judge(model, item, by, place, update);
  const word = got.result === 'invalid' ? (got.code ?? '') : got.result;
  const complain = (wanted: string) => `${update.item}: ${JSON.stringify(got)} instead of ${wanted}`;
  switch (verdict.says) {
    case 'again': {
      if (!repeats(verdict.memory, word, got)) return complain(JSON.stringify(verdict.memory.answer));
      saidAgain(model, item, got);
      return undefined;
    }
    case 'no': {
      if (word !== verdict.word) return complain(verdict.word);
      if (verdict.holder !== undefined && got.holder !== verdict.holder) return complain(`held by ${verdict.holder}`);
      if (word === 'conflict' && !item.dead && !isDeepStrictEqual(got.value, item.value))
        return complain(`the value ${JSON.stringify(item.value)}`);
      if (REMEMBERED.has(word)) remember(item, by, place, update, { refused: word });
      return word === 'conflict' && !item.dead ? model.sawVersion(update.item, got.version ?? 0) : undefined;
    }
    case 'nothing':
      if (word !== 'ok') return complain('ok');
      if (got.version !== verdict.version && item.exact) return complain(`the version ${verdict.version} that stands`);
      remember(item, by, place, update, { refused: 'ok', version: got.version ?? 0 });
      saidAgain(model, item, got);
      return undefined;
    case 'yes': {
      if (word !== 'ok') return complain('ok');
      const version = got.version ?? 0;
      if (version <= item.version) return complain(`a version above ${item.version}`);
      if (mustBeStored(item, update, verdict.lock) && (got.durableVersion ?? 0) < version) return complain('stored');
      const wrong = takeLock(item, verdict.lock, version, got);
      if (wrong) return complain(wrong);
      remember(item, by, place, update, { version, ...(got.fence === undefined ? {} : { fence: got.fence }) });
      if (item.dead) model.comesToLife(by.now);
      Object.assign(item, { dead: verdict.dead, value: verdict.value });
      model.made(item, version);
      return undefined;
    }
  }
}

/** Refusals that time could turn into an acceptance: a copy that comes late must not be applied. */
const REMEMBERED = new Set([
  'conflict',
  'locked',
  'kindMismatch',
  'kindUnknown',
  'lockRequired',
  'notLockable',
  'notJoined',
  'tooManyLocks',
  'holdTooLong',
]);

/** Where the cache has forgotten the item nobody knows whether all readers were told: what stands is said again under a new version. */
function saidAgain(model: SpaceModel, item: Item, { result, durableVersion = 0 }: Result): void {
  if (result === 'ok' && durableVersion > item.version) model.made(item, durableVersion);
}

function remember(item: Item, by: Writer, place: number, update: WireUpdate, answer: Memory['answer']): void {
  if (by.seq === undefined || by.client === undefined) return;
  item.memory.set(`${by.who}/${by.client}`, { seq: by.seq, place, body: JSON.stringify(update), answer });
}

function repeats({ answer }: Memory, word: string, got: Result): boolean {
  if ('refused' in answer)
    return word === answer.refused && (answer.version === undefined || got.version === answer.version);
  return word === 'ok' && got.version === answer.version && got.fence === answer.fence;
}

function mustBeStored(item: Item, update: WireUpdate, lock: Lock): boolean {
  return item.dead || update.op.delete === true || Boolean(update.release || update.durable) || lock !== 'stays';
}

function takeLock(item: Item, lock: Lock, version: number, { fence, ttlMs }: Result): string | undefined {
  if (lock === 'stays' || lock === 'ends') {
    if (fence !== undefined) return 'no fence';
    if (lock === 'ends') item.lock = undefined;
    return undefined;
  }
  const held = 'granted' in lock ? lock.granted : lock.renewed;
  const wanted = 'granted' in lock ? version : item.fence;
  if (fence !== wanted) return `the fence ${wanted}`;
  if (ttlMs === undefined || ttlMs <= 0) return 'a lease';
  item.lock = held;
  if ('granted' in lock) Object.assign(item, { oldFence: item.fence, fence });
  return undefined;
}

/** What has to become of an update: what it says was said before, the lock, the condition, the operation, in this order. */
function judge(model: SpaceModel, item: Item, by: Writer, place: number, update: WireUpdate): Verdict {
  const known = by.client === undefined ? undefined : item.memory.get(`${by.who}/${by.client}`);
  if (by.seq !== undefined && known && by.seq <= known.seq) {
    if (by.seq < known.seq) return no('seqTooOld');
    const same = known.body === JSON.stringify(update) && known.place === place;
    return same ? { says: 'again', memory: known } : no('seqReused');
  }
  const passed = judgeLock(model, item, by, update);
  if (passed !== 'stays' && passed !== 'ends') return passed;
  const condition = update.ifVersion;
  if (condition !== undefined && condition !== (item.dead ? 0 : item.version)) return no('conflict');
  const done = operate(item, update);
  if ('says' in done) return done;
  if (!update.grab) return { says: 'yes', ...done, lock: passed };
  const got = acquire(model, item, by);
  return 'says' in got ? got : { says: 'yes', ...done, lock: got };
}

function judgeLock(model: SpaceModel, item: Item, by: Writer, update: WireUpdate): Refusal | 'stays' | 'ends' {
  const { fence, grab, release, op } = update;
  const { lock } = item;
  const alive = model.isAlive(item, by.now);
  const isHolder = lock !== undefined && lock.who === by.who && lock.client === by.client;
  const deletes = op.delete === true;
  const rule = item.dead && (update.kind ?? 'register') !== 'register' ? 'optional' : model.rule;
  if (fence !== undefined && (!lock || fence !== item.fence)) return no('fenced');
  if (isHolder && fence === item.fence) {
    if (grab && deletes) return no('badOp');
    return release || deletes ? 'ends' : 'stays';
  }
  if (lock && alive && !(grab && isHolder)) return { says: 'no', word: 'locked', holder: lock.client };
  if (fence !== undefined) return no('fenced');
  if (grab && rule === 'none') return no('notLockable');
  if (grab && deletes) return no('badOp');
  if (!grab && rule === 'required') return no('lockRequired');
  return lock && !alive ? 'ends' : 'stays';
}

function operate(
  item: Item,
  { op, kind }: WireUpdate,
): Refusal | { says: 'nothing'; version: number } | { dead: boolean; value: unknown } {
  if (op.delete === true)
    return item.dead ? { says: 'nothing', version: item.version } : { dead: true, value: undefined };
  if (kind !== undefined && kind !== 'register') return no(item.dead ? 'kindUnknown' : 'kindMismatch');
  if ('set' in op) return { dead: false, value: op.set };
  if ('merge' in op)
    return { dead: false, value: mergePatch((item.dead ? null : item.value) as never, op.merge as never) };
  return no('badOp');
}

/** A lock for whoever may write to the item. */
export function acquire(
  model: SpaceModel,
  item: Item,
  by: Writer,
  wishedMs?: number,
): Refusal | { granted: Held } | { renewed: Held } {
  const client = by.client ?? '';
  const term = model.termOf(item, by.who, client, by.now, wishedMs);
  if (!term) return no('holdTooLong');
  if (!model.isHere(by.who, client)) return no('notJoined');
  if (model.heldBy(by.who, client).filter((other) => other !== item).length >= model.maxLocks)
    return no('tooManyLocks');
  const held = { who: by.who, client, sinceMs: term.sinceMs, untilMs: by.now + term.ttlMs };
  const own = item.lock?.who === by.who && item.lock.client === client;
  return own && model.isAlive(item, by.now)
    ? { renewed: { ...held, sinceMs: item.lock?.sinceMs ?? held.sinceMs } }
    : { granted: held };
}
