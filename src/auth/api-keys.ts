import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Caller } from './caller.ts';
import { subjectOf } from './credentials.ts';
import { ALL_RIGHTS, type Grants } from './permissions.ts';

/** A key as the server keeps it: 256 random bits need no slow hash. */
export type ApiKey = { readonly name: string; readonly sha256: Buffer; readonly spaces: Grants };

const PREFIX = 'lsk_';
const KEY = /^lsk_[A-Za-z0-9_-]{43}$/;
const KEY_BYTES = 32;

export function makeApiKey(): { readonly key: string; readonly sha256: string } {
  const key = PREFIX + randomBytes(KEY_BYTES).toString('base64url');
  return { key, sha256: hashApiKey(key).toString('hex') };
}

export function hashApiKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** JWTs never begin like this: their first character encodes a brace. */
export function looksLikeApiKey(token: string): boolean {
  return token.startsWith(PREFIX);
}

export class ApiKeys {
  readonly #keys: readonly { readonly sha256: Buffer; readonly caller: Caller }[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys.map(({ name, sha256, spaces }) => ({
      sha256,
      caller: { subject: subjectOf('key', name), grants: spaces, untilMs: Number.POSITIVE_INFINITY, cap: ALL_RIGHTS },
    }));
  }

  /** Takes as long for every key, known or not. */
  find(token: string): Caller | undefined {
    if (!KEY.test(token)) return undefined;
    const hash = hashApiKey(token);
    let found: Caller | undefined;
    for (const { sha256, caller } of this.#keys) if (timingSafeEqual(sha256, hash)) found = caller;
    return found;
  }
}
