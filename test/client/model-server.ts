import type { Json } from '../../src/base/json.ts';
import type { Question } from '../../src/client/transport.ts';
import type { Kind } from '../../src/kinds/kind.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { DeltaAnswer, GetUpdatesResponse, ItemAnswer } from '../../src/protocol/get-updates.ts';
import type { PostUpdateRequest, PostUpdateResponse, Update, UpdateResult } from '../../src/protocol/post-update.ts';

/** Everything of an item that a loss of the cache takes back to what is stored. */
type Content = {
  readonly kind: string;
  readonly version: number;
  readonly state: unknown;
  /** Per client: number and text of its last update, and the answer. */
  readonly seqs: ReadonlyMap<string, { readonly seq: number; readonly body: string; readonly result: UpdateResult }>;
  readonly deltas: readonly DeltaAnswer[];
};

/** What one rollback took: the versions after `from` up to `to`. `gaps`: those up to `got` that nobody has named. `posted`: per client, the number of its first request since. */
type Back = {
  readonly from: number;
  to: number;
  readonly got: number;
  readonly gaps: ReadonlySet<number>;
  readonly posted: ReadonlyMap<string, number>;
};

/** `backs` goes back with the content, too: newest first. */
type Kept = { readonly content: Content; readonly backs: readonly Back[]; readonly brought: ReadonlySet<string> };

type Record = { now: Content; stored: Kept; backs: readonly Back[]; brought: ReadonlySet<string>; open: boolean };

const ANY = '';

/**
 * The server as the clients may expect it, in as few lines as can be: one process, everything at once. `lose` takes every item back to what is stored.
 */
export class ModelServer {
  epoch = 1;
  readonly #kinds: ReadonlyMap<string, Kind>;
  readonly #clock: Clock;
  readonly #items = new Map<string, Record>();
  #log: { readonly item: string; readonly version: number }[] = [];
  #parked = new Set<() => void>();

