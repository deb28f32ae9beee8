import assert from 'node:assert/strict';
import type { Sort } from '../../../src/cli/monkeys/judge.ts';
import { WORKS, type WorkKind } from '../../../src/cli/monkeys/work.ts';
import type { OpsResponse } from '../../../src/protocol/ops.ts';
import { imageOf } from '../../support/images.ts';
import { Folder, runCli, ServerProcess } from '../../support/server-process.ts';
import { jsonReply, type Tamper, TamperingProxy } from '../../support/tampering-proxy.ts';
import { carryOutLate, double, drop, forge, keepSilent, reorder, tellOps, tellUpdates } from './lies.ts';
import { type Ran, runAgainst, runShort } from './runs.ts';

const KINDS = Object.keys(WORKS) as WorkKind[];
/** Of runs that wait in vain. */
const HURRY = { patienceSeconds: 6 };

describe('the verdict of monkeys', function () {
  this.timeout(120_000);
  let folder: Folder;
  let server: ServerProcess;
  /** All at once: most of their time they wait. */
  const runs = new Map<string, Promise<Ran>>();

  const start = (name: string, run: () => Promise<Ran>): void => {
    const running = run();
    running.catch(() => undefined); // told by the test that asks for it
    runs.set(name, running);
  };
  const ran = (name: string): Promise<Ran> => runs.get(name) ?? assert.fail(`${name} was not run`);
  const against = (name: string, kind: WorkKind, tamper: Tamper, more = {}): void =>
    start(name, () => runAgainst(server.url, tamper, { kind, ...more }));

  before(async () => {
    folder = new Folder();
    server = await ServerProcess.start(['--data-dir', folder.path]);
    for (const kind of KINDS) {
      start(`fine ${kind}`, () => runShort(server.url, { kind, monkeys: 6, offline: 0.5, keep: false }));
    }
    await Promise.allSettled(runs.values());
    for (const kind of KINDS) against(`dropped ${kind}`, kind, drop(), HURRY);
    for (const kind of ['log', 'picture', 'set'] as const) against(`doubled ${kind}`, kind, double());
    against('reordered', 'log', reorder());
    await Promise.allSettled(runs.values());
    against(
      'forged set',
      'set',
      forge((tag) => `"m${tag}"`, '"m7777"'),
    );
    against(
      'forged log',
      'log',
      forge((tag) => `"tag":${tag}`, '"tag":7777'),
    );
    against(
      'forged register',
      'register',
      forge((tag) => `"${tag}":1`, `"7777":1`),
    );
    against('silent', 'log', keepSilent(), HURRY);
    against('late', 'log', carryOutLate(), HURRY);
    for (const [name, change] of Object.entries(TOLD)) against(name, 'log', tellOps(change()), HURRY);
    against('told a tag', 'set', tellUpdates(otherElement()), HURRY);
    against('told no more', 'set', tellUpdates(nothingMore()), HURRY);
    against('repainted', 'picture', repaint(), HURRY);
    start('two servers', () => runTwoServers(server.url));
  });

  after(async () => {
    await Promise.allSettled(runs.values());
    await server.end();
    folder.remove();
  });

  for (const kind of KINDS) {
    it(`[MO1] [MO2] ${kind}: all is well, also with what was done offline`, async () => {
      const { report, result, lines } = await ran(`fine ${kind}`);
      assert.equal(report.ok, true, lines.join('\n'));
      assert.equal(report.converged, 3);
      assert.equal(report.goOffline, 3);
      const settled = report.acknowledged + Object.values(report.refused).reduce((sum, count) => sum + count, 0);
      assert.equal(settled, report.posted, 'everybody came back and was heard');
      assert.ok(report.acknowledged > 20 && (report.p50Ms ?? 0) > 0, lines.join('\n'));
      const left = await fetch(`${server.url}/v1/spaces/short/items/${result.ledger.entries[0]?.item}`);
      assert.equal(left.status, 404, 'it has tidied up');
    });
  }

  for (const kind of KINDS) {
    it(`[MO3] ${kind}: an acknowledged update that is not there is lost`, async () => {
      const { report, lines } = await ran(`dropped ${kind}`);
      assert.ok(!report.ok && report.counts.lost > 0, lines.join('\n'));
      assert.match(lines.at(-1) ?? '', /^BAD/);
    });
  }

  /** Nothing but this is wrong with what is there. */
  function onlyCounts({ report, lines }: Ran, sorts: readonly Sort[]): void {
    const wrong = Object.entries(report.counts).flatMap(([sort, count]) => (count > 0 ? [sort] : []));
    assert.deepEqual(wrong.sort(), [...sorts].sort(), lines.join('\n'));
    assert.equal(report.ok, sorts.length === 0, lines.join('\n'));
  }

  it('[MO4] an operation that is there twice is doubled; a set takes it twice without harm', async () => {
    onlyCounts(await ran('doubled log'), ['doubled']);
    onlyCounts(await ran('doubled picture'), ['doubled']);
    onlyCounts(await ran('doubled set'), []);
  });

  it('[MO5] operations of one monkey in another order are out of order', async () => {
    onlyCounts(await ran('reordered'), ['disordered']);
  });

  it('[MO6] what nobody posted is strange, and what was posted in its place is lost', async () => {
    for (const kind of ['set', 'log', 'register']) onlyCounts(await ran(`forged ${kind}`), ['lost', 'strange']);
  });

  it('[MO6] servers that do not agree are strange', async () => {
    const { report, lines } = await ran('two servers');
    assert.ok(!report.ok && lines.some((line) => line.includes('the servers do not agree')), lines.join('\n'));
  });

  it('[MO6] a picture with other pixels than its operations make is strange', async () => {
    const run = await ran('repainted');
    onlyCounts(run, ['strange']);
    assert.match(run.lines.join(), /its pixels are not those that its operations make/);
  });

  const TOLD_WHY: readonly (readonly [name: string, why: RegExp])[] = [
    ['told twice', /operation \d+ came after \d+/],
    ['told in another order', /operation \d+ is \+\d+, and at the server \+\d+/],
    ['told something else', /tag 77\d+ came, which nobody posted/],
    ['told not all', /it has \d+ operations, and the server \d+/],
  ];
  for (const [name, why] of TOLD_WHY) {
    it(`[MO7] a viewer by offset that is ${name} diverges, and is named`, async () => {
      const { report, lines } = await ran(name);
      onlyCounts({ ...(await ran(name)), report: { ...report, ok: true } }, []);
      assert.equal(report.ok, false);
      assert.ok(
        lines.some((line) => /diverged: viewer \d \(by offset\)/.test(line) && why.test(line)),
        lines.join('\n'),
      );
      assert.equal(report.converged, 2);
    });
  }

  it('[MO7] viewers by marker that are told another value, or no more, diverge', async () => {
    const told = await ran('told a tag');
    assert.ok(
      told.lines.some((line) => /by marker\).* tag 77777 came/.test(line)),
      told.lines.join('\n'),
    );
    const { report, lines } = await ran('told no more');
    assert.ok(
      !report.ok && lines.some((line) => /by marker\).*it has version \d+ of \d+/.test(line)),
      lines.join('\n'),
    );
    assert.equal(told.report.ok, false);
  });

  it('[MO8] an update that nobody answered is counted apart', async () => {
    const run = await ran('silent');
    onlyCounts(run, []);
    assert.ok(run.report.unanswered > 0, run.lines.join('\n'));
    assert.ok(run.report.waits['no answer'], 'it was tried again');
  });

  it('[MO8] what is carried out after the end was read is read again', async () => {
    const run = await ran('late');
    onlyCounts(run, []);
    const unheard = run.result.ledger.entries.filter(({ fate }) => fate === 'unknown');
    assert.ok(unheard.length > 0 && run.report.converged === 3, run.lines.join('\n'));
    assert.ok(run.report.views >= 2 * (run.report.acknowledged + 1), 'both viewers that see operations saw it');
  });

  it('[MO3] [MO9] from the command line: exit code 1, and one line of JSON that says why', async () => {
    const proxy = await TamperingProxy.start(server.url, drop());
    const args = [
      '--space',
      'cli',
      '--kind',
      'log',
      '--monkeys',
      '3',
      '--viewers',
      '2',
      '--seconds',
      '1',
      '--rate',
      '8',
    ];
    try {
      const { code, out, err } = await runCli(['monkeys', ...args, '--url', proxy.url, '--patience', '6', '--json']);
      const report = JSON.parse(out);
      assert.deepEqual([code, report.ok, report.counts.lost], [1, false, 1], err);
      assert.match(report.findings[0].what, /operation \+\d+ was acknowledged and is not there/);
    } finally {
      await proxy.stop();
    }
  });
});

