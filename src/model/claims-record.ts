import { createHash } from 'node:crypto';
import { DecodedOnce, decodeRecord, encodeRecord } from './record.ts';

/**
 * Which instance hears a client: whose poll of it came last. By name of the client, a hash; each claim with its number, which is at least the time
 * of the floor, ms, when it was made, so that a record made anew after a loss goes on above the lost one.
 */
export type Claims = { readonly by: Readonly<Record<string, Claim>> };
export type Claim = readonly [instance: string, number: number];

/** No two clients of a space share it, and it does not tell who they are. */
export function claimName(subject: string, client: string): string {
  return createHash('sha256').update(`${client}/${subject}`).digest('base64url').slice(0, 16);
}

export function encodeClaims(claims: Claims): Buffer {
  return encodeRecord(claims);
}

const decoded = new DecodedOnce((bytes: Buffer) => decodeRecord(bytes, 'claims') as unknown as Claims);

export function decodeClaims(bytes: Buffer): Claims {
  return decoded.of(bytes);
}
