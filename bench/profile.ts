import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { align } from './report.ts';

type Frame = { readonly functionName: string; readonly url: string; readonly lineNumber: number };
type Node = { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] };
type Profile = {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

/** Starting, and the first requests. */
const SKIPPED_US = 3e6;
const SHOWN = 35;
const ROOT = join(import.meta.dirname, '..');

/** Time of a function itself, and with all that it called, microseconds. */
type Spent = { own: number; all: number };

/** Where the time of the profiles in a folder went. Waiting does not count. */
export function topFunctions(folder: string): string {
  const spent = new Map<string, Spent>();
  for (const file of readdirSync(folder)) addProfile(spent, JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const total = [...spent.values()].reduce((sum, { own }) => sum + own, 0);
  const share = (us: number) => `${((100 * us) / total).toFixed(1)} %`;
  const top = (rows: [string, Spent][], by: keyof Spent) => rows.sort((a, b) => b[1][by] - a[1][by]).slice(0, SHOWN);
  const rows = top([...spent], 'own').map(([name, { own, all }]) => [name, share(own), share(all)]);
  const ours = top(
    [...spent].filter(([name]) => / (src|node_modules)\//.test(name)),
    'all',
  ).map(([name, { own, all }]) => [name, share(own), share(all)]);
  const heading = ['', 'own', 'with callees'];
  return `${align([heading, ...rows])}\n\n${align([heading, ...ours])}`;
}

function addProfile(spent: Map<string, Spent>, profile: Profile): void {
  const own = ownTimes(profile);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const [root] = profile.nodes;
  const walk = (node: Node, above: ReadonlySet<string>): number => {
    const name = nameOf(node.callFrame);
    const self = own.get(node.id) ?? 0;
    let all = self;
    const within = new Set(above).add(name);
    for (const id of node.children ?? []) {
      const child = nodes.get(id);
      if (child !== undefined) all += walk(child, within);
    }
    const sum = spent.get(name) ?? { own: 0, all: 0 };
    spent.set(name, { own: sum.own + self, all: sum.all + (above.has(name) ? 0 : all) });
    return all;
  };
  if (root !== undefined) walk(root, new Set());
}

function ownTimes({ nodes, samples, timeDeltas }: Profile): Map<number, number> {
  const idle = nodes.find(({ callFrame }) => callFrame.functionName === '(idle)')?.id;
  const own = new Map<number, number>();
  let at = 0;
  for (const [i, id] of samples.entries()) {
    at += timeDeltas[i] ?? 0;
    if (at > SKIPPED_US && id !== idle) own.set(id, (own.get(id) ?? 0) + (timeDeltas[i] ?? 0));
  }
  return own;
}

function nameOf({ functionName, url, lineNumber }: Frame): string {
  const name = functionName === '' ? 'anonymous' : functionName;
  const file = url.startsWith('file:') ? relative(ROOT, new URL(url).pathname) : url;
  return file === '' ? name : `${name}  ${file}:${lineNumber + 1}`;
}
