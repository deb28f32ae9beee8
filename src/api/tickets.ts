import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { AppDeps } from './app-deps.ts';
import { readSpace } from './path.ts';
import { hasBody, readJson } from './read-body.ts';
import type { Replies } from './reply.ts';

const bodySchema = z.strictObject({});

/** `POST …/tickets`: what EventSource and WebSocket show instead of a token. The body is empty, or `{}`. */
export function createPostTicket({
  access,
  replies,
  tickets,
}: Pick<AppDeps, 'access' | 'tickets'> & { readonly replies: Replies }) {
  return async function postTicket(req: IncomingMessage, res: ServerResponse, space: string): Promise<void> {
    const id = readSpace(space);
    const caller = await access.admit(req.rawHeaders, id, 'read');
    if (hasBody(req)) bodySchema.parse(await readJson(req));
    replies.json(req, res, 201, tickets.issue(id, caller, await access.holding(caller, id)));
  };
}
