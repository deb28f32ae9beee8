import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../ports/clock.ts';
import { type ApiKey, ApiKeys, looksLikeApiKey } from './api-keys.ts';
import { type Caller, NotIdentified } from './caller.ts';
import { IAP_HEADER, readBearer, readHeader } from './credentials.ts';
import type { Issuer } from './issuers.ts';
import { claimedIssuer, type TokenOptions, TokenVerifier } from './tokens.ts';

/** Tokens whose verification is remembered, by hash. */
const MAX_HELD_TOKENS = 20_000;
/** The longest that a verification counts: a key that its issuer took back is noticed within it. */
const HELD_MS = 600_000;

type Held = { readonly caller: Caller; readonly untilMs: number };

export type IdentityOptions = TokenOptions & {
  /** Absent: no tokens are taken. */
  readonly issuers?: readonly Issuer[];
  /** Absent: no keys are taken. */
  readonly keys?: readonly ApiKey[];
};

/** Finds out who sends a request, from its headers alone. */
export class Identities {
  readonly #clock: Clock;
  readonly #bearers: ReadonlyMap<string, TokenVerifier>;
  readonly #iap: TokenVerifier | undefined;
  readonly #keys: ApiKeys | undefined;
  readonly #held = new LRUCache<string, Held>({ max: MAX_HELD_TOKENS });
  readonly #pending = new Map<string, Promise<Caller>>();

  constructor(options: IdentityOptions) {
    this.#clock = options.clock;
    const verifiers = (options.issuers ?? []).map((issuer) => new TokenVerifier(issuer, options));
    this.#bearers = new Map(verifiers.filter((one) => !one.issuer.iap).map((one) => [one.issuer.issuer, one]));
    this.#iap = verifiers.find((one) => one.issuer.iap);
    this.#keys = options.keys && new ApiKeys(options.keys);
  }

  /**
   * At once where the token was seen before, or is a key. Throws, or rejects with, `NotIdentified`. Where IAP stands in front,
   * its assertion decides, and nothing beside it.
   */
  identify(rawHeaders: readonly string[]): Caller | Promise<Caller> {
    if (this.#iap !== undefined) {
      const assertion = readHeader(rawHeaders, IAP_HEADER);
      if (assertion !== undefined) return this.#verified(`iap ${assertion}`, this.#iap, assertion);
    }
    const token = readBearer(rawHeaders);
    if (token === undefined) throw new NotIdentified('send Authorization: Bearer with a token or key', false);
    if (looksLikeApiKey(token)) {
      const caller = this.#keys?.find(token);
      if (caller === undefined) throw new NotIdentified('the key is not known', true);
      return caller;
    }
    return this.#verified(token, undefined, token);
  }

  #verified(name: string, verifier: TokenVerifier | undefined, token: string): Caller | Promise<Caller> {
    const hash = createHash('sha256').update(name).digest('base64');
    const held = this.#held.get(hash);
    if (held !== undefined && this.#clock.now() < held.untilMs) return held.caller;
    let pending = this.#pending.get(hash);
    if (pending === undefined) {
      pending = this.#verify(hash, verifier ?? this.#choose(token), token).finally(() => this.#pending.delete(hash));
      this.#pending.set(hash, pending);
    }
    return pending;
  }

  #choose(token: string): TokenVerifier {
    const verifier = this.#bearers.get(claimedIssuer(token) ?? '');
    if (verifier === undefined) throw new NotIdentified('the token is not one of an issuer that is taken here', true);
    return verifier;
  }

  async #verify(hash: string, verifier: TokenVerifier, token: string): Promise<Caller> {
    const caller = await verifier.identify(token);
    this.#held.set(hash, { caller, untilMs: Math.min(caller.untilMs, this.#clock.now() + HELD_MS) });
    return caller;
  }
}
