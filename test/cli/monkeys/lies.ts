import type { GetUpdatesResponse } from '../../../src/protocol/get-updates.ts';
import type { OpsResponse } from '../../../src/protocol/ops.ts';
import type { PostUpdateRequest } from '../../../src/protocol/post-update.ts';
import { type Asked, jsonReply, type Reply, type Tamper } from '../../support/tampering-proxy.ts';

/** Which update of a monkey is tampered with. */
const NTH = 3;

type Sent = PostUpdateRequest & { readonly clientId: string; readonly seq: number };

/** A monkey's update by a plain request, the `NTH` of one monkey; others are passed on. */
function onNthUpdate(
  act: (sent: Sent, asked: Asked, pass: (asked: Asked) => Promise<Reply>) => Promise<Reply>,
): Tamper {
  let client: string | undefined;
  return (asked, pass) => {
    const sent = updateIn(asked);
    if (sent?.seq !== NTH || (client ?? sent.clientId) !== sent.clientId) return pass(asked);
    client = sent.clientId;
    return act(sent, asked, pass);
  };
}

function updateIn({ method, path, body }: Asked): Sent | undefined {
  if (method !== 'POST' || !path.endsWith('/updates')) return undefined;
  const sent = JSON.parse(body) as Sent;
  return sent.clientId === undefined || sent.seq === undefined ? undefined : sent;
}

function accepted({ updates }: PostUpdateRequest): Reply {
  const [{ item, op } = { item: '', op: {} }] = updates;
  const { base = 1 } = op as { readonly base?: number };
  const result = { item, result: 'ok', version: base, durableVersion: base };
  return jsonReply({ epoch: 'none', results: [result] });
}

/** Says that it was accepted, and does nothing. */
export const drop = (): Tamper => onNthUpdate(async (sent) => accepted(sent));

/** Has it carried out a second time, as if somebody else had sent it. */
export const double = (): Tamper =>
  onNthUpdate(async ({ updates }, asked, pass) => {
    const reply = await pass(asked);
    await pass({ ...asked, body: JSON.stringify({ updates }) });
    return reply;
  });

/** Accepts it, and has it carried out after the monkey's next one. */
export function reorder(): Tamper {
  let late: Sent | undefined;
  const keep = onNthUpdate(async (sent) => {
    late = sent;
    return accepted(sent);
  });
  return async (asked, pass) => {
    const sent = updateIn(asked);
    if (late === undefined || sent?.clientId !== late.clientId) return keep(asked, pass);
    const { updates } = late;
    late = undefined;
    const reply = await pass(asked);
    await pass({ ...asked, body: JSON.stringify({ updates }) });
    return reply;
  };
}

/** Another tag than the one that was sent. */
export const forge = (from: (tag: number) => string, to: string): Tamper =>
  onNthUpdate(async ({ updates }, asked, pass) => {
    const [, tag = ''] = /"(?:m|tag":|merge":\{")(\d+)/.exec(JSON.stringify(updates)) ?? [];
    return pass({ ...asked, body: asked.body.replace(from(Number(tag)), to) });
  });

/** Carries out everything, and never answers to one of the updates. */
export function keepSilent(): Tamper {
  return onNthUpdate(async (_sent, asked, pass) => {
    await pass(asked);
    throw new Error('no answer');
  });
}

/** Has it carried out only when somebody reads how it ended, and never answers. */
export function carryOutLate(): Tamper {
  let late: Asked | undefined;
  let isDone = false;
  const keep = onNthUpdate(async (_sent, asked) => {
    late = asked;
    throw new Error('no answer');
  });
  return async (asked, pass) => {
    const reply = await keep(asked, pass);
    if (late === undefined || isDone || !asked.path.includes('wait=0')) return reply;
    isDone = true;
    await pass(late);
    return reply;
  };
}

/** Viewers that follow by offset are told something else; who reads without waiting is told the truth. */
export function tellOps(change: (answer: OpsResponse) => OpsResponse): Tamper {
  return async (asked, pass) => {
    const reply = await pass(asked);
    if (!/\/ops\?/.test(asked.path) || asked.path.includes('wait=0') || reply.status !== 200) return reply;
    return jsonReply(change(JSON.parse(reply.body.toString()) as OpsResponse));
  };
}

/** Whoever follows by marker is told something else. */
export function tellUpdates(change: (answer: GetUpdatesResponse) => GetUpdatesResponse): Tamper {
  return async (asked, pass) => {
    const reply = await pass(asked);
    const isPoll = asked.method === 'GET' && /\/updates(\?|$)/.test(asked.path);
    if (!isPoll || reply.status !== 200) return reply;
    return jsonReply(change(JSON.parse(reply.body.toString()) as GetUpdatesResponse));
  };
}
