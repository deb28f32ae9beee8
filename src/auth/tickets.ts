import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { SpaceId } from '../protocol/ids.ts';
import { MAX_TICKET_CHARS, TICKET_MS } from '../protocol/limits.ts';
import type { Holding } from './access.ts';
import { type Caller, NotIdentified } from './caller.ts';
import type { Rights } from './permissions.ts';

/** Clocks of instances may be apart by so much. */
const SKEW_MS = 30_000;
const MARK_SECONDS = Math.ceil((TICKET_MS + 2 * SKEW_MS) / 1_000);
const FORMAT = 1;
const FORM = /^([A-Za-z0-9_-]{4})([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

export type TicketOptions = {
  /** The first seals, all open. */
  readonly secrets: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  /** Marks a ticket as used for at least `seconds`, in a place that all instances share; `false` where it was marked before. */
  readonly markUsed: (space: SpaceId, ticket: string, seconds: number) => Promise<boolean>;
};

type Content = {
  readonly f: typeof FORMAT;
  readonly n: string;
  readonly s: string;
  /** Brought by the caller; on top of it the space's record counts, as it is when the ticket is used … */
  readonly b: Rights;
  /** … but never beyond what the caller had when it was made. */
  readonly c: Rights;
  readonly e: number;
  /** When the caller's own token ends; 0: never. */
  readonly x: number;
};

/**
 * One-time tickets for what cannot send headers (EventSource, WebSocket): `<key name><content>.<mac>`. Nothing is kept of one until
 * it is used. Bound to space, subject, rights and the end of the token it was got with.
 */
export class Tickets {
  readonly #keys: readonly { readonly name: string; readonly key: Buffer }[];
  readonly #options: TicketOptions;

  constructor(options: TicketOptions) {
    this.#options = options;
    this.#keys = options.secrets.map((secret) => {
      const key = createHash('sha256').update(`longshore ticket ${secret}`).digest();
      return { name: createHash('sha256').update(key).digest('base64url').slice(0, 4), key };
    });
  }

  issue(
    space: SpaceId,
    caller: Caller,
    { brought, all }: Holding,
  ): { readonly ticket: string; readonly expiresInMs: number } {
    const { clock, random } = this.#options;
    const [first] = this.#keys;
    if (first === undefined) throw new Error('no secret to seal tickets with');
    const content: Content = {
      f: FORMAT,
      n: random.id(),
      s: caller.subject,
      b: brought,
      c: all,
      e: clock.now() + TICKET_MS,
      x: Number.isFinite(caller.untilMs) ? caller.untilMs : 0,
    };
    const text = first.name + Buffer.from(JSON.stringify(content)).toString('base64url');
    return { ticket: `${text}.${macOf(first.key, space, text).toString('base64url')}`, expiresInMs: TICKET_MS };
  }

  /** The caller for whom it was made. Rejects with `NotIdentified`, or with what kept it from being marked. */
  async redeem(space: SpaceId, ticket: string): Promise<Caller> {
    const content = this.#open(space, ticket);
    const now = this.#options.clock.now();
    if (content === undefined) throw new NotIdentified('the ticket is not one of this space', true);
    // One from too far ahead would outlive its mark.
    if (now >= content.e || content.e - now > TICKET_MS + SKEW_MS)
      throw new NotIdentified('the ticket has expired', true);
    if (content.x !== 0 && now >= content.x) throw new NotIdentified('the token behind the ticket has expired', true);
    const first = await this.#options.markUsed(space, content.n, MARK_SECONDS);
    if (!first) throw new NotIdentified('the ticket was used before; get a new one for each connection', true);
    const grants = [{ start: space, prefix: false, rights: content.b }];
    return {
      subject: content.s,
      grants,
      untilMs: content.x === 0 ? Number.POSITIVE_INFINITY : content.x,
      cap: content.c,
    };
  }

  #open(space: SpaceId, ticket: string): Content | undefined {
    if (ticket.length > MAX_TICKET_CHARS) return undefined;
    const [, name = '', text = '', macText = ''] = FORM.exec(ticket) ?? [];
    const mac = Buffer.from(macText, 'base64url');
    for (const known of this.#keys) {
      if (known.name !== name) continue;
      const expected = macOf(known.key, space, name + text);
      // Bits that the last character has to spare would make two texts of one ticket; they do no harm, as the mark names its content.
      if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) continue;
      const content = JSON.parse(Buffer.from(text, 'base64url').toString()) as Content;
      return content.f === FORMAT ? content : undefined;
    }
    return undefined;
  }
}

function macOf(key: Buffer, space: string, text: string): Buffer {
  return createHmac('sha256', key).update(`${space}\n${text}`).digest();
}
