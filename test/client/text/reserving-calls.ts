import { ChangeSet } from '@codemirror/state';
import type { TextAnswer } from '../../../src/client/text/text-copy.ts';
import { Calls, type Log } from './loop.ts';

type Range = { readonly from: number; readonly to: number };
type Request = {
  readonly clientId: string;
  readonly updates: readonly [
    { readonly op: { readonly base: number; readonly edits: readonly [number, number, string][] } },
  ];
};

const REFUSALS = 3;

/**
 * What a server would do that reserves a range for whoever was refused three times in a row in it: for some time, or until they are accepted, the edits of
 * others that touch it are refused. Counts how often anybody is refused in a row.
 */
export class ReservingCalls extends Calls {
  now = 0;
  /** Refusals in a row in one range, by how many they were. */
  readonly rows = new Map<number, number>();
  reservations = 0;
  /** Posts of others that were refused for the sake of a reservation. */
  turnedAway = 0;
  readonly #log: Log;
  readonly #ticks: number;
  readonly #refused = new Map<string, { readonly times: number; readonly ranges: readonly Range[] }>();
  #length: number;
  #reserved: { readonly client: string; readonly ranges: readonly Range[]; readonly until: number } | undefined;

  /** `ticks`: how long a reservation lasts; 0: there are none. */
  constructor(port: number, log: Log, length: number, ticks: number) {
    super(port);
    [this.#log, this.#length, this.#ticks] = [log, length, ticks];
  }

  override async send<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    if (method === 'GET') return super.send(method, path, body);
    const { clientId, updates } = body as Request;
    const { base, edits } = updates[0].op;
    const ranges = this.#rangesNow(base, edits);
    const reserved = this.#reserved;
    if (reserved && this.now < reserved.until && reserved.client !== clientId && touch(ranges, reserved.ranges)) {
      this.turnedAway++;
      return { results: [this.#conflict(base)] } as T;
    }
    const reply = await super.send<{ results: readonly [TextAnswer & { op?: unknown }] }>(method, path, body);
    const [answer] = reply.results;
    if (answer.result === 'ok') this.#accepted(clientId, (answer.op ?? { edits }) as Request['updates'][0]['op']);
    else this.#refusedOne(clientId, ranges);
    return reply as T;
  }

  /** What is still open counts, too. */
  finish(): void {
    for (const client of [...this.#refused.keys()]) this.#endRow(client);
  }

  #refusedOne(client: string, ranges: readonly Range[]): void {
    const before = this.#refused.get(client);
    const goesOn = before !== undefined && touch(before.ranges, ranges);
    if (!goesOn) this.#endRow(client);
    const times = (goesOn ? before.times : 0) + 1;
    this.#refused.set(client, { times, ranges });
    if (times < REFUSALS || this.#ticks === 0) return;
    this.#reserved = { client, ranges, until: this.now + this.#ticks };
    this.reservations++;
  }

  #accepted(client: string, op: Pick<Request['updates'][0]['op'], 'edits'>): void {
    this.#endRow(client);
    if (this.#reserved?.client === client) this.#reserved = undefined;
    const change = this.#changeOf(op.edits, this.#length);
    this.#length = change.newLength;
    const move = (ranges: readonly Range[]) => ranges.map((range) => moved(range, change));
    for (const [other, row] of this.#refused) this.#refused.set(other, { ...row, ranges: move(row.ranges) });
    if (this.#reserved) this.#reserved = { ...this.#reserved, ranges: move(this.#reserved.ranges) };
  }

  #endRow(client: string): void {
    const { times = 0 } = this.#refused.get(client) ?? {};
    if (times > 0) this.rows.set(times, (this.rows.get(times) ?? 0) + 1);
    this.#refused.delete(client);
  }

  #conflict(base: number): TextAnswer {
    const missed = this.#log.deltas.filter(({ version }) => version > base);
    return { result: 'conflict', version: this.#log.deltas.at(-1)?.version ?? base, missed, with: [] };
  }

  #changeOf(edits: readonly [number, number, string][], length: number): ChangeSet {
    return ChangeSet.of(
      edits.map(([from, del, insert]) => ({ from, to: from + del, insert })),
      length,
      '\n',
    );
  }

  #rangesNow(base: number, edits: readonly [number, number, string][]): Range[] {
    const since = this.#log.deltas.filter(({ version }) => version > base);
    let length = this.#length;
    for (const { op } of since) for (const [, del, ins] of editsOf(op)) length += del - ins.length;
    let ranges = edits.map(([from, del]) => ({ from, to: from + del }));
    for (const { op } of since) {
      const change = this.#changeOf(editsOf(op), length);
      ranges = ranges.map((range) => moved(range, change));
      length = change.newLength;
    }
    return ranges;
  }
}

function editsOf(op: unknown): readonly [number, number, string][] {
  return (op as { readonly edits: readonly [number, number, string][] }).edits;
}

function moved({ from, to }: Range, change: ChangeSet): Range {
  return { from: change.mapPos(from, -1), to: change.mapPos(to, 1) };
}

function touch(some: readonly Range[], others: readonly Range[]): boolean {
  return some.some(({ from, to }) => others.some((other) => from <= other.to && to >= other.from));
}
