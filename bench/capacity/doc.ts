import type { CostFile } from '../costs/cost-file.ts';
import { planFor } from './model.ts';
import { DEFAULTS } from './options.ts';
import { PLATFORMS } from './platform.ts';
import { AS_OF, type Prices } from './prices.ts';
import { assumptions, costRows, limitRows, markdown, memoryLine, planRows, source } from './report.ts';
import type { Load } from './traffic.ts';

const SCALES = [10e3, 1e6, 10e6];

/** Ways out at the largest scale, each on its own, the last all together. */
const WAYS: readonly { readonly name: string; readonly load?: Partial<Load>; readonly on?: keyof typeof PLATFORMS }[] =
  [
    { name: 'as above' },
    { name: 'N = 60 s', load: { persist: 60 } },
    { name: 'nobody joins', load: { joined: 0 } },
    { name: 'spaces routed to instances', on: 'vm-routed' },
    { name: 'all three', load: { persist: 60, joined: 0 }, on: 'vm-routed' },
  ];

/** What docs/scaling.md shows, by the name of its place there. */
export function docParts(file: CostFile, prices: Prices): ReadonlyMap<string, string> {
  const { costs } = file;
  const plans = (on: keyof typeof PLATFORMS) =>
    SCALES.map((clients) => planFor({ ...DEFAULTS, clients }, costs, PLATFORMS[on]));
  const vm = plans('vm');
  const engine = plans('app-engine');
  const ways = WAYS.map(({ load, on = 'vm' }) =>
    planFor({ ...DEFAULTS, clients: 10e6, ...load }, costs, PLATFORMS[on]),
  );
  const [, , largest] = vm;
  const [first] = vm;
  const [firstEngine] = engine;
  if (!largest || !first || !firstEngine) throw new Error('three scales are planned');
  const names = ['', ...WAYS.map(({ name }) => name)];
  return new Map([
    ['costs', `${source(file)}\n\n${markdown(costRows(file))}\n\n${memoryLine(file)}`],
    ['vm', `${assumptions(first)} Prices: ${AS_OF}.\n\n${markdown(planRows(vm, prices))}`],
    ['app-engine', `${assumptions(firstEngine)}\n\n${markdown(planRows(engine, prices))}`],
    ['limits', markdown(limitRows(largest))],
    ['ways', markdown([names, ...planRows(ways, prices).slice(1)])],
  ]);
}

function placeOf(name: string): RegExp {
  return new RegExp(`(<!-- capacity: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
}

/** The text with every part in its place; throws where a place is missing. */
export function withParts(text: string, parts: ReadonlyMap<string, string>): string {
  let result = text;
  for (const [name, part] of parts) {
    if (!placeOf(name).test(result)) throw new Error(`there is no place for ${name}`);
    result = result.replace(placeOf(name), (_all, begin: string, end: string) => `${begin}\n${part}\n\n${end}`);
  }
  return result;
}
