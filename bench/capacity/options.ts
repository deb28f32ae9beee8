import { parseArgs } from 'node:util';
import { PLATFORMS, type PlatformName } from './platform.ts';
import type { Load } from './traffic.ts';

export type CapacityOptions = {
  readonly load: Load;
  readonly on: PlatformName;
  /** Other than the file in bench/results. */
  readonly costs: string | undefined;
  /** A file of other prices. */
  readonly prices: string | undefined;
  /** Also where the unit costs are of other code. */
  readonly anyway: boolean;
  readonly simulate: boolean;
  readonly seed: number;
  /** Print, or put into the file, what docs/scaling.md shows. */
  readonly doc: boolean;
  readonly write: string | undefined;
};

export const USAGE = `npm run capacity -- [--clients 10e6] [--rate 0.2] [--per-space 10] [--items n] [--joined 1] [--drawing 0.01] [--persist 5]
                    [--on vm|app-engine|vm-routed] [--region-prices FILE] [--costs FILE] [--anyway]
npm run capacity -- … --simulate [--seed 1]     the model against a simulation of a tenth of the clients
npm run capacity -- --doc [--write FILE]        the tables of docs/scaling.md

--rate     updates per second of each client            --per-space  clients of one space
--items    items of a space that move; as many as clients
--joined   share of the clients that join               --drawing    share of the spaces where somebody draws
--anyway   although the unit costs are of other code than src is now`;

/** What docs/scaling.md is about, and what holds where nothing is said. */
export const DEFAULTS: Omit<Load, 'clients'> = {
  rate: 0.2,
  perSpace: 10,
  itemsPerSpace: 10,
  joined: 1,
  drawing: 0.01,
  persist: 5,
  roundTrip: 0.05,
};

export function readCapacityOptions(args: readonly string[]): CapacityOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      clients: text,
      rate: text,
      'per-space': text,
      items: text,
      joined: text,
      drawing: text,
      persist: text,
      on: text,
      costs: text,
      'region-prices': text,
      seed: text,
      write: text,
      anyway: flag,
      simulate: flag,
      doc: flag,
    },
  });
  const perSpace = amount('--per-space', values['per-space'], DEFAULTS.perSpace, 1);
  const clients = amount('--clients', values.clients, 10e6, 1);
  if (perSpace > clients) throw new Error('--per-space must be at most --clients');
  const on = values.on ?? 'vm';
  if (!isPlatform(on)) throw new Error(`--on takes ${Object.keys(PLATFORMS).join(' or ')}`);
  return {
    load: {
      clients,
      rate: amount('--rate', values.rate, DEFAULTS.rate, 0),
      perSpace,
      itemsPerSpace: amount('--items', values.items, perSpace, 1),
      joined: amount('--joined', values.joined, DEFAULTS.joined, 0, 1),
      drawing: amount('--drawing', values.drawing, DEFAULTS.drawing, 0, 1),
      persist: amount('--persist', values.persist, DEFAULTS.persist, 0.1, 600),
      roundTrip: DEFAULTS.roundTrip,
    },
    on,
    costs: values.costs,
    prices: values['region-prices'],
    anyway: values.anyway,
    simulate: values.simulate,
    seed: amount('--seed', values.seed, 1, 0),
    doc: values.doc,
    write: values.write,
  };
}

function isPlatform(name: string): name is PlatformName {
  return Object.hasOwn(PLATFORMS, name);
}

function amount(flag: string, text: string | undefined, usual: number, least: number, most = 1e12): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < least || value > most) {
    throw new Error(`${flag} must be a number from ${least} to ${most}`);
  }
  return value;
}
