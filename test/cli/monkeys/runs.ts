import { linesOf, type Report, reportOn } from '../../../src/cli/monkeys/report.ts';
import { type MonkeysOptions, type Result, runMonkeys } from '../../../src/cli/monkeys/run.ts';
import { realClock, realId } from '../../../src/client/system.ts';
import { type Tamper, TamperingProxy } from '../../support/tampering-proxy.ts';

export type Ran = { readonly result: Result; readonly report: Report; readonly lines: string[] };

/** A short run: it takes a second, and as long as it has to wait at the end. */
export async function runShort(url: string | readonly string[], more: Partial<MonkeysOptions> = {}): Promise<Ran> {
  const options: MonkeysOptions = {
    urls: [url].flat(),
    ...{ space: 'short', kind: 'log', monkeys: 4, viewers: 3, offline: 0, seconds: 1, rate: 8, items: 1 },
    ...{ patienceSeconds: 15, seed: 7, keep: true, clock: realClock, id: `test-${realId().slice(0, 8)}` },
    stop: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  };
  const result = await runMonkeys(options);
  const report = reportOn(options, result);
  return { result, report, lines: linesOf(report) };
}

/** The same against somebody who lies. */
export async function runAgainst(url: string, tamper: Tamper, more: Partial<MonkeysOptions> = {}): Promise<Ran> {
  const proxy = await TamperingProxy.start(url, tamper);
  try {
    return await runShort(proxy.url, more);
  } finally {
    await proxy.stop();
  }
}
