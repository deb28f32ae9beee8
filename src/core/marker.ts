import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Epoch, Version } from '../protocol/ids.ts';
import { MAX_MARKER_CHARS, MAX_SEEN_INLINE } from '../protocol/limits.ts';
import { FORMAT_VERSION } from '../protocol/version.ts';
import { NO_ROSTER, type RosterMark } from './presence/tell-roster.ts';

/**
 * What a chain has been told of an item: the newest version, and the newest version known to be stored. `blind`: it began after that version ("now")
 * and does not have it, so that no delta may start there.
 */
export type Seen = { readonly v: Version; readonly pv: Version; readonly blind?: true };
/** By `idHash`. */
export type SeenMap = ReadonlyMap<string, Seen>;

/** An answer that did not fit one page: where it stopped, and the time that its last page moves on to. */
export type Cycle = { readonly after: string; readonly t1: number; readonly snap: boolean };

/** "This client has everything up to T." */
export type Marker = {
  readonly e: Epoch;
  readonly T: number;
  readonly filter: string;
  readonly seen: SeenMap;
  readonly cycle?: Cycle;
  /** What the chain was told of who is here. */
  readonly roster: RosterMark;
};

export type OpenedMarker =
  | { readonly status: 'ok'; readonly marker: Marker }
  /** `seen` is in a cache record of this name; the rest is complete. */
  | { readonly status: 'seenElsewhere'; readonly marker: Marker; readonly name: string }
  /** sealed with a key that is not known (any more), or of another format: the reader starts anew */
  | { readonly status: 'unknownKey' | 'otherFormat' }
  | { readonly status: 'bad' };

export type SealedMarker = {
  readonly text: string;
  /** Too much was seen lately for one marker: this record must be in the cache under this name. */
  readonly spill?: { readonly name: string; readonly bytes: Buffer };
};

type Header = {
  readonly f: number;
  readonly e: string;
  readonly t: number;
  readonly q: string;
  readonly r?: readonly [life: string, ...n: number[]];
  readonly c?: readonly [after: string, t1: number, snap: 0 | 1];
  readonly x?: string;
};

const ID_HASH_BYTES = 8;
const MAC_BYTES = 16;
const KEY_NAME_CHARS = 4;
/** With the longest header this stays below `MAX_MARKER_CHARS`. */
const MAX_SEEN_BYTES = 2_600;
/** Markers that many clients come with, or are given, at about the same time. */
const MAX_KEPT = 256;

/**
 * Seals and opens markers: `<key name><header>.<seen>.<mac>`, base64url, HMAC-SHA256 over the space and all of it. The first secret seals, all of them open. Markers hold no
 * secret; the seal keeps clients from inventing times.
 */
