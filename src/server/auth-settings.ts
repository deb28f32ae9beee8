import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { ApiKey } from '../auth/api-keys.ts';
import {
  firebaseIssuer,
  type Issuer,
  iapIssuer,
  JWKS_ALGORITHMS,
  readPublicKey,
  SECRET_ALGORITHMS,
} from '../auth/issuers.ts';
import type { ServiceAccounts } from '../auth/operators.ts';
import { type Grants, PATTERN_RULE, RIGHTS_RULE, readGrants } from '../auth/permissions.ts';
import { SettingError } from './backend-urls.ts';

export type AuthMode = 'jwt' | 'key';
const MODES: readonly string[] = ['none', 'jwt', 'key'];

/** No modes: `none`. */
export type AuthChoice = {
  readonly modes: readonly AuthMode[];
  readonly issuers: readonly Issuer[];
  readonly keys: readonly ApiKey[];
  readonly allowAnonymous: boolean;
  readonly serviceAccounts?: ServiceAccounts;
};

export const MIN_TOKEN_SECRET_CHARS = 32;
/** What `longshore token` puts into the tokens it makes, and what LONGSHORE_JWT_SECRET alone lets in. */
export const OWN_ISSUER = 'longshore';

export function parseModes(text: string): readonly AuthMode[] {
  const modes = text.split(',').map((mode) => mode.trim());
  const known = modes.every((mode) => MODES.includes(mode)) && new Set(modes).size === modes.length;
  if (!known) throw new SettingError('must be none, or a comma list of jwt and key');
  if (modes.includes('none') && modes.length > 1) throw new SettingError('cannot have none beside other modes');
  return modes.filter((mode): mode is AuthMode => mode !== 'none');
}

export function parseSwitch(text: string): boolean {
  if (text === '1' || text === 'true') return true;
  if (text === '0' || text === 'false') return false;
  throw new SettingError('must be 1 or 0');
}

export function parseTokenSecret(text: string): string {
  if (text.length < MIN_TOKEN_SECRET_CHARS || /change|example|secret-?here/i.test(text)) {
    const form = `must have at least ${MIN_TOKEN_SECRET_CHARS} random characters`;
    throw new SettingError(`${form}; try: openssl rand -base64 32`);
  }
  return text;
}

export function parseAccounts(text: string): readonly string[] {
  const emails = text.split(',').map((email) => email.trim());
  if (emails.every((email) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email))) return emails;
  throw new SettingError('must be a comma list of the e-mail addresses of service accounts');
}

const grants = z.unknown().transform((value, context): Grants => {
  const read = readGrants(value);
  if (read !== undefined) return read;
  context.addIssue(`must map ${PATTERN_RULE} to ${RIGHTS_RULE}`);
  return z.NEVER;
});
const name = z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 characters of a-z 0-9 -');
const text = z.string().min(1).max(2_000);
const spaces = grants.optional();

const keySchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,60}$/, 'must be 1 to 60 characters of A-Z a-z 0-9 . _ -'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits, as `longshore token key` prints them'),
  spaces: grants,
});
const firebaseSchema = z.strictObject({ preset: z.literal('firebase'), project: text, spaces });
const iapSchema = z.strictObject({
  preset: z.literal('iap'),
  audience: z.string().regex(/^\/projects\/\d+\/\S+$/, 'must begin with /projects/NUMBER/, as the console shows it'),
  spaces,
});
const issuerSchema = z.strictObject({
  name,
  issuer: text,
  audience: z.union([text, z.array(text).min(1)]),
  algorithms: z.array(z.string()).min(1).optional(),
  jwksUrl: z.string().optional(),
  publicKey: z.string().optional(),
  secret: z.string().optional(),
  spaces,
});

