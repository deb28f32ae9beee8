import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { ANONYMOUS, type Caller } from '../auth/caller.ts';
import type { Right } from '../auth/permissions.ts';
import type { Account } from '../core/limits/budgets.ts';
import type { Budget } from '../core/limits/limits-config.ts';
import type { SpaceId } from '../protocol/ids.ts';
import type { AppDeps } from './app-deps.ts';
import { rawHeader } from './reply.ts';

/** Who asks, where, and whose budget it uses up. */
export type Paying = { readonly space: SpaceId; readonly caller: Caller; readonly account: Account };

type Limited = Pick<AppDeps, 'limits' | 'proxyHops'>;

/** Whose budget a request uses up. */
export function accountOf({ limits, proxyHops }: Limited, req: IncomingMessage, caller: Caller): Account {
  if (caller !== ANONYMOUS) return limits.subject(caller.subject);
  return limits.address(networkOf(addressOf(req, proxyHops)));
}

/** Admits the caller to the space, and takes one point of the budget. */
export async function admitWithin(
  deps: Limited & Pick<AppDeps, 'access'>,
  req: IncomingMessage,
  { space, right, budget }: { readonly space: SpaceId; readonly right: Right; readonly budget: Budget },
): Promise<Caller> {
  const caller = await deps.access.admit(req.rawHeaders, space, right);
  deps.limits.take(accountOf(deps, req, caller), budget);
  return caller;
}

/**
 * Where the request comes from: of what proxies say only the last `hops` names are believed, each of which was added by one of ours. Anybody can send the rest.
 */
export function addressOf(req: IncomingMessage, hops: number): string {
  const nearest = req.socket.remoteAddress ?? '';
  if (hops === 0) return nearest;
  const named = (rawHeader(req, 'x-forwarded-for') ?? '').split(',').map((part) => part.trim());
  const address = named.at(-Math.min(hops, named.length)) ?? '';
  return isIP(address) === 0 ? nearest : address;
}

/** Of IPv6 the first 64 bits: one host has all the rest. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  if (tail !== undefined) while (groups.length + after.length < 8) groups.push('0');
  return `${[...groups, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::`;
}
