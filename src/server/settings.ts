import { resolve } from 'node:path';
import { z } from 'zod';
import { MAX_PICTURE_KEEP_MS } from '../protocol/limits.ts';
import {
  parseAccounts,
  parseApiKeys,
  parseIssuers,
  parseModes,
  parseSwitch,
  parseTokenSecret,
} from './auth-settings.ts';
import { parseBlobsUrl, parseBusUrl, parseCacheUrl, parseStoreUrl, SettingError } from './backend-urls.ts';
import { parseLimits } from './limit-settings.ts';

const MIN_SECRET_CHARS = 16;
export const DAY_MS = 86_400_000;

/** A text setting read by a function that throws `SettingError`. */
function read<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  });
}

function integer(from: number, to: number) {
  return read((text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : -1;
    if (value < from || value > to) throw new SettingError(`must be an integer, ${from} to ${to}`);
    return value;
  });
}

function readSecret(text: string): string {
  if (text.length < MIN_SECRET_CHARS || /change|example|secret-?here/i.test(text)) {
    throw new SettingError(`must have at least ${MIN_SECRET_CHARS} random characters; try: openssl rand -base64 32`);
  }
  return text;
}

function readOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.origin === text && /^https?:$/.test(url.protocol)) return text;
  throw new SettingError('must be a comma list of origins like https://app.example.com, without a path or *');
}

const list = (text: string): string[] => text.split(',').map((part) => part.trim());

/** Every setting by the name of its environment variable. */
export const settings = z.object({
  LONGSHORE_CACHE: read(parseCacheUrl).optional(),
  LONGSHORE_STORE: read(parseStoreUrl).optional(),
  LONGSHORE_BLOBS: read(parseBlobsUrl).optional(),
  LONGSHORE_BUS: read(parseBusUrl).optional(),
  LONGSHORE_CACHE_USERNAME: z.string().optional(),
  LONGSHORE_CACHE_PASSWORD: z.string().optional(),
  LONGSHORE_DATA_DIR: read((text) => resolve(text)).optional(),
  LONGSHORE_SECRET: read((text) => list(text).map(readSecret)).optional(),
  LONGSHORE_INTERNAL_SECRET: read(readSecret).optional(),
  LONGSHORE_INTERNAL_PORT: integer(0, 65_535).optional(),
  LONGSHORE_INTERNAL_AUDIENCE: z.string().optional(),
  LONGSHORE_INTERNAL_ACCOUNTS: read(parseAccounts).optional(),
  LONGSHORE_AUTH: read(parseModes).optional(),
  LONGSHORE_ALLOW_ANONYMOUS: read(parseSwitch).optional(),
  LONGSHORE_ISSUERS: read(parseIssuers).optional(),
  LONGSHORE_JWT_SECRET: read(parseTokenSecret).optional(),
  LONGSHORE_API_KEYS: read(parseApiKeys).optional(),
  LONGSHORE_HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, 'must be an address or a host name')
    .optional(),
  PORT: integer(0, 65_535).optional(),
  LONGSHORE_PERSIST_MS: integer(100, 600_000).optional(),
  LONGSHORE_PICTURE_ALL_MS: integer(600_000, MAX_PICTURE_KEEP_MS).optional(),
  LONGSHORE_PICTURE_HOURLY_MS: integer(600_000, MAX_PICTURE_KEEP_MS).optional(),
  LONGSHORE_STREAM_WAIT_MS: integer(100, 50_000).optional(),
  LONGSHORE_INDEX_SHARDS: integer(1, 64).optional(),
  LONGSHORE_ARCHIVE_MS: integer(0, 3_650 * DAY_MS).optional(),
  LONGSHORE_ALLOWED_ORIGINS: read((text) => list(text).map(readOrigin)).optional(),
  LONGSHORE_LIMITS: read(parseLimits).optional(),
  LONGSHORE_TRUST_PROXY: integer(0, 10).optional(),
  LONGSHORE_PAGES: read(parseSwitch).optional(),
  LONGSHORE_SITE: read((text) => resolve(text)).optional(),
  LONGSHORE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).optional(),
  GOOGLE_CLOUD_PROJECT: z.string().optional(),
  DATASTORE_EMULATOR_HOST: z.string().optional(),
  STORAGE_EMULATOR_HOST: z.string().optional(),
  PUBSUB_EMULATOR_HOST: z.string().optional(),
  GAE_ENV: z.string().optional(),
  K_SERVICE: z.string().optional(),
});
export type Settings = z.infer<typeof settings>;
export type SettingName = keyof Settings;
