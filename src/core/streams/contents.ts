import type { Json } from '../../base/json.ts';
import type { Content, Part } from '../../kinds/log/state.ts';
import { logPartKey } from '../../model/keys.ts';
import { decodeLogPart, encodeLogPart, type LogPart } from '../../model/log-part.ts';
import type { Random } from '../../ports/random.ts';
import type { Store, StoreKey } from '../../ports/store.ts';
import { ProblemError } from '../../protocol/errors.ts';
import {
  LOG_PART_BYTES,
  MAX_INLINE_APPEND_BYTES,
  MAX_LOG_MESSAGES,
  MAX_LOG_VALUE_BYTES,
} from '../../protocol/limits.ts';

/** What is appended at once: values of a JSON stream, or bytes. */
export type Body = { readonly values: readonly Json[] } | { readonly bytes: Buffer };
/** A message as it is read. */
export type Message = { readonly value: Json } | { readonly bytes: Buffer };

/** The life of a log that the messages belong to. */
export type Life = { readonly space: string; readonly item: string; readonly born: number };

/** Small enough to be among the operations of its log? `undefined` where it is not. */
export function inlineContent(body: Body): Content | undefined {
  if ('bytes' in body) {
    const fits = body.bytes.length <= (MAX_INLINE_APPEND_BYTES * 3) / 4;
    return fits ? { bytes: body.bytes.toString('base64') } : undefined;
  }
  if (body.values.length > MAX_LOG_MESSAGES)
    throw new ProblemError('tooLarge', `an append brings at most ${MAX_LOG_MESSAGES} messages`);
  let bytes = 0;
  for (const value of body.values) {
    bytes += sizeOf(value);
    if (bytes > MAX_INLINE_APPEND_BYTES) return undefined;
  }
  return { append: body.values };
}

/** Large messages are stored before the log refers to them, under names that nobody knows yet. */
export class LogParts {
  readonly #store: Store;
  readonly #random: Random;

  constructor(store: Store, random: Random) {
    this.#store = store;
    this.#random = random;
  }

  async write(life: Life, body: Body): Promise<Content> {
    const parts: Part[] = [];
    for (const [part, messages, bytes] of cut(body)) {
      const name = this.#random.id();
      await this.#put(keyOf(life, name), encodeLogPart(part));
      parts.push([name, messages, bytes]);
    }
    return { parts };
  }

  /** The log does not refer to it after all. */
  async drop(life: Life, content: Content | undefined): Promise<void> {
    if (!content || !('parts' in content)) return;
    for (const [name] of content.parts) await this.#put(keyOf(life, name), 'delete');
  }

  async read(life: Life, name: string): Promise<LogPart> {
    const [record] = await this.#store.read([keyOf(life, name)]);
    // The log has ended since its operations were read.
    if (!record) throw new ProblemError('contention', 'the log has changed', { retryAfterMs: 100 });
    return decodeLogPart(record);
  }

  async #put(key: StoreKey, record: ReturnType<typeof encodeLogPart> | 'delete'): Promise<void> {
    await this.#store.transact([key], () => ({ changes: [{ key, record }], result: undefined }));
  }
}

function keyOf({ space, item, born }: Life, name: string): StoreKey {
  return logPartKey(space, item, born, name);
}

function* cut(body: Body): Generator<[part: LogPart, messages: number, bytes: number]> {
  if ('bytes' in body) {
    for (let at = 0; at < body.bytes.length; ) {
      const piece = body.bytes.subarray(at, borderBefore(body.bytes, at + LOG_PART_BYTES));
      yield [{ bytes: piece.toString('base64') }, 1, piece.length];
      at += piece.length;
    }
    return;
  }
  let values: Json[] = [];
  let bytes = 0;
  for (const value of body.values) {
    const size = sizeOf(value);
    if (size > MAX_LOG_VALUE_BYTES)
      throw new ProblemError('tooLarge', `a message has at most ${MAX_LOG_VALUE_BYTES} bytes as JSON`);
    if (values.length > 0 && bytes + size > LOG_PART_BYTES) {
      yield [{ values }, values.length, bytes];
      values = [];
      bytes = 0;
    }
    values.push(value);
    bytes += size;
  }
  if (values.length > 0) yield [{ values }, values.length, bytes];
}

/** Not within a character of UTF-8: an event stream shows the pieces as text, each by itself. */
function borderBefore(bytes: Buffer, limit: number): number {
  let end = Math.min(limit, bytes.length);
  while (end > limit - 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}

function sizeOf(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value)) + 1;
}
