import type { ApiKey } from '../auth/api-keys.ts';
import type { Issuer } from '../auth/issuers.ts';
import { type AuthChoice, type AuthMode, ownIssuer } from './auth-settings.ts';

/** The settings of identity as far as each of them could be read. */
export type AuthGiven = {
  readonly LONGSHORE_AUTH?: readonly AuthMode[] | undefined;
  readonly LONGSHORE_ALLOW_ANONYMOUS?: boolean | undefined;
  readonly LONGSHORE_ISSUERS?: readonly Issuer[] | undefined;
  readonly LONGSHORE_JWT_SECRET?: string | undefined;
  readonly LONGSHORE_API_KEYS?: readonly ApiKey[] | undefined;
  readonly LONGSHORE_INTERNAL_AUDIENCE?: string | undefined;
  readonly LONGSHORE_INTERNAL_ACCOUNTS?: readonly string[] | undefined;
};

export function assembleAuth(given: AuthGiven): AuthChoice {
  const { LONGSHORE_JWT_SECRET: secret, LONGSHORE_INTERNAL_AUDIENCE: audience } = given;
  const { LONGSHORE_INTERNAL_ACCOUNTS: emails } = given;
  return {
    modes: given.LONGSHORE_AUTH ?? [],
    issuers: [...(given.LONGSHORE_ISSUERS ?? []), ...(secret === undefined ? [] : [ownIssuer(secret)])],
    keys: given.LONGSHORE_API_KEYS ?? [],
    allowAnonymous: given.LONGSHORE_ALLOW_ANONYMOUS ?? false,
    ...(audience === undefined || emails === undefined ? {} : { serviceAccounts: { audience, emails } }),
  };
}

type Texts = { readonly [name: string]: string | undefined };

/** What single settings cannot see. `given`: the settings as text; one that could not be read is complained of already. */
export function checkAuth(auth: AuthChoice, given: Texts, loopback: boolean): string[] {
  const problems: string[] = [];
  const { modes, issuers } = auth;
  const isGiven = (name: string) => given[name] !== undefined;
  if (modes.length === 0 && !loopback && !auth.allowAnonymous && (given.LONGSHORE_AUTH ?? 'none') === 'none') {
    problems.push(
      'LONGSHORE_AUTH must be jwt or key (or both) where others than this machine reach the server. To let everybody read and ' +
        'change everything, say so: LONGSHORE_ALLOW_ANONYMOUS=1 or --allow-anonymous',
    );
  }
  if (modes.length > 0 && auth.allowAnonymous) {
    problems.push('LONGSHORE_ALLOW_ANONYMOUS has no use beside LONGSHORE_AUTH; leave one of them out');
  }
  const tokens = ['LONGSHORE_ISSUERS', 'LONGSHORE_JWT_SECRET'];
  if (modes.includes('jwt') && !tokens.some(isGiven)) {
    problems.push('LONGSHORE_ISSUERS (or, for development, LONGSHORE_JWT_SECRET) must be set with LONGSHORE_AUTH=jwt');
  }
  if (modes.includes('key') && !isGiven('LONGSHORE_API_KEYS')) {
    problems.push('LONGSHORE_API_KEYS must be set with LONGSHORE_AUTH=key');
  }
  const unused = (name: string, mode: AuthMode) => {
    const readable = given.LONGSHORE_AUTH === undefined || modes.length > 0 || given.LONGSHORE_AUTH === 'none';
    if (readable && isGiven(name) && !modes.includes(mode)) {
      problems.push(`${name} is set, but LONGSHORE_AUTH does not name ${mode}`);
    }
  };
  for (const name of tokens) unused(name, 'jwt');
  unused('LONGSHORE_API_KEYS', 'key');
  for (const [i, { name, issuer }] of issuers.entries()) {
    if (issuers.findIndex((one) => one.name === name || one.issuer === issuer) < i) {
      problems.push(
        `LONGSHORE_ISSUERS has the issuer ${issuer} or the name ${name} that LONGSHORE_JWT_SECRET stands for`,
      );
    }
  }
  const accounts = ['LONGSHORE_INTERNAL_AUDIENCE', 'LONGSHORE_INTERNAL_ACCOUNTS'].filter(isGiven);
  if (accounts.length === 1) {
    problems.push('LONGSHORE_INTERNAL_AUDIENCE and LONGSHORE_INTERNAL_ACCOUNTS must be set together');
  }
  return problems;
}

/** For people and logs. */
export function describeAuth({ modes, issuers, keys, allowAnonymous, serviceAccounts }: AuthChoice): object {
  return {
    modes: modes.length === 0 ? ['none'] : modes,
    issuers: issuers.map(({ name }) => name),
    keys: keys.map(({ name }) => name),
    allowAnonymous,
    serviceAccounts: serviceAccounts?.emails ?? [],
  };
}
