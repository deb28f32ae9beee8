/** The two things that are measured, as the generator speaks to them. */
export type ProtocolName = 'floor' | 'longshore';

/** `limit` makes another question of it; `accepts` is the coding that the client takes. */
export type CatchUp = { readonly limit?: number; readonly accepts?: string };

export type Protocol = {
  /** One update of one item. */
  post(space: string, item: string, update: string): Buffer;
  /** What is there now, at once. Its answer holds the position that observers begin with. */
  begin(space: string): Buffer;
  /** What came after `position`; waits for it. */
  poll(space: string, position: string): Buffer;
  /** The same, but answered at once. */
  catchUp(space: string, position: string, more?: CatchUp): Buffer;
  readPosition(body: string): string;
};

const HOST = 'Host: 127.0.0.1\r\n';

function get(path: string, headers = ''): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`);
}

function postTo(path: string, body: string): Buffer {
  const headers = `${HOST}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${headers}\r\n${body}`);
}

const floor: Protocol = {
  post: (space, item, update) => postTo(`/s/${space}?${item}`, update),
  begin: (space) => get(`/s/${space}?after=0`),
  poll: (space, position) => get(`/s/${space}?after=${position}`),
  catchUp: (space, position) => get(`/s/${space}?after=${position}`),
  readPosition: (body) => between(body, '"pos":', /[,}]/),
};

const longshore: Protocol = {
  post: (space, item, update) =>
    postTo(`/v1/spaces/${space}/updates`, `{"updates":[{"item":"${item}","op":{"set":${update}}}]}`),
  begin: (space) => get(`/v1/spaces/${space}/updates`),
  poll: (space, position) => get(`/v1/spaces/${space}/updates?marker=${position}&wait=50`),
  catchUp: (space, position, { limit = 500, accepts } = {}) =>
    get(
      `/v1/spaces/${space}/updates?marker=${position}&wait=0&limit=${limit}`,
      accepts && `Accept-Encoding: ${accepts}\r\n`,
    ),
  readPosition: (body) => between(body, '"marker":"', /"/),
};

export const PROTOCOLS: { readonly [name in ProtocolName]: Protocol } = { floor, longshore };

function between(text: string, start: string, end: RegExp): string {
  const from = text.indexOf(start);
  const rest = text.slice(from + start.length);
  const to = rest.search(end);
  if (from < 0 || to < 0) throw new Error(`no ${start} in: ${text.slice(0, 300)}`);
  return rest.slice(0, to);
}

const UPDATE_BYTES = 199;
const MARK = Buffer.from('"mark":"');
const DIGITS = 10;

/** An update of 199 bytes. The mark is a digit for the writer and nine for the writer's count. */
export function updateOf(writer: number, count: number): string {
  const start = `{"mark":"${writer}${String(count).padStart(DIGITS - 1, '0')}","x":412.5,"y":97.25,"colour":"#3366cc","pad":"`;
  return `${start.padEnd(UPDATE_BYTES - 2, 'x')}"}`;
}

/** Calls with each mark in a body, in order. */
export function eachMark(body: Buffer, call: (writer: number, count: number) => void): void {
  for (let at = body.indexOf(MARK); at >= 0; at = body.indexOf(MARK, at)) {
    at += MARK.length;
    const digits = Number(body.toString('latin1', at, at + DIGITS));
    call(Math.floor(digits / 1e9), digits % 1e9);
    at += DIGITS;
  }
}
