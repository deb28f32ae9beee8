import { readBearer } from './credentials.ts';
import { serviceAccountIssuer } from './issuers.ts';
import { type TokenOptions, TokenVerifier } from './tokens.ts';

export type ServiceAccounts = {
  /** What `aud` of their tokens has to be: usually the URL that is called. */
  readonly audience: string;
  readonly emails: readonly string[];
};

/** Whether a request carries an OIDC token of one of these service accounts of Google. Never rejects. */
export function createServiceAccountCheck({ audience, emails }: ServiceAccounts, options: TokenOptions) {
  const verifier = new TokenVerifier(serviceAccountIssuer(audience), options);
  return async function isServiceAccount(rawHeaders: readonly string[]): Promise<boolean> {
    try {
      const token = readBearer(rawHeaders);
      if (token === undefined) return false;
      const { email, email_verified } = await verifier.verify(token);
      return email_verified === true && typeof email === 'string' && emails.includes(email);
    } catch {
      // Not known is not allowed; keys that cannot be fetched are in the log already.
      return false;
    }
  };
}