  constructor(kinds: readonly Kind[], clock: Clock) {
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]));
    this.#clock = clock;
  }

  value(item: string): Json | undefined {
    const content = this.#items.get(item)?.now;
    return content?.state === undefined ? undefined : this.#kinds.get(content.kind)?.value(content.state);
  }

  version(item: string): number {
    return this.#items.get(item)?.now.version ?? 0;
  }

  persist(): void {
    for (const record of this.#items.values()) store(record);
  }

  /** Cache gone: a new epoch, and what was not stored is lost. */
  lose(): void {
    this.epoch++;
    this.#log = [];
    for (const record of this.#items.values()) rollBack(record);
    this.#wake();
  }

  /** The head of one item is gone, and its epoch goes on. */
  evict(item: string): void {
    const record = this.#items.get(item);
    if (record && rollBack(record)) this.#log.push({ item, version: record.now.version });
    this.#wake();
  }

  post(request: PostUpdateRequest): PostUpdateResponse {
    const { clientId, seq, updates } = request;
    const results = updates.map((update, place) => {
      const body = `${place} ${JSON.stringify(update)}`;
      return this.#update(update, clientId, seq, body);
    });
    this.#wake();
    return { epoch: `e${this.epoch}`, results };
  }

  /** Settles at once where there is news, else when there is some or the wait is over. */
  next(question: Question): Promise<GetUpdatesResponse> {
    return new Promise((resolve) => {
      const late = this.#answer(question);
      if (late.items.length > 0 || late.mustReset || question.wait === 0 || question.marker === undefined)
        return resolve(late);
      const look = (): void => {
        const answer = this.#answer(question);
        if (answer.items.length > 0 || answer.mustReset) end(answer);
      };
      const end = (answer: GetUpdatesResponse): void => {
        this.#parked.delete(look);
        cancel();
        resolve(answer);
      };
      const cancel = this.#clock.after(question.wait * 1_000, () => end(this.#answer(question)));
      this.#parked.add(look);
    });
  }

  #wake(): void {
    for (const look of [...this.#parked]) look();
  }

  #answer({ marker, ids }: Question): GetUpdatesResponse {
    const epoch = `e${this.epoch}`;
    const [markerEpoch, at] = marker?.split(':') ?? [];
    const goesOn = markerEpoch === epoch;
    const log = this.#log;
    const changed = goesOn ? new Set(log.slice(Number(at)).map(({ item }) => item)) : new Set(this.#items.keys());
    const wanted = [...changed].filter((id) => ids === undefined || ids.includes(id));
    const items = wanted.flatMap((id) => {
      const seen = goesOn ? log.slice(0, Number(at)).findLast(({ item }) => item === id) : undefined;
      return this.#shown(id, seen?.version, goesOn);
    });
    return {
      marker: `${epoch}:${this.#log.length}`,
      epoch,
      upToDate: true,
      changesRemaining: 0,
      items,
      ...(marker !== undefined && !goesOn ? { mustReset: { reason: 'epoch' } } : {}),
    };
  }

  /** `from`: the version that the reader has had; deltas where that is known, the value otherwise. */
  #shown(id: string, from: number | undefined, goesOn: boolean): ItemAnswer[] {
    const record = this.#items.get(id);
    if (record === undefined) return [];
    const { kind, version, state, deltas } = record.now;
    const base = { id, kind, version, durableVersion: Math.min(record.stored.content.version, version), updatedAt: '' };
    if (state === undefined) return goesOn ? [{ ...base, deleted: true }] : [];
    const known = from !== undefined && from >= (deltas[0]?.version ?? version + 1) - 1;
    if (known && this.#kinds.get(kind)?.lastWins === false) {
      return [{ ...base, from, deltas: deltas.filter((delta) => delta.version > from) }];
    }
    const [back] = record.backs;
    const rolledBack = back && { rolledBack: { from: back.from, to: back.to } };
    return [{ ...base, ...rolledBack, value: this.#kinds.get(kind)?.value(state) }];
  }

  #update(update: Update, clientId: string | undefined, seq: number | undefined, body: string): UpdateResult {
    const { item } = update;
    const empty: Content = {
      kind: update.kind ?? 'register',
      version: 0,
      state: undefined,
      seqs: new Map(),
      deltas: [],
    };
    const nothing: Kept = { content: empty, backs: [], brought: new Set() };
    const record = this.#items.get(item) ?? { now: empty, stored: nothing, backs: [], brought: new Set(), open: false };
    const last = clientId === undefined ? undefined : record.now.seqs.get(clientId);
    if (last && seq !== undefined && seq <= last.seq) {
      if (seq < last.seq) return { item, result: 'invalid', code: 'seqTooOld', detail: '' };
      if (last.body !== ANY && last.body !== body) return { item, result: 'invalid', code: 'seqReused', detail: '' };
      return last.result;
    }
    if (update.restore) return this.#restore(record, update);
    if (clientId !== undefined && seq !== undefined) {
      record.backs = record.backs.map((back) =>
        back.posted.has(clientId) ? back : { ...back, posted: new Map([...back.posted, [clientId, seq]]) },
      );
    }
    const refused = this.#refuse(record.now, update);
    const op = update.op as Json;
    const isDelete = JSON.stringify(op) === '{"delete":true}';
    const kind = this.#kinds.get(
      record.now.state === undefined ? (update.kind ?? 'register') : record.now.kind,
    ) as Kind;
    const applied =
      refused || isDelete
        ? undefined
        : kind.apply(record.now.state ?? kind.empty(), op, { now: 0, version: record.now.version });
    if (applied && applied.result !== 'ok') return { item, result: 'invalid', code: 'badOp', detail: '' };
    const version = record.now.version + (refused ? 0 : 1);
    const result: UpdateResult = refused ?? {
      item,
      result: 'ok',
      version,
      durableVersion: record.stored.content.version,
    };
    const sender = clientId !== undefined && seq !== undefined ? { clientId, seq } : {};
    const deltas = refused ? record.now.deltas : [...record.now.deltas, { version, op, ...sender, updatedAt: '' }];
    const seqs = new Map(record.now.seqs);
    if (clientId !== undefined && seq !== undefined) seqs.set(clientId, { seq, body, result });
    const state = applied ? applied.state : refused ? record.now.state : undefined;
    record.now = { kind: kind.name, version, state, seqs, deltas };
    if (kind.lastWins && !refused)
      record.backs = record.backs.slice(0, 1).map((back) => ({ ...back, got: back.to, gaps: new Set() }));
    if (!refused && (!record.open || isDelete || update.durable || update.release)) store(record);
    if (!refused) record.open = !isDelete;
    this.#items.set(item, record);
    if (!refused) this.#log.push({ item, version: record.now.version });
    return result;
  }

  #refuse(now: Content, { item, ifVersion }: Update): UpdateResult | undefined {
    const version = now.state === undefined ? 0 : now.version;
    if (ifVersion === undefined || ifVersion === version) return undefined;
    const value = now.state === undefined ? undefined : (this.#kinds.get(now.kind)?.value(now.state) as Json);
    return { item, result: 'conflict', version, durableVersion: 0, ...(value !== undefined && { value }) };
  }

  #restore(record: Record, { item, restore }: Update): UpdateResult {
    const { now } = record;
    const reach = restore?.deltas.at(-1)?.version ?? 0;
    const back = record.backs.findLast(({ to }) => reach <= to) ?? record.backs[0];
    if (!back) return { item, result: 'invalid', code: 'notRolledBack', detail: '' };
    if (restore === undefined || now.state === undefined || restore.from > back.from) return this.#stands(record, item);
    const kind = this.#kinds.get(now.kind) as Kind;
    for (const delta of restore.deltas) {
      const { version, op, clientId, seq } = delta;
      const last = clientId === undefined ? undefined : record.now.seqs.get(clientId);
      const posted = clientId === undefined ? undefined : back.posted.get(clientId);
      const known = posted !== undefined && seq !== undefined && seq >= posted;
      const name = `${clientId}/${seq}`;
      const reached = version <= back.got && !(clientId !== undefined && back.gaps.has(version));
      if (reached || known || (record.backs.length > 1 && record.brought.has(name))) continue;
      const { deltas, version: at, state } = record.now;
      const applied = kind.apply(state, op, { now: 0, version: at });
      if (applied.result !== 'ok') return { item, result: 'invalid', code: 'badOp', detail: '' };
      const seqs = new Map(record.now.seqs);
      const result: UpdateResult = { item, result: 'ok', version: at + 1, durableVersion: 0 };
      if (clientId !== undefined && seq !== undefined && (last?.seq ?? 0) < seq) {
        seqs.set(clientId, { seq, body: ANY, result });
      }
      const more = {
        version: at + 1,
        op,
        ...(clientId !== undefined && { clientId }),
        ...(seq !== undefined && { seq }),
        updatedAt: '',
      };
      record.now = { kind: kind.name, version: at + 1, state: applied.state, seqs, deltas: [...deltas, more] };
      if (record.backs.length > 1) record.brought = new Set([...record.brought, name]);
      this.#log.push({ item, version: record.now.version });
    }
    const gaps = new Set(back.gaps);
    for (let version = back.got + 1; version <= reach && !kind.lastWins; version++) gaps.add(version);
    for (const { version } of restore.deltas) gaps.delete(version);
    record.backs = record.backs.map((one) => (one === back ? { ...one, got: Math.max(one.got, reach), gaps } : one));
    return this.#stands(record, item);
  }

  /** A restoring is stored before it is acknowledged. */
  #stands(record: Record, item: string): UpdateResult {
    if (record.now.version > record.stored.content.version) record.open = true;
    store(record);
    return { item, result: 'ok', version: record.now.version, durableVersion: record.now.version };
  }
}

function store(record: Record): void {
  record.stored = { content: record.now, backs: record.backs, brought: record.brought };
}

/** Whether it was in motion: what is stored comes back, above every number that was given. */
function rollBack(record: Record): boolean {
  const { now, stored } = record;
  if (now.version === stored.content.version) return false;
  const to = now.version;
  const { version: from } = stored.content;
  const mark: Back = { from, to, got: from, gaps: new Set(), posted: new Map() };
  record.backs = [mark, ...stored.backs.filter((back) => back.got < back.to)];
  record.brought = stored.brought;
  record.now = { ...stored.content, version: to + 10, deltas: [] };
  record.open = false;
  store(record);
  return true;
}
