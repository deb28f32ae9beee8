import type { CostFile } from '../costs/cost-file.ts';
import { type Bill, billFor } from './bill.ts';
import { boundBy, breaksFirst, digits, largest, limitsOf, rampMinutes } from './limits.ts';
import type { Plan } from './model.ts';
import { NODE } from './platform.ts';
import type { Prices } from './prices.ts';

export type Rows = readonly (readonly string[])[];

const PARTS: { readonly [part in Exclude<keyof Bill, 'total' | 'pubsub'>]: string } = {
  instances: 'instances',
  memcached: 'memcached',
  datastoreReads: 'Datastore reads',
  datastoreWrites: 'Datastore writes',
  storage: 'Cloud Storage',
  egress: 'egress',
};

/** A row per question, a column per plan. */
export function planRows(plans: readonly Plan[], prices: Prices): Rows {
  const row = (name: string, of: (plan: Plan) => string) => [name, ...plans.map(of)];
  const paid = (name: string, of: (bill: Bill) => number) =>
    row(`${name}, USD/h`, (plan) => money(of(billFor(plan, prices))));
  const number = (name: string, of: (plan: Plan) => number) => row(name, (plan) => digits(of(plan)));
  return [
    row('clients', ({ load }) => load.clients.toLocaleString('en-US')),
    number('posts/s', ({ traffic }) => traffic.posts),
    number('answers/s', ({ traffic }) => traffic.answers),
    number('instances', ({ instances }) => instances),
    row('for their', (plan) => boundBy(plan).instances),
    number('memcached nodes', ({ nodes }) => nodes),
    row('for their', (plan) => boundBy(plan).nodes),
    number('requests to memcached/s', ({ traffic }) => traffic.cacheCalls),
    number('records of the pulse read/s', ({ pulsePerSecond }) => pulsePerSecond),
    row('pulse, share of all CPU', ({ traffic }) => percent(traffic.pulseUs / traffic.serverUs)),
    number('Datastore reads/s', ({ traffic }) => traffic.storeReads),
    number('Datastore writes/s', ({ traffic }) => traffic.storeWrites),
    row('minutes to warm Datastore up', ({ traffic: { storeReads, storeWrites } }) =>
      digits(Math.round(rampMinutes(Math.max(storeReads, storeWrites)))),
    ),
    number('Cloud Storage writes/s', ({ traffic }) => traffic.blobWrites),
    row('egress, MB/s', ({ traffic }) => digits(traffic.egressBytes / 1e6)),
    ...(Object.keys(PARTS) as (keyof typeof PARTS)[]).map((part) => paid(PARTS[part], (bill) => bill[part])),
    paid('together', (bill) => bill.total),
    paid('Pub/Sub in place of the pulse', (bill) => bill.pubsub),
    row('largest part of the bill', (plan) => PARTS[largest(billFor(plan, prices))]),
    row('breaks first', breaksFirst),
  ];
}

/** All limits of one plan, the most used first. */
export function limitRows(plan: Plan): Rows {
  const rows = limitsOf(plan).map(({ what, used, limit, instead }) => [
    what,
    digits(used),
    digits(limit),
    `${digits(used / limit)} ×`,
    instead,
  ]);
  return [['limit', 'used', 'of', 'used of it', 'what replaces it'], ...rows];
}

export function costRows({ costs }: CostFile): Rows {
  const us = (value: number) => value.toFixed(1);
  const line = (name: string, of: { readonly [part: string]: number }, more: string) => [
    name,
    us(of.serverUs ?? 0),
    us(of.cacheUs ?? 0),
    (of.cacheCalls ?? 0).toFixed(2),
    digits(of.cacheBytes ?? 0),
    more,
  ];
  const wire = ({ received, sent }: { readonly received: number; readonly sent: number }) =>
    `${digits(received)} bytes to the client, ${digits(sent)} from it`;
  const reads = (count: number) => `${count.toFixed(2)} reads of the store`;
  return [
    ['what', 'instance, µs', 'memcached, µs', 'requests to it', 'bytes to and from it', 'besides'],
    line('a post', costs.post, wire(costs.post)),
    line('a post where its space is not known', costs.coldPost, reads(costs.coldPost.storeReads)),
    line('a look at a space with news', costs.look, ''),
    line('a look without, every 2 s', costs.safetyLook, ''),
    line('a delivery', costs.delivery, wire(costs.delivery)),
    line('a poll where its space is not known', costs.coldPoll, reads(costs.coldPoll.storeReads)),
    line('a row written to the store', costs.storeWrite, `${reads(costs.storeWrite.reads)}, 1 write`),
    line('a space watched at an instance, per s', costs.pair, reads(costs.pair.storeReads)),
    line('an instance where nobody is, per s', costs.instance, reads(costs.instance.storeReads)),
    line(
      'a client that joined, per s',
      costs.client,
      `${costs.client.storeWrites.toFixed(3)} writes, ${reads(costs.client.storeReads)}`,
    ),
  ];
}

export function memoryLine({ costs }: CostFile): string {
  const { memory, picture } = costs;
  const held = `memcached holds ${digits(memory.space)} bytes for a space and ${digits(memory.item)} for an item`;
  const drawn = `a picture that is drawn on is stored every ${digits(1 / picture.blobWrites)} s`;
  return `A waiting poll takes ${digits(memory.poll)} bytes of an instance; ${held}; ${drawn}.`;
}

export function assumptions({ load, platform }: Plan): string {
  const { rate, perSpace, itemsPerSpace, joined, drawing, persist, roundTrip } = load;
  const people = `${digits(rate)} updates/s from each client, ${digits(perSpace)} clients and ${digits(itemsPerSpace)} moving items in a space`;
  const more = `${percent(joined)} of the clients joined, somebody draws in ${percent(drawing)} of the spaces`;
  const rest = `N = ${digits(persist)} s, ${digits(1_000 * roundTrip)} ms to a client and back`;
  return `${platform.title}. ${people}; ${more}; ${rest}; memcached nodes of ${NODE.cpus} vCPU and ${NODE.gigabytes} GB.`;
}

export function source({ measuredAt, machine, source, quick }: CostFile): string {
  const how = quick ? 'by a quick run, whose figures are rough' : 'by a full run';
  return `Measured ${measuredAt.slice(0, 10)} ${how}. ${machine}. Hash of src: ${source}.`;
}

export function markdown(rows: Rows): string {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const width = (column: number) => Math.max(3, ...rows.map((row) => cell(row[column] ?? '').length));
  const line = (row: readonly string[]) => `| ${row.map((text, i) => cell(text).padEnd(width(i))).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), `| ${head.map((_, i) => '-'.repeat(width(i))).join(' | ')} |`, ...body.map(line)].join('\n');
}

function money(dollars: number): string {
  return dollars < 0.005 ? '0' : digits(dollars);
}

function percent(share: number): string {
  return `${digits(100 * share)} %`;
}