const TOLD: { readonly [name: string]: () => (answer: OpsResponse) => OpsResponse } = {
  'told twice': () =>
    changeOnce((answer) => ({ ...answer, ops: answer.ops.flatMap((op, i) => (i === 0 ? [op, op] : [op])) })),
  'told in another order': () => {
    let held: OpsResponse['ops'][number] | undefined;
    // The last two of what was told so far change places: one is held back, and comes under the number of the next.
    return (answer) => {
      const [first] = answer.ops;
      if (first === undefined || first.index < 3 || first.index > 30) return answer;
      if (held === undefined) {
        held = first;
        return { ...answer, ops: [], nextIndex: first.index, upToDate: false };
      }
      const [, second] = answer.ops;
      if (second === undefined || held.index !== first.index) return { ...answer, ops: [], nextIndex: first.index };
      const swapped = [
        { ...second, index: first.index },
        { ...first, index: second.index },
      ];
      return { ...answer, ops: [...swapped, ...answer.ops.slice(2)] };
    };
  },
  'told something else': () =>
    changeOnce((answer) => {
      const ops = answer.ops.map((op) => ({ ...op, op: { append: [{ tag: 77_000 + op.index }] } }));
      return { ...answer, ops };
    }),
  'told not all': () => (answer) => {
    const ops = answer.ops.filter(({ index }) => index <= 5);
    return ops.length === answer.ops.length ? answer : { ...answer, ops, nextIndex: 6 };
  },
};

