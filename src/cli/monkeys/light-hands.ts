import type { Json } from '../../base/json.ts';
import { mayRetry, RefusedError, type UpdateResult } from '../../client/http-client.ts';
import { type TextAnswer, TextCopy } from '../../client/text/text-copy.ts';
import { pause } from '../../client/timing.ts';
import { type Edit, toChange } from '../../kinds/text/edits.ts';
import type { Entry } from './ledger.ts';
import type { Hands, Post, Run } from './monkey.ts';
import { restAfter } from './retry.ts';

/** What became of a request; `unknown`: it was sent, and nobody says. */
type Told = UpdateResult | { readonly result: 'problem'; readonly code: string } | { readonly result: 'unknown' };

/** Of one tag that others are in the way of. */
const MAX_TRIES = 50;

/** Plain requests with `clientId` and `seq`, one on its way, each repeated unchanged until it is answered: of hundreds in one process, full clients would be the bottleneck. */
export class LightHands implements Hands {
  readonly queue = false;
  readonly remove = true;
  readonly #run: Run;
  readonly #post: Post;
  #seq = 0;
  #copy: TextCopy | undefined;

  constructor(run: Run, post: Post) {
    this.#run = run;
    this.#post = post;
  }

  async begin(): Promise<void> {}

  async act(entry: Entry, signal: AbortSignal): Promise<void> {
    const { kind, ledger } = this.#run;
    const told = kind === 'text' ? await this.#write(entry, signal) : await this.#send(entry, this.#op(entry), signal);
    if (told.result === 'ok') ledger.accepted(entry);
    else if (told.result === 'unknown') entry.fate = 'unknown';
    else ledger.refused(entry, 'code' in told ? String(told.code) : told.result);
  }

  async end(): Promise<void> {}

  #op(entry: Entry, text?: string): Json {
    const { chance, client } = this.#post;
    return this.#run.work.op(entry, { chance, now: client.clock.now(), ...(text !== undefined && { text }) });
  }

  /** What others wrote meanwhile comes with the answers. Where they are in the way, another place is tried. */
  async #write(entry: Entry, signal: AbortSignal): Promise<Told> {
    let isWritten = false;
    let told: Told = { result: 'unknown' };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const copy = this.#copy ?? (await this.#read(signal));
      if (copy === undefined) return told;
      const { edits } = this.#op(entry, copy.shown.toString()) as unknown as { readonly edits: readonly Edit[] };
      if (!isWritten) copy.write(toChange(edits, copy.shown.length));
      isWritten = true;
      const op = copy.send(this.#seq + 1);
      told = await this.#send(entry, op as unknown as Json, signal);
      const isPlain = told.result === 'ok' || told.result === 'conflict' || told.result === 'resync';
      const reaction = isPlain ? copy.answered(this.#seq, told as TextAnswer) : undefined;
      if (reaction?.refused) isWritten = false;
      if (!reaction || reaction.stale) this.#copy = undefined;
      if (!reaction || told.result === 'ok') return told;
    }
    return told;
  }

  async #read(signal: AbortSignal): Promise<TextCopy | undefined> {
    const { client, item } = this.#post;
    const found = await this.#untilAnswered(() => client.getItem(this.#run.space, item, signal), signal);
    if (found === undefined || 'result' in found) return undefined;
    this.#copy = new TextCopy('me', found.version, String(found.value));
    return this.#copy;
  }

  async #send(entry: Entry, op: Json, signal: AbortSignal): Promise<Told> {
    const { client, item, nth } = this.#post;
    const { space, kind, id, ledger } = this.#run;
    const clientId = `${id}-${nth}`;
    const request = { clientId, seq: ++this.#seq, updates: [{ item, kind, op }] };
    entry.sentAt ??= client.clock.monotonic();
    for (;;) {
      const answer = await this.#untilAnswered(() => client.postUpdate(space, request, signal), signal);
      if ('result' in answer) return answer;
      const [told = { result: 'unknown' as const }] = answer.results;
      if (told.result !== 'retry') return told;
      ledger.toldToWait(told.code);
      if (!(await rests(() => pause(client.clock, told.retryAfterMs, signal)))) return { result: 'unknown' };
    }
  }

  async #untilAnswered<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T | Exclude<Told, UpdateResult>> {
    const { client } = this.#post;
    for (let failures = 0; ; failures++) {
      try {
        return await call();
      } catch (error) {
        if (signal.aborted) return { result: 'unknown' };
        // After a try that nobody answered, a refusal says nothing of that try.
        if (!mayRetry(error))
          return error instanceof RefusedError && failures === 0 ? problemOf(error) : { result: 'unknown' };
        this.#run.ledger.toldToWait(error instanceof RefusedError ? error.code : 'no answer');
        if (!(await rests(() => restAfter(client, failures, error, signal)))) return { result: 'unknown' };
      }
    }
  }
}

function problemOf({ code }: RefusedError): Exclude<Told, UpdateResult> {
  return { result: 'problem', code };
}

/** `false`: it was cut short. */
function rests(rest: () => Promise<void>): Promise<boolean> {
  return rest().then(
    () => true,
    () => false,
  );
}
