import { connect, type Outcome, type Space } from '../../client/connect.ts';
import { TextDocument } from '../../client/text/text.ts';
import { type Edit, toChange } from '../../kinds/text/edits.ts';
import type { Entry } from './ledger.ts';
import type { Hands, Post, Run } from './monkey.ts';
import { tagsOf } from './work.ts';

export function connectAs(
  run: Run,
  { network, client, nth }: Pick<Post, 'network' | 'client' | 'nth'>,
  what: string,
): Space {
  const { space, work, id, token, ending } = run;
  return connect({
    url: network.base,
    space,
    kinds: [work.client],
    name: `${id} ${what} ${nth}`,
    clock: client.clock,
    fetch: network.fetch,
    webSocket: network.socket,
    signal: ending,
    ...(token !== undefined && { token }),
  });
}

/** The client library, with its own queue for what is done offline. */
export class LibraryHands implements Hands {
  readonly queue = true;
  readonly remove = true;
  readonly #run: Run;
  readonly #post: Post;
  readonly #space: Space;
  readonly #answers: Promise<void>[] = [];

  constructor(run: Run, post: Post) {
    this.#run = run;
    this.#post = post;
    this.#space = connectAs(run, post, 'monkey');
  }

  begin(signal: AbortSignal): Promise<void> {
    return this.#space.ready(signal);
  }

  async act(entry: Entry): Promise<void> {
    const { kind, work } = this.#run;
    const { chance, client, item } = this.#post;
    const op = work.op(entry, { chance, now: client.clock.now() });
    const answer = this.#space.item(item, kind).post(op);
    this.#answers.push(answer.then((outcome) => settle(this.#run, entry, outcome)));
  }

  async end(signal: AbortSignal): Promise<void> {
    await this.#space.flush(signal).catch(() => undefined);
    this.#space.close();
    await Promise.all(this.#answers);
  }
}

function settle({ ledger }: Run, entry: Entry, outcome: Outcome): void {
  if (outcome.result === 'ok') ledger.accepted(entry);
  else if (outcome.result === 'closed' || outcome.result === 'withdrawn') entry.fate = 'unknown';
  else ledger.refused(entry, 'code' in outcome ? String(outcome.code) : outcome.result);
}

/** The same for texts: what is written while a request is on its way, or offline, goes in the next one; what others are in the way of is taken back. */
export class LibraryTextHands implements Hands {
  readonly queue = true;
  /** Of a removal that is taken back with the rest, nobody is told. */
  readonly remove = false;
  readonly #run: Run;
  readonly #post: Post;
  readonly #space: Space;
  #document: TextDocument | undefined;
  #unsettled: Entry[] = [];

  constructor(run: Run, post: Post) {
    this.#run = run;
    this.#post = post;
    this.#space = connectAs(run, post, 'monkey');
  }

  async begin(signal: AbortSignal): Promise<void> {
    await this.#space.ready(signal);
    const document = await TextDocument.open(this.#space, this.#post.item, { clock: this.#post.client.clock });
    this.#document = document;
    document.on('refused', ({ lost, outcome }) => {
      const tags = new Set(lost.flatMap(({ text }) => tagsOf(text)));
      const why = outcome === undefined ? 'conflict' : 'code' in outcome ? String(outcome.code) : outcome.result;
      for (const entry of this.#unsettled) if (tags.has(entry.tag)) this.#run.ledger.refused(entry, why);
      this.#unsettled = this.#unsettled.filter(({ tag }) => !tags.has(tag));
    });
    document.on('saving', () => this.#settle());
  }

  async act(entry: Entry): Promise<void> {
    const { chance, client } = this.#post;
    const document = this.#document;
    if (document === undefined) return;
    const moment = { chance, now: client.clock.now(), text: document.shown.toString() };
    const { edits } = this.#run.work.op(entry, moment) as unknown as { readonly edits: readonly Edit[] };
    this.#unsettled.push(entry);
    document.write(toChange(edits, document.shown.length));
  }

  async end(signal: AbortSignal): Promise<void> {
    while (this.#unsettled.length > 0 && !signal.aborted) {
      await this.#space.flush(signal).catch(() => undefined);
      this.#settle();
      // What was written meanwhile becomes the next request.
      if (this.#unsettled.length > 0) await this.#post.client.clock.sleep(20);
    }
    for (const entry of this.#unsettled) entry.fate = 'unknown';
    this.#document?.close();
    this.#space.close();
  }

  #settle(): void {
    if (!this.#document?.isSynced) return;
    for (const entry of this.#unsettled) this.#run.ledger.accepted(entry);
    this.#unsettled = [];
  }
}