/** An answer with operations of monkeys. */
function changeOnce(change: (answer: OpsResponse) => OpsResponse): (answer: OpsResponse) => OpsResponse {
  let isDone = false;
  return (answer) => {
    if (isDone || (answer.ops[0]?.index ?? 0) < 2) return answer;
    isDone = true;
    return change(answer);
  };
}

function otherElement(): Parameters<typeof tellUpdates>[0] {
  return (answer) =>
    JSON.parse(JSON.stringify(answer).replaceAll(/"op":\{"ops":\[\["add","m\d+"/g, '"op":{"ops":[["add","m77777"'));
}

function nothingMore(): Parameters<typeof tellUpdates>[0] {
  let told = 0;
  return (answer) => (answer.items.length > 0 && ++told > 6 ? { ...answer, items: [] } : answer);
}

/** Another picture of the same size, under the same number. */
function repaint(): Tamper {
  return async (asked, pass) => {
    const reply = await pass(asked);
    return asked.path.endsWith('/picture.png') ? { ...reply, body: await imageOf('png', 256, 256) } : reply;
  };
}

/** The second server shows another value. */
async function runTwoServers(url: string): Promise<Ran> {
  const proxy = await TamperingProxy.start(url, async (asked, pass) => {
    const reply = await pass(asked);
    const isRead = /\/items\/[^/]*$/.test(asked.path) && reply.status === 200;
    return isRead ? { ...jsonReply({ 7: 2 }), headers: reply.headers } : reply;
  });
  try {
    return await runShort([url, proxy.url], { kind: 'register', ...HURRY });
  } finally {
    await proxy.stop();
  }
}
