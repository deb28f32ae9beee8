import type { IncomingMessage, ServerResponse } from 'node:http';

/** Updates kept per space: at least this many, at most twice as many. */
const KEPT = 1_000;
const WAIT_MS = 25_000;
const SWEEP_MS = 500;

type Waiter = { readonly res: ServerResponse; readonly until: number };

/** The least that does the job: a log with positions, and who waits for more of it. */
class FloorSpace {
  readonly waiters = new Set<Waiter>();
  readonly #log: string[] = [];
  /** Position of the first update that is kept. */
  #first = 0;

  get position(): number {
    return this.#first + this.#log.length;
  }

  /** Everybody who waits has the same position: what is newer is answered at once. */
  append(update: string): void {
    const before = this.position;
    this.#log.push(update);
    if (this.#log.length >= 2 * KEPT) {
      this.#log.splice(0, KEPT);
      this.#first += KEPT;
    }
    if (this.waiters.size === 0) return;
    const woken = [...this.waiters];
    this.waiters.clear();
    const body = this.since(before);
    const length = Buffer.byteLength(body);
    for (const { res } of woken) send(res, body, length);
  }

  since(position: number): string {
    const updates = this.#log.slice(Math.max(0, position - this.#first));
    return `{"pos":${this.position},"updates":[${updates.join(',')}]}`;
  }
}

const spaces = new Map<string, FloorSpace>();

/** The space of `/s/{space}?after=…`. */
export function spaceOf(url: string): FloorSpace {
  const end = url.indexOf('?');
  const name = url.slice(3, end < 0 ? undefined : end);
  let space = spaces.get(name);
  if (space === undefined) {
    space = new FloorSpace();
    spaces.set(name, space);
  }
  return space;
}

/** `GET /s/{space}?after=POSITION`: all updates after it, at once or when there are some. */
export function poll(req: IncomingMessage, res: ServerResponse): void {
  const url = req.url ?? '';
  const space = spaceOf(url);
  const after = Number(url.slice(url.indexOf('=') + 1));
  if (after < space.position) {
    const body = space.since(after);
    send(res, body, Buffer.byteLength(body));
    return;
  }
  const waiter = { res, until: Date.now() + WAIT_MS };
  space.waiters.add(waiter);
  res.on('close', () => space.waiters.delete(waiter));
}

/** The body of a post, checked to be JSON, kept as it came. */
export function readUpdate(req: IncomingMessage, take: (update: string) => unknown): void {
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    JSON.parse(text);
    take(text);
  });
}

export function send(res: ServerResponse, body: string, length: number): void {
  res.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': length });
  res.end(body);
}

export function answerPosition(res: ServerResponse, space: FloorSpace): void {
  const body = `{"pos":${space.position}}`;
  send(res, body, body.length);
}

/** One coarse sweep answers polls whose time is up. */
export function startSweep(): void {
  setInterval(() => {
    const now = Date.now();
    for (const space of spaces.values()) {
      for (const waiter of space.waiters) {
        if (waiter.until > now) break; // in the order of their coming
        space.waiters.delete(waiter);
        const body = space.since(space.position);
        send(waiter.res, body, body.length);
      }
    }
  }, SWEEP_MS);
}
