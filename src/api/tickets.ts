import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { admitWithin } from './accounts.ts';
import type { AppDeps } from './app-deps.ts';
import { readSpace } from './path.ts';
import { hasBody, readJson } from './read-body.ts';
import type { Replies } from './reply.ts';

const bodySchema = z.strictObject({});

/** `POST …/tickets`: what EventSource and WebSocket show instead of a token. The body is empty, or `{}`. */
export function createPostTicket({
  replies,
  tickets,
  ...deps
}: Pick<AppDeps, 'access' | 'limits' | 'proxyHops' | 'tickets'> & { readonly replies: Replies }) {
  return async function postTicket(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    const caller = await admitWithin(deps, req, { space: id, right: 'read', budget: 'post' });
    if (hasBody(req)) bodySchema.parse(await readJson(req, deps.limits.bodies));
    replies.json(req, res, 201, tickets.issue(id, caller, await deps.access.holding(caller, id)));
  };
}
