import type { Answer } from '../core/engine-types.ts';

/** An answer goes to everybody who asked the same: it is framed once for each transport, and all write the same bytes. */
function perAnswer(frame: (answer: Answer) => Buffer): (answer: Answer) => Buffer {
  const made = new WeakMap<Answer, Buffer>();
  return (answer) => {
    let bytes = made.get(answer);
    if (bytes === undefined) {
      bytes = frame(answer);
      made.set(answer, bytes);
    }
    return bytes;
  };
}

/** A server-sent event. The body is one line: JSON has its line ends escaped. */
export const eventOf = perAnswer(({ body, marker }) =>
  Buffer.concat([Buffer.from(`id: ${marker}\ndata: `), body, Buffer.from('\n\n')]),
);

const UPDATES_START = Buffer.from('{"type":"updates","answer":');
const UPDATES_END = Buffer.from('}');

/** The message `updates`, as one frame of a WebSocket. */
export const updatesFrameOf = perAnswer(({ body }) => textFrame([UPDATES_START, body, UPDATES_END]));

const FIN_TEXT = 0x81;
const SHORT = 126;
const TWO_BYTES = 126;
const EIGHT_BYTES = 127;

/** RFC 6455, 5.2: a whole text message from a server, so not masked. */
function textFrame(parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  let head: Buffer;
  if (length < SHORT) head = Buffer.from([FIN_TEXT, length]);
  else if (length < 0x1_0000) {
    head = Buffer.from([FIN_TEXT, TWO_BYTES, 0, 0]);
    head.writeUInt16BE(length, 2);
  } else {
    head = Buffer.from([FIN_TEXT, EIGHT_BYTES, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUIntBE(length, 4, 6);
  }
  return Buffer.concat([head, ...parts]);
}
