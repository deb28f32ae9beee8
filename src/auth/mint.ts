import { SignJWT } from 'jose';

export { makeApiKey } from './api-keys.ts';

export type TokenRequest = {
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly spaces: { readonly [pattern: string]: string };
  /** Seconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
};

/** A token for development, HS256. */
export function mintToken(request: TokenRequest): Promise<string> {
  const { secret, issuer, audience, subject, spaces, issuedAt, expiresAt } = request;
  return new SignJWT({ spaces })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(new TextEncoder().encode(secret));
}
