import assert from 'node:assert/strict';
import type { Ledger } from '../../src/cli/monkeys/ledger.ts';
import { runShort } from '../cli/monkeys/runs.ts';
import { Cluster } from './cluster.ts';

describe('monkeys over two servers on one memcached', function () {
  this.timeout(60_000);
  let cluster: Cluster;

  before(async function () {
    cluster = await Cluster.start(this, { name: 'monkeys', servers: 2 });
  });
  after(() => cluster?.stop());
  afterEach(function () {
    cluster?.explain(this.currentTest);
  });

  it('[MO12] lose nothing and see the same where one of them is killed and started again', async () => {
    const urls = cluster.servers.map(({ url }) => url);
    const [first] = cluster.servers;
    let crash: Promise<void> | undefined;
    const crashAndComeBack = async (): Promise<void> => {
      await first?.kill();
      await cluster.addServer(cluster.memcached.port, Number(new URL(first?.url ?? '').port));
    };
    const ledgers = new Set<Ledger>();
    /** In the middle of all three runs, by what was acknowledged. */
    const onProgress = (ledger: Ledger): void => {
      ledgers.add(ledger);
      const isAmid = ledgers.size === 3 && [...ledgers].every(({ acknowledged }) => acknowledged >= 15);
      if (isAmid) crash ??= crashAndComeBack();
    };
    const size = {
      monkeys: 20,
      viewers: 5,
      items: 2,
      offline: 0.2,
      seconds: 4,
      rate: 3,
      patienceSeconds: 20,
      onProgress,
    };
    const runs = await Promise.all([
      runShort(urls, { kind: 'set', ...size }),
      runShort(urls, { kind: 'text', ...size }),
      runShort(urls, { kind: 'log', ...size, monkeys: 6 }),
    ]);
    assert.ok(crash, 'a server was killed');
    await crash;
    for (const { report, lines } of runs) {
      assert.ok(report.ok && report.unanswered === 0, lines.join('\n'));
      assert.equal(report.converged, 5);
      assert.equal(report.cacheTripsPerOp, null, 'a counter that began anew is not read as one that went on');
    }
    assert.ok(
      runs.some(({ report }) => report.waits['no answer']),
      'somebody had to try again',
    );
    assert.equal(cluster.alive.length, 2);
  });

  it('[MO9] tell how often the store is written and the cache is asked', async () => {
    const { report, lines } = await runShort(
      cluster.alive.map(({ url }) => url),
      { kind: 'register', monkeys: 2, viewers: 1 },
    );
    assert.ok(report.ok, lines.join('\n'));
    assert.ok((report.cacheTripsPerOp ?? 0) >= 1 && report.storeWritesPerOp !== null, lines.join('\n'));
  });
});
