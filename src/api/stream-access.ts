import type { IncomingMessage } from 'node:http';
import type { Caller } from '../auth/caller.ts';
import type { Budget } from '../core/limits/limits-config.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { accountOf, type Paying } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';

type StreamAccess = Pick<AppDeps, 'access' | 'tickets' | 'limits' | 'proxyHops'>;

/** Who opens a stream: by the ticket in its URL where there is one, else by the headers. May read, as of now. `budget`: what opening it costs. */
export async function admitToStream(
  deps: StreamAccess,
  req: IncomingMessage,
  space: SpaceId,
  ticket: string | undefined,
  budget: Budget,
): Promise<Paying> {
  const caller =
    ticket === undefined ? await deps.access.admit(req.rawHeaders, space, 'read') : await redeem(deps, space, ticket);
  const account = accountOf(deps, req, caller);
  deps.limits.take(account, budget);
  return { space, caller, account };
}

async function redeem({ access, tickets }: StreamAccess, space: SpaceId, ticket: string): Promise<Caller> {
  const caller = await tickets.redeem(space, ticket);
  const denied = await access.review(caller, space, 'read');
  if (denied !== undefined) throw new ProblemError(denied.code, denied.detail);
  return caller;
}