export class Markers {
  readonly #keys: readonly { readonly name: string; readonly secret: Buffer }[];
  readonly #opened = new Map<string, OpenedMarker>();
  readonly #macs = new Map<string, Buffer>();

  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => {
      const key = createHash('sha256').update(`longshore marker ${secret}`).digest();
      return { name: createHash('sha256').update(key).digest('base64url').slice(0, KEY_NAME_CHARS), secret: key };
    });
  }

  seal(space: string, marker: Marker): SealedMarker {
    const seen = encodeSeen(marker.seen);
    const spilled = marker.seen.size > MAX_SEEN_INLINE || seen.length > MAX_SEEN_BYTES;
    const name = spilled ? createHash('sha256').update(seen).digest('base64url').slice(0, 22) : undefined;
    const header: Header = {
      f: FORMAT_VERSION,
      e: marker.e,
      t: marker.T,
      q: marker.filter,
      ...(marker.roster.n.length > 0 ? { r: [marker.roster.life, ...marker.roster.n] } : {}),
      ...(marker.cycle ? { c: [marker.cycle.after, marker.cycle.t1, marker.cycle.snap ? 1 : 0] } : {}),
      ...(name ? { x: name } : {}),
    };
    const key = this.#keys[0];
    if (!key) throw new Error('no secret to seal markers with');
    const inline = spilled ? '' : seen.toString('base64url');
    const text = `${key.name}${Buffer.from(JSON.stringify(header)).toString('base64url')}.${inline}`;
    const mac = this.#mac(key, space, text).toString('base64url');
    return { text: `${text}.${mac}`, ...(name ? { spill: { name, bytes: seen } } : {}) };
  }

  /** The key's name begins the text, so texts of two keys never meet. */
  #mac(key: { readonly secret: Buffer }, space: string, text: string): Buffer {
    const name = `${space}\n${text}`;
    let mac = this.#macs.get(name);
    if (!mac) {
      mac = createHmac('sha256', key.secret).update(name).digest().subarray(0, MAC_BYTES);
      if (this.#macs.size >= MAX_KEPT) this.#macs.clear();
      this.#macs.set(name, mac);
    }
    return mac;
  }

  /** Many clients may come with one marker: the last ones opened are kept. */
  open(space: string, text: string): OpenedMarker {
    if (text.length > MAX_MARKER_CHARS) return { status: 'bad' };
    const name = `${space}\n${text}`;
    let opened = this.#opened.get(name);
    if (!opened) {
      opened = this.#open(space, text);
      if (opened.status === 'bad') return opened;
      if (this.#opened.size >= MAX_KEPT) this.#opened.clear();
      this.#opened.set(name, opened);
    }
    return opened;
  }

  #open(space: string, text: string): OpenedMarker {
    const parts = text.split('.');
    const [head, seenText, macText] = parts;
    if (parts.length !== 3 || !head || seenText === undefined || !macText) return { status: 'bad' };
    const key = this.#keys.find((each) => each.name === head.slice(0, KEY_NAME_CHARS));
    if (!key) return looksSealed(head, macText) ? { status: 'unknownKey' } : { status: 'bad' };
    const mac = Buffer.from(macText, 'base64url');
    const expected = this.#mac(key, space, `${head}.${seenText}`);
    if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) return { status: 'bad' };
    const header = JSON.parse(Buffer.from(head.slice(KEY_NAME_CHARS), 'base64url').toString()) as Header;
    if (header.f !== FORMAT_VERSION) return { status: 'otherFormat' };
    const marker: Marker = {
      e: header.e,
      T: header.t,
      filter: header.q,
      seen: decodeSeen(Buffer.from(seenText, 'base64url')),
      roster: header.r ? { life: header.r[0], n: header.r.slice(1) as number[] } : NO_ROSTER,
      ...(header.c ? { cycle: { after: header.c[0], t1: header.c[1], snap: header.c[2] === 1 } } : {}),
    };
    return header.x ? { status: 'seenElsewhere', marker, name: header.x } : { status: 'ok', marker };
  }
}

function looksSealed(head: string, mac: string): boolean {
  return head.length > KEY_NAME_CHARS + 20 && Buffer.from(mac, 'base64url').length === MAC_BYTES;
}

const hashes = new Map<string, string>();
const MAX_HASHES = 50_000;

/** 64 bits of SHA-256: nobody can make two ids that share it on purpose, and chance does not. */
export function idHash(id: string): string {
  let hash = hashes.get(id);
  if (hash === undefined) {
    if (hashes.size >= MAX_HASHES) hashes.clear();
    hash = createHash('sha256').update(id).digest().toString('latin1', 0, ID_HASH_BYTES);
    hashes.set(id, hash);
  }
  return hash;
}

/** Entries of 8 bytes of hash, then two varints: version, and twice version minus stored version, plus 1 where blind. Ascending, so that equal maps give equal bytes. */
export function encodeSeen(seen: SeenMap): Buffer {
  const parts: number[] = [];
  for (const hash of [...seen.keys()].sort()) {
    const { v, pv, blind } = seen.get(hash) as Seen;
    for (let i = 0; i < ID_HASH_BYTES; i++) parts.push(hash.charCodeAt(i));
    pushVarint(parts, v);
    pushVarint(parts, 2 * Math.max(0, v - pv) + (blind ? 1 : 0));
  }
  return Buffer.from(parts);
}

export function decodeSeen(bytes: Buffer): SeenMap {
  const seen = new Map<string, Seen>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < bytes.length) {
    const hash = bytes.toString('latin1', at, at + ID_HASH_BYTES);
    at += ID_HASH_BYTES;
    const v = varint();
    const rest = varint();
    const pv = v - Math.floor(rest / 2);
    seen.set(hash, rest % 2 === 1 ? { v, pv, blind: true } : { v, pv });
  }
  return seen;
}

function pushVarint(parts: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    parts.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  parts.push(rest);
}
