import type { IncomingMessage } from 'node:http';
import type { Caller } from '../auth/caller.ts';
import { ProblemError } from '../protocol/errors.ts';
import type { SpaceId } from '../protocol/ids.ts';
import type { AppDeps } from './app-deps.ts';

/** Who opens a stream: by the ticket in its URL where there is one, else by the headers. May read, as of now. */
export async function admitToStream(
  { access, tickets }: Pick<AppDeps, 'access' | 'tickets'>,
  req: IncomingMessage,
  space: SpaceId,
  ticket: string | undefined,
): Promise<Caller> {
  if (ticket === undefined) return access.admit(req.rawHeaders, space, 'read');
  const caller = await tickets.redeem(space, ticket);
  const denied = await access.review(caller, space, 'read');
  if (denied !== undefined) throw new ProblemError(denied.code, denied.detail);
  return caller;
}