/** JSON, or the path of a file of it. */
function readJsonSetting(setting: string): unknown {
  const inline = /^\s*[[{]/.test(setting);
  let content = setting;
  if (!inline) {
    try {
      content = readFileSync(setting, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? ` (${error.code})` : '';
      throw new SettingError(`must be JSON, or a file of JSON that can be read${code}`);
    }
  }
  try {
    return JSON.parse(content);
  } catch {
    // The parser's own message may repeat a secret.
    throw new SettingError(inline ? 'is not JSON' : 'names a file that is not JSON');
  }
}

/** Reads each element of a list, and reports what is wrong with all of them. */
function readList<T extends { readonly name: string }>(setting: string, read: (element: unknown) => T): readonly T[] {
  const value = readJsonSetting(setting);
  if (!Array.isArray(value) || value.length === 0)
    throw new SettingError('must be a JSON array with at least one element');
  const problems: string[] = [];
  const found: T[] = [];
  for (const [i, element] of value.entries()) {
    try {
      found.push(read(element));
    } catch (error) {
      if (error instanceof z.ZodError) {
        problems.push(
          ...error.issues.map(
            ({ path, message }) => `[${i}]${path.map((part) => `.${String(part)}`).join('')} ${message}`,
          ),
        );
      } else if (error instanceof SettingError) problems.push(`[${i}] ${error.message}`);
      else throw error;
    }
  }
  for (const [i, { name: own }] of found.entries()) {
    if (found.findIndex((one) => one.name === own) < i) problems.push(`names ${own} twice`);
  }
  if (problems.length > 0) throw new SettingError(`has problems: ${problems.join('; ')}`);
  return found;
}

export function parseApiKeys(setting: string): readonly ApiKey[] {
  const keys = readList(setting, (element) => {
    const { sha256, ...rest } = keySchema.parse(element);
    return { ...rest, sha256: Buffer.from(sha256, 'hex') };
  });
  const hashes = new Set(keys.map(({ sha256 }) => sha256.toString('hex')));
  if (hashes.size < keys.length) throw new SettingError('has one key under two names');
  return keys;
}

export function parseIssuers(setting: string): readonly Issuer[] {
  const issuers = readList(setting, readIssuer);
  const bearers = issuers.map(({ issuer }) => issuer);
  if (new Set(bearers).size < bearers.length) throw new SettingError('has one issuer under two names');
  return issuers;
}

function readIssuer(element: unknown): Issuer {
  const preset = (element as { preset?: unknown } | null)?.preset;
  if (preset === 'firebase') {
    const { project, spaces: granted = [] } = firebaseSchema.parse(element);
    return firebaseIssuer(project, granted);
  }
  if (preset === 'iap') {
    const { audience, spaces: granted = [] } = iapSchema.parse(element);
    return iapIssuer(audience, granted);
  }
  if (preset !== undefined) throw new SettingError('has an unknown preset; there are firebase and iap');
  const {
    audience,
    algorithms,
    jwksUrl,
    publicKey,
    secret,
    spaces: granted = [],
    ...named
  } = issuerSchema.parse(element);
  if (named.name === 'key') throw new SettingError('cannot have the name key, which API keys have');
  const { key, fit, usual } = readKey({ jwksUrl, publicKey, secret });
  const chosen = algorithms ?? usual;
  const unfit = chosen.filter((one) => !fit.includes(one));
  if (unfit.length > 0) {
    throw new SettingError(`cannot take ${unfit.join(', ')} with this kind of key; fit are ${fit.join(', ')}`);
  }
  const audiences = typeof audience === 'string' ? [audience] : audience;
  return { ...named, audiences, algorithms: chosen, key, spaces: granted, iap: false, authTime: false };
}

type GivenKeys = {
  readonly jwksUrl?: string | undefined;
  readonly publicKey?: string | undefined;
  readonly secret?: string | undefined;
};

/** The key with the algorithms that it is fit for, and those that are taken unless others are named. */
function readKey({ jwksUrl, publicKey, secret }: GivenKeys) {
  if ([jwksUrl, publicKey, secret].filter((one) => one !== undefined).length !== 1) {
    throw new SettingError('needs exactly one of jwksUrl, publicKey and secret');
  }
  if (secret !== undefined) {
    const key = { source: 'secret', secret: parseTokenSecret(secret) } as const;
    return { key, fit: SECRET_ALGORITHMS, usual: ['HS256'] };
  }
  if (publicKey !== undefined) {
    const read = readPublicKey(publicKey);
    if (read === undefined) {
      throw new SettingError('needs a publicKey in PEM: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519');
    }
    const key = { source: 'public', key: read.key } as const;
    return { key, fit: read.algorithms, usual: read.algorithms.slice(0, 1) };
  }
  const url = URL.canParse(jwksUrl ?? '') ? new URL(jwksUrl ?? '') : undefined;
  const local = url?.protocol === 'http:' && /^(?:127\.0\.0\.1|localhost|\[::1\])$/.test(url.hostname);
  if (url === undefined || (url.protocol !== 'https:' && !local)) {
    throw new SettingError('needs a jwksUrl that begins with https://');
  }
  return { key: { source: 'jwks', url: url.href } as const, fit: JWKS_ALGORITHMS, usual: ['RS256', 'ES256'] };
}

/** What LONGSHORE_JWT_SECRET stands for. */
export function ownIssuer(secret: string): Issuer {
  return {
    name: 'dev',
    issuer: OWN_ISSUER,
    audiences: [OWN_ISSUER],
    algorithms: ['HS256'],
    key: { source: 'secret', secret },
    spaces: [],
    iap: false,
    authTime: false,
  };
}
