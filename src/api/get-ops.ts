import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemError } from '../protocol/errors.ts';
import { DEFAULT_WAIT_SECONDS, MAX_OPS_PER_ANSWER, MAX_WAIT_SECONDS } from '../protocol/limits.ts';
import { LINEAGE, type OpsQuery } from '../protocol/ops.ts';
import { hold, type PollDeps } from './get-updates.ts';
import { readItem, readSpace } from './path.ts';
import { parseQuery, readInteger } from './query.ts';

type Place = { readonly space: string; readonly item: string; readonly search: string };

/** `GET …/items/{item}/ops`: parked and answered as polls are. */
export function createGetOps(deps: PollDeps) {
  return async function getOps(req: IncomingMessage, res: ServerResponse, place: Place): Promise<void> {
    const [space, item] = [readSpace(place.space), readItem(place.item)];
    const query = parseOpsQuery(place.search);
    const caller = await deps.access.admit(req.rawHeaders, space, 'read');
    hold(deps, req, res, { space, caller }, 'poll', (answer) => deps.engine.ops(space, item, query, answer));
  };
}

const INDEX = /^[1-9]\d{0,12}$/;

function parseOpsQuery(search: string): OpsQuery {
  const { index = '1', limit, wait, lineage } = parseQuery(search, ['index', 'limit', 'wait', 'lineage']);
  if (!INDEX.test(index))
    throw new ProblemError('badRequest', 'index must be an integer from 1 on, of at most 13 digits');
  if (lineage !== undefined && !LINEAGE.test(lineage))
    throw new ProblemError('badRequest', 'lineage must be that of an earlier answer');
  return {
    index: Number(index),
    limit: limit === undefined ? MAX_OPS_PER_ANSWER : readInteger('limit', limit, 1, MAX_OPS_PER_ANSWER),
    wait: wait === undefined ? DEFAULT_WAIT_SECONDS : readInteger('wait', wait, 0, MAX_WAIT_SECONDS),
    ...(lineage === undefined ? {} : { lineage }),
  };
}
