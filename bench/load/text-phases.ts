import type { Since } from '../../src/kinds/kind.ts';
import { text } from '../../src/kinds/text/text.ts';
import { openEditors } from './editors.ts';
import type { Job, Result } from './job.ts';
import { sleep, startCost, Times } from './measure.ts';

type Phase = Extract<Job, { readonly phase: 'T' }>;

/** Keys of one editor, and how far each other editor has them. */
class Author {
  readonly typedAt: number[] = [];
  readonly seenBy: number[];

  constructor(editors: number) {
    this.seenBy = new Array<number>(editors).fill(0);
  }

  isEverywhere(own: number): boolean {
    return this.seenBy.every((seen, editor) => editor === own || seen >= this.typedAt.length);
  }
}

/**
 * Editors of one text. With a `rate`, each types so many keys a second; without, the next one as soon as all others show the last one. Times are from a key
 * to its being in the text of each other editor.
 */
export async function edit({ target, editors: count, chars, rate, warmUp, seconds }: Phase): Promise<Result> {
  const authors = Array.from({ length: count }, () => new Author(count));
  let times = new Times();
  let onSeen: (author: number) => void = () => undefined;
  const seen = (editor: number) => (author: number, keys: number) => {
    const known = authors[author];
    if (!known || author === editor) return;
    const now = performance.now();
    for (let key = known.seenBy[editor] ?? 0; key < keys; key++) times.add(now - (known.typedAt[key] ?? now));
    known.seenBy[editor] = Math.max(keys, known.seenBy[editor] ?? 0);
    onSeen(author);
  };
  const editors = await openEditors(target, count, chars, seen);
  const type = (editor: number): void => {
    authors[editor]?.typedAt.push(performance.now());
    editors[editor]?.type();
  };
  let stopped = false;
  onSeen = (author) => {
    if (rate === undefined && !stopped && authors[author]?.isEverywhere(author)) queueMicrotask(() => type(author));
  };
  const steady = async (editor: number, perSecond: number): Promise<void> => {
    while (!stopped) {
      type(editor);
      await sleep((1_000 / perSecond) * (0.75 + 0.5 * Math.random()));
    }
  };
  const loops = editors.map((_, editor) => (rate === undefined ? type(editor) : steady(editor, rate)));
  await sleep(warmUp * 1_000);
  times = new Times();
  const keys = () => authors.reduce((sum, { typedAt }) => sum + typedAt.length, 0);
  const bytes = () => editors.reduce((sum, editor) => sum + editor.bytes, 0);
  const [keysBefore, bytesBefore, stop] = [keys(), bytes(), startCost(target.pids)];
  await sleep(seconds * 1_000);
  const cost = stop();
  const typed = keys() - keysBefore;
  const moved = bytes() - bytesBefore;
  stopped = true;
  await Promise.all(loops);
  await sleep(200);
  for (const editor of editors) editor.close();
  return {
    rate: typed / cost.seconds,
    us: cost.server / typed,
    cacheUs: cost.memcached / typed,
    p50: times.quantile(0.5),
    p99: times.quantile(0.99),
    bytes: moved / typed,
    others: cost.others,
  };
}

const WRITERS = 10;

/** The pure step alone, in this process: one key each of ten writers, in lines of their own, each some keys behind. By CPU time, so that others on the core do not count. */
export function merge({ chars, behind, seconds }: { chars: number; behind: number; seconds: number }): Result {
  const line = chars / WRITERS;
  const content = Array.from({ length: WRITERS }, () => 'x'.repeat(line)).join('\n');
  let state = text.replay(text.empty(), { create: { granularity: 'touch', text: content } });
  let deltas: Since[] = [];
  const keys = new Array<number>(WRITERS).fill(0);
  const end = performance.now() + seconds * 1_000;
  const began = process.cpuUsage();
  let merges = 0;
  for (; performance.now() < end; merges++) {
    const since = behind === 0 ? [] : deltas.slice(-behind);
    const own = merges % WRITERS;
    // Where the line ended before the last writers, of which none has written in it, wrote theirs.
    let at = (own + 1) * line + own;
    for (let writer = 0; writer <= own; writer++) at += keys[writer] ?? 0;
    for (let n = 1; n <= since.length; n++) if ((merges - n) % WRITERS < own) at--;
    const version = merges + 1;
    const op = { base: version - since.length, edits: [[at, 0, 'k']] };
    const done = text.apply(state, op, { now: 0, version, since });
    if (done.result !== 'ok') throw new Error(`not merged: ${JSON.stringify(done)}`);
    state = done.state;
    keys[own] = (keys[own] ?? 0) + 1;
    deltas.push({ v: version + 1, op: done.delta });
    if (deltas.length > 1_000) deltas = deltas.slice(-100);
    if (state.bytes > 2 * chars) {
      state = text.replay(text.empty(), { create: { granularity: 'touch', text: content } });
      keys.fill(0);
      deltas = [];
    }
  }
  const { user, system } = process.cpuUsage(began);
  const us = (user + system) / merges;
  return { rate: 1e6 / us, us };
}
