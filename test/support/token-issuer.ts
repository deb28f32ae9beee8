import { type CryptoKey, exportJWK, type FetchImplementation, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { Issuer } from '../../src/auth/issuers.ts';

export const NOW_S = 1_700_000_000;

type Header = { readonly alg?: string; readonly kid?: string; readonly [name: string]: unknown };

/** An issuer with keys of its own, and the server of its key set, which counts how often it is asked. */
export class TokenIssuer {
  readonly issuer: Issuer;
  asked = 0;
  /** Answered instead of the keys, where set. */
  broken: (() => Response | Promise<Response>) | undefined;
  readonly #keys = new Map<string, CryptoKey>();
  readonly #public: object[] = [];
  readonly #alg: string;

  private constructor(issuer: Issuer, alg: string) {
    this.issuer = issuer;
    this.#alg = alg;
  }

  static async create(more: Partial<Issuer> = {}, alg = 'ES256'): Promise<TokenIssuer> {
    const made = new TokenIssuer({ ...plainIssuer(), algorithms: [alg], ...more }, alg);
    await made.addKey('k1');
    return made;
  }

  async addKey(kid: string): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(this.#alg, { extractable: true });
    this.#keys.set(kid, privateKey);
    this.#public.push({ ...(await exportJWK(publicKey)), kid, alg: this.#alg, use: 'sig' });
  }

  get jwks(): { readonly keys: readonly object[] } {
    return { keys: this.#public };
  }

  readonly fetch: FetchImplementation = async () => {
    this.asked++;
    return this.broken === undefined ? Response.json(this.jwks) : this.broken();
  };

  /** A good token, but for what is given; `undefined` leaves a claim out. */
  async sign(claims: JWTPayload = {}, header: Header = {}): Promise<string> {
    const { issuer, audiences } = this.issuer;
    const good = { iss: issuer, aud: audiences[0], sub: 'ann', exp: NOW_S + 600, iat: NOW_S };
    const payload = Object.fromEntries(
      Object.entries({ ...good, ...claims }).filter(([, value]) => value !== undefined),
    );
    const kid = header.kid ?? 'k1';
    const key = this.#keys.get(kid) ?? this.#keys.get('k1');
    if (key === undefined) throw new Error('no key');
    return new SignJWT(payload).setProtectedHeader({ alg: this.#alg, ...header, kid }).sign(key);
  }
}

function plainIssuer(): Issuer {
  return {
    name: 'app',
    issuer: 'https://issuer.example',
    audiences: ['longshore'],
    algorithms: ['ES256'],
    key: { source: 'jwks', url: 'https://issuer.example/keys' },
    spaces: [],
    iap: false,
    authTime: false,
  };
}

/** `header.payload.` with no signature at all. */
export function unsigned(payload: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'none', typ: 'JWT' })}.${encode(payload)}.`;
}
