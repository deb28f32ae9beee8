import type { AppDeps, InternalAccess } from '../api/app-deps.ts';
import { CheckedAccess, OPEN_ACCESS } from '../auth/access.ts';
import { Identities } from '../auth/identities.ts';
import { createServiceAccountCheck } from '../auth/operators.ts';
import { HeldPolicies } from '../auth/policies.ts';
import { Tickets } from '../auth/tickets.ts';
import { ticketKey } from '../model/keys.ts';
import type { Cache } from '../ports/cache.ts';
import type { Store } from '../ports/store.ts';
import type { SystemParts } from './backends.ts';
import { type Config, isLoopback } from './config.ts';
import { createSpacePolicies } from './space-policies.ts';

type Backends = { readonly cache: Cache; readonly store: Store; readonly secrets: readonly string[] };

const MARK = Buffer.from([1]);

/** What decides who may do what. */
export function composeAuth(
  config: Config,
  parts: SystemParts,
  { cache, store, secrets }: Backends,
): Pick<AppDeps, 'access' | 'internal'> & { readonly tickets: Tickets; readonly policies: HeldPolicies } {
  const { clock, random } = parts;
  const { modes, issuers, keys } = config.auth;
  const taken = { ...(modes.includes('jwt') && { issuers }), ...(modes.includes('key') && { keys }) };
  const policies = new HeldPolicies(createSpacePolicies(store), clock);
  const tickets = new Tickets({
    secrets,
    clock,
    random,
    markUsed: async (space, ticket, seconds) =>
      (await cache.add(ticketKey(space, ticket), MARK, seconds)) !== undefined,
  });
  return {
    access:
      modes.length === 0 ? OPEN_ACCESS : new CheckedAccess(new Identities({ ...parts, ...taken }), policies, clock),
    tickets,
    policies,
    internal: config.internalPort === undefined ? internalAccess(config, parts) : 'elsewhere',
  };
}

function internalAccess(config: Config, parts: SystemParts): InternalAccess {
  const { auth, host, internalSecret, onAppEngine } = config;
  return {
    locally: auth.modes.length === 0 && isLoopback(host),
    onAppEngine,
    ...(internalSecret === undefined ? {} : { secret: internalSecret }),
    ...(auth.serviceAccounts && { isServiceAccount: createServiceAccountCheck(auth.serviceAccounts, parts) }),
  };
}
