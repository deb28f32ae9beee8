import type { DependencyState, ReadyReport } from '../api/app-deps.ts';
import type { Clock } from '../ports/clock.ts';
import { isFailure } from '../ports/failure.ts';

const TIMEOUT_MS = 2_000;
/** However many ask, the dependencies are asked at most this often, ms. */
const KEEP_MS = 1_000;

/** Rejects, or settles with a word on what is wrong, where the dependency is not usable. */
export type Probe = () => Promise<unknown>;

/** Asks every dependency, side by side, each within its time; one round at a time serves all who ask. Never rejects. */
export function createReadiness(probes: { readonly [name: string]: Probe }, clock: Clock): () => Promise<ReadyReport> {
  let last: { readonly at: number; readonly report: Promise<ReadyReport> } | undefined;
  return function ready() {
    if (last === undefined || clock.monotonic() - last.at >= KEEP_MS) {
      last = { at: clock.monotonic(), report: askAll(probes, clock) };
    }
    return last.report;
  };
}

async function askAll(probes: { readonly [name: string]: Probe }, clock: Clock): Promise<ReadyReport> {
  const entries = await Promise.all(
    Object.entries(probes).map(async ([name, probe]) => [name, await ask(probe, clock)] as const),
  );
  return { ready: entries.every(([, { state }]) => state === 'ok'), dependencies: Object.fromEntries(entries) };
}

async function ask(probe: Probe, clock: Clock): Promise<DependencyState> {
  let cancel = (): void => undefined;
  const late = new Promise<DependencyState>((resolve) => {
    cancel = clock.after(TIMEOUT_MS, () => resolve({ state: 'failed', detail: `no answer within ${TIMEOUT_MS} ms` }));
  });
  const answered = (async (): Promise<DependencyState> => {
    try {
      await probe();
      return { state: 'ok' };
    } catch (error) {
      // Messages of drivers may name hosts and accounts: the page shows codes only.
      return { state: 'failed', detail: error instanceof NotUsable ? error.message : codeOf(error) };
    }
  })();
  try {
    return await Promise.race([answered, late]);
  } finally {
    cancel();
  }
}

function codeOf(error: unknown): string {
  return isFailure(error) ? error.code : 'failed';
}

/** Thrown by a probe whose message may be shown to anybody. */
export class NotUsable extends Error {}
