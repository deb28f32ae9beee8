import type { Json } from '../../base/json.ts';
import type { Seeded } from '../../base/seeded.ts';
import { type ClientKind, register as registerClient } from '../../client/client-kind.ts';
import { picture as pictureClient } from '../../client/picture-kind.ts';
import { set as setClient } from '../../client/set.ts';
import { text as textClient } from '../../client/text/text.ts';
import type { Kind } from '../../kinds/kind.ts';
import { log as logKind } from '../../kinds/log/log.ts';
import type { Edit } from '../../kinds/text/edits.ts';

/** What an update brings: a number that no other update of the run has, from 1 on. */
export type Tag = number;

/** What one update does: it brings a tag, and where the kind can, takes away an older one of the same monkey. */
export type Act = { readonly tag: Tag; readonly removes?: Tag };

/** One operation as it was carried out: `+7` or `-7`; what neither brings nor takes a tag is in its own words. */
export type Deed = string;

export type Moment = {
  /** ms since 1970. */
  readonly now: number;
  readonly chance: Seeded;
  /** Of a text: as its writer has it. The operation lacks the base: that is for who keeps it. */
  readonly text?: string;
};

/** How monkeys work on items of one kind, and how their tags are found again. */
export type Work = {
  readonly client: ClientKind;
  readonly create: Json;
  /** All operations can be read by their index. */
  readonly keepsOps: boolean;
  /** Tags of one monkey in an item, at most; absent: they are never taken away. */
  readonly keeps?: number;
  op(act: Act, moment: Moment): Json;
  /** Of a delta, or of a single operation as its index names it. */
  deedsOf(op: Json): Deed[];
  /** Each as often as it is there; `undefined`: the value does not show them. */
  tagsIn(value: Json): Tag[] | undefined;
  /** The value with all tags taken out, and as it has to be then. */
  readonly rest?: { of(value: Json): Json; readonly is: Json };
};

/** Values stay below 16 KiB with 20 monkeys on an item. */
const KEEPS = 20;
const PICTURE_SIDE = 256;
const MAX_STROKE_STEP = 40;
/** Places that writers of a text may choose from at the beginning: insertions at one place are in each other's way. */
const LINES = '.\n'.repeat(100);
const TAG_IN_TEXT = /<(\d+)>/g;

const set: Work = {
  client: setClient,
  create: { create: {} },
  keepsOps: true,
  keeps: KEEPS,
  op: ({ tag, removes }, { now }) => ({
    ops: [['add', `m${tag}`, now], ...(removes === undefined ? [] : [['remove', `m${removes}`, now]])],
  }),
  deedsOf(op) {
    const ops = Array.isArray(op) ? [op] : ((op as { readonly ops?: readonly Json[] }).ops ?? [op]);
    return ops.map((one) => {
      if (!Array.isArray(one)) return JSON.stringify(one);
      const [verb, element] = one as [string, string];
      return `${verb === 'add' ? '+' : '-'}${element.slice(1)}`;
    });
  },
  tagsIn: (value) => (value as { readonly members: readonly string[] }).members.map((one) => Number(one.slice(1))),
};

const register: Work = {
  client: registerClient,
  create: { set: {} },
  keepsOps: false,
  keeps: KEEPS,
  op: ({ tag, removes }) => ({ merge: { [tag]: 1, ...(removes === undefined ? {} : { [removes]: null }) } }),
  deedsOf(op) {
    const { merge = {} } = op as { readonly merge?: { readonly [tag: string]: Json } };
    return Object.entries(merge).map(([tag, value]) => `${value === null ? '-' : '+'}${tag}`);
  },
  tagsIn: (value) => Object.keys(value as object).map(Number),
  rest: { of: (value) => Object.values(value as object).filter((one) => one !== 1), is: [] },
};

/** A log as a client needs it: how many messages there are. Its own kind stays out of the library, which nobody asks for it. */
const logClient: ClientKind = {
  kind: logKind as Kind,
  open: (value) => ({ count: (value as { readonly nextIndex: number }).nextIndex - 1 }),
  fold: () => undefined,
  whole: () => undefined,
};

const log: Work = {
  client: logClient,
  create: { create: {} },
  keepsOps: true,
  op: ({ tag }) => ({ append: [{ tag }] }),
  deedsOf(op) {
    const { append } = op as { readonly append?: readonly { readonly tag: Tag }[] };
    return append ? append.map(({ tag }) => `+${tag}`) : [JSON.stringify(op)];
  },
  tagsIn: () => undefined,
};

/** The colour is the tag. Strokes cross each other, so their order shows. */
const picture: Work = {
  client: pictureClient,
  create: { create: { width: PICTURE_SIDE, height: PICTURE_SIDE } },
  keepsOps: true,
  op({ tag }, { chance }) {
    let [x, y] = [chance.int(PICTURE_SIDE), chance.int(PICTURE_SIDE)];
    const step = () => chance.int(2 * MAX_STROKE_STEP) - MAX_STROKE_STEP;
    const points = Array.from({ length: 2 + chance.int(6) }, () => {
      [x, y] = [x + step(), y + step()];
      return [x, y];
    });
    return { stroke: { color: `#${tag.toString(16).padStart(6, '0')}`, width: 1 + chance.int(12), points } };
  },
  deedsOf(op) {
    const { ops = [op] } = op as { readonly ops?: readonly Json[] };
    return ops.map((one) => {
      const { stroke } = one as { readonly stroke?: { readonly color: string } };
      return stroke ? `+${Number.parseInt(stroke.color.slice(1), 16)}` : JSON.stringify(one);
    });
  },
  tagsIn: () => undefined,
};

const text: Work = {
  client: textClient,
  create: { create: { text: LINES } },
  keepsOps: false,
  keeps: KEEPS,
  op({ tag, removes }, { chance, text: content = '' }) {
    const gone = removes === undefined ? -1 : content.indexOf(`<${removes}>`);
    const edits: Edit[] = [[placeIn(content, chance), 0, `<${tag}>`]];
    if (gone >= 0) edits.push([gone, `<${removes}>`.length, '']);
    edits.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    return { edits: edits as unknown as Json };
  },
  deedsOf(op) {
    const { edits = [] } = op as unknown as { readonly edits?: readonly Edit[] };
    return edits.flatMap(([, , ins]) => tagsOf(ins).map((tag) => `+${tag}`));
  },
  tagsIn: (value) => tagsOf(value as string),
  rest: { of: (value) => (value as string).replace(TAG_IN_TEXT, ''), is: LINES },
};

export function tagsOf(content: string): Tag[] {
  return Array.from(content.matchAll(TAG_IN_TEXT), ([, tag]) => Number(tag));
}

/** Where a tag may be put into a text: never into another one. */
function placeIn(content: string, chance: Seeded): number {
  const places = Array.from(content.matchAll(/[\n>]/g), ({ index }) => index + 1);
  return places.length === 0 ? content.length : chance.pick(places);
}

export const WORKS = { set, register, log, picture, text } as const satisfies { readonly [kind: string]: Work };
export type WorkKind = keyof typeof WORKS;
