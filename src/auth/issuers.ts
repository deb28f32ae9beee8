import { createPublicKey, type KeyObject } from 'node:crypto';
import type { Grants } from './permissions.ts';

/** Where the key comes from that a token of this issuer has to be signed with. Never from the token. */
export type KeySource =
  | { readonly source: 'jwks'; readonly url: string }
  | { readonly source: 'public'; readonly key: KeyObject }
  | { readonly source: 'secret'; readonly secret: string };

/** Whose tokens are taken, and what has to be in them. */
export type Issuer = {
  /** Begins the subjects of its callers. No colon. */
  readonly name: string;
  /** `iss`, compared exactly. */
  readonly issuer: string;
  /** One of them has to be in `aud`. */
  readonly audiences: readonly string[];
  readonly algorithms: readonly string[];
  readonly key: KeySource;
  /** What every token of it grants, besides what its own claim `spaces` says. */
  readonly spaces: Grants;
  /** IAP puts its assertion into a header of its own, and is not taken from anywhere else. */
  readonly iap: boolean;
  /** Firebase: `auth_time` has to be there, and in the past. */
  readonly authTime: boolean;
};

export const SECRET_ALGORITHMS: readonly string[] = ['HS256', 'HS384', 'HS512'];
export const JWKS_ALGORITHMS: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

const CURVES: { readonly [curve: string]: string } = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
const MIN_RSA_BITS = 2_048;

/** A public key in PEM, with the algorithms it is fit for; `undefined` where it is none, or a private one. */
export function readPublicKey(
  pem: string,
): { readonly key: KeyObject; readonly algorithms: readonly string[] } | undefined {
  if (!/^\s*-----BEGIN (?:PUBLIC KEY|RSA PUBLIC KEY|CERTIFICATE)-----/.test(pem)) return undefined;
  try {
    const key = createPublicKey(pem);
    const algorithms = algorithmsFor(key);
    return algorithms.length > 0 ? { key, algorithms } : undefined;
  } catch {
    return undefined;
  }
}

function algorithmsFor(key: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength < MIN_RSA_BITS ? [] : JWKS_ALGORITHMS.filter((name) => /^[RP]S/.test(name));
    case 'ec':
      return [CURVES[namedCurve]].filter((name) => name !== undefined);
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return [];
  }
}

const GOOGLE = 'https://www.googleapis.com';

/** ID tokens of Firebase Authentication in this project. */
export function firebaseIssuer(project: string, spaces: Grants): Issuer {
  const url = `${GOOGLE}/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com`;
  return {
    name: 'firebase',
    issuer: `https://securetoken.google.com/${project}`,
    audiences: [project],
    algorithms: ['RS256'],
    key: { source: 'jwks', url },
    spaces,
    iap: false,
    authTime: true,
  };
}

/** Google's Identity-Aware Proxy; `audience` is `/projects/NUMBER/…`, as its console shows it. */
export function iapIssuer(audience: string, spaces: Grants): Issuer {
  return {
    name: 'iap',
    issuer: 'https://cloud.google.com/iap',
    audiences: [audience],
    algorithms: ['ES256'],
    key: { source: 'jwks', url: 'https://www.gstatic.com/iap/verify/public_key-jwk' },
    spaces,
    iap: true,
    authTime: false,
  };
}

/** Service accounts of Google, for the routes of operators. */
export function serviceAccountIssuer(audience: string): Issuer {
  return {
    name: 'google',
    issuer: 'https://accounts.google.com',
    audiences: [audience],
    algorithms: ['RS256'],
    key: { source: 'jwks', url: `${GOOGLE}/oauth2/v3/certs` },
    spaces: [],
    iap: false,
    authTime: false,
  };
}
