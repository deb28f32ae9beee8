import { MAX_ID_CHARS } from './limits.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

export type SpaceId = Brand<string, 'SpaceId'>;
export type ItemId = Brand<string, 'ItemId'>;
export type ClientId = Brand<string, 'ClientId'>;
/** Positive, strictly rising per item; 0 stands for "nothing". */
export type Version = number;
/** Names one life of the cache records of a space. */
export type Epoch = string;

const PATTERN = /^[A-Za-z0-9._~:-]+$/;
const ONLY_DOTS = /^\.+$/;

export const ID_RULE = `1 to ${MAX_ID_CHARS} characters of A-Z a-z 0-9 . _ ~ : - and not only dots`;

export function isId(text: unknown): text is string {
  return typeof text === 'string' && text.length <= MAX_ID_CHARS && PATTERN.test(text) && !ONLY_DOTS.test(text);
}

export function parseSpaceId(text: unknown): SpaceId | undefined {
  return isId(text) ? (text as SpaceId) : undefined;
}

export function parseItemId(text: unknown): ItemId | undefined {
  return isId(text) ? (text as ItemId) : undefined;
}

export function parseClientId(text: unknown): ClientId | undefined {
  return isId(text) ? (text as ClientId) : undefined;
}
