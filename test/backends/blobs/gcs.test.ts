import assert from 'node:assert/strict';
import { createGcsBlobs } from '../../../src/backends/blobs/gcs.ts';
import type { Blobs } from '../../../src/ports/blobs.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import type { Random } from '../../../src/ports/random.ts';
import { type BlobsSetup, describeBlobs } from '../../contracts/blobs.ts';
import { GcsServer } from '../../doubles/gcs-server.ts';

const BUCKET = 'harbour';
const TIMEOUT_MS = 5_000;
const PNG = { contentType: 'image/png' };

/** Sleeps end at once and are recorded; a deadline passes when the test says so. */
class TestClock implements Clock {
  readonly sleeps: number[] = [];
  readonly deadlines = new Set<() => void>();
  now(): number {
    return Date.now();
  }
  monotonic(): number {
    return 0;
  }
  after(_ms: number, call: () => void): () => void {
    this.deadlines.add(call);
    return () => this.deadlines.delete(call);
  }
  async sleep(ms: number): Promise<void> {
    this.sleeps.push(ms);
  }
}

function countingRandom(): Random {
  let count = 0;
  return { fraction: () => 0.5, id: () => `id-${count++}` };
}

function open(server: GcsServer, options: { prefix?: string; bucket?: string; clock?: Clock } = {}): Blobs {
  return createGcsBlobs({
    bucket: options.bucket ?? BUCKET,
    prefix: options.prefix ?? '',
    projectId: 'test-project',
    apiEndpoint: server.endpoint,
    timeoutMs: TIMEOUT_MS,
    clock: options.clock ?? new TestClock(),
    random: countingRandom(),
  });
}

for (const prefix of ['', 'deep/down']) {
  const setup: BlobsSetup = async () => {
    const server = await GcsServer.start(BUCKET);
    const blobs = open(server, { prefix });
    return {
      blobs,
      teardown: async () => {
        await blobs.close();
        await server.stop();
      },
    };
  };
  describeBlobs(`Cloud Storage, prefix "${prefix}"`, setup, { direct: true });
}

describe('blobs in Cloud Storage', () => {
  let server: GcsServer;
  let clock: TestClock;
  let blobs: Blobs;

  beforeEach(async () => {
    server = await GcsServer.start(BUCKET);
    clock = new TestClock();
    blobs = open(server, { clock });
  });

  afterEach(async () => {
    await blobs.close();
    await server.stop();
  });

  const failsWith =
    (code: 'blobsUnavailable' | 'preconditionFailed', unclear: boolean) =>
    (error: unknown): boolean =>
      isFailure(error, code) && error.unclear === unclear;

  it('[BL18] repeats what the service could not do just now, with growing pauses', async () => {
    server.inject({ status: 503 }, { status: 429 }, { status: 500 });
    await blobs.put('a', Buffer.from('x'), PNG);
    assert.equal(server.requests.length, 4);
    assert.deepEqual(clock.sleeps, [100, 200, 400]);
    server.inject({ status: 503 });
    assert.equal((await blobs.get('a'))?.bytes.toString(), 'x');
    server.inject({ status: 503 });
    assert.equal((await blobs.list('', '', 1)).length, 1);
    server.inject({ status: 503 });
    assert.equal(await blobs.delete('a'), true);
  });

  it('[BL18] gives up after four tries', async () => {
    server.inject(...Array.from({ length: 5 }, () => ({ status: 503 })));
    await assert.rejects(blobs.put('a', Buffer.from('x'), PNG), failsWith('blobsUnavailable', true));
    assert.equal(server.requests.length, 4);
  });

  it('[BL18] does not repeat what the service refuses', async () => {
    for (const status of [400, 401, 403]) {
      server.inject({ status });
      await assert.rejects(blobs.put('a', Buffer.from('x'), PNG), failsWith('blobsUnavailable', false));
      server.inject({ status });
      await assert.rejects(blobs.get('a'), failsWith('blobsUnavailable', false));
    }
    assert.equal(server.requests.length, 6);
  });

  it('[BL19] ends a call at its deadline, unclear where it wrote', async () => {
    for (const call of [() => blobs.put('a', Buffer.from('x'), PNG), () => blobs.info('a'), () => blobs.ping()]) {
      server.inject('silence');
      server.onRequest = () => {
        for (const passed of clock.deadlines) passed();
      };
      await assert.rejects(call, failsWith('blobsUnavailable', true));
    }
    assert.equal(server.requests.length, 3, 'nothing is repeated after the deadline');
  });

  it('[BL20] knows its own write again when the answer to it was lost', async () => {
    server.inject('lostAnswer');
    const first = await blobs.put('a', Buffer.from('x'), { ...PNG, ifGeneration: 'absent' });
    assert.deepEqual(await blobs.info('a'), first);
    server.inject('lostAnswer');
    const second = await blobs.put('a', Buffer.from('y'), { ...PNG, ifGeneration: first.generation });
    assert.deepEqual(await blobs.info('a'), second);
    server.inject('lostAnswer');
    assert.equal(await blobs.delete('a', { ifGeneration: second.generation }), true);
  });

  it('[BL20] is unclear when a repeat finds the write of another', async () => {
    server.inject('lostAnswer');
    server.onRequest = ({ method }) => {
      if (method === 'POST' && server.requests.length === 2) {
        server.objects.insert('a', Buffer.from('other'), {}, null);
      }
    };
    const writing = blobs.put('a', Buffer.from('x'), { ...PNG, ifGeneration: 'absent' });
    await assert.rejects(writing, failsWith('preconditionFailed', true));
  });

  it('[BL21] never lets a damaged upload be seen', async () => {
    await blobs.put('a', Buffer.from('good'), PNG);
    server.inject('corrupt');
    await assert.rejects(blobs.put('a', Buffer.from('also good'), PNG), failsWith('blobsUnavailable', false));
    assert.equal((await blobs.get('a'))?.bytes.toString(), 'good');
  });

  it('[BL29] lets other work go on while it sums up a large blob', async () => {
    let turns = 0;
    let summed = false;
    const count = (): void => {
      turns++;
      if (!summed) setImmediate(count);
    };
    setImmediate(count);
    const first = new Promise<void>((asked) => {
      server.onRequest = () => asked();
    });
    const writing = blobs.put('large', Buffer.alloc(8 * 1024 * 1024, 'harbour '), PNG);
    await first;
    summed = true;
    assert.ok(turns >= 15, `${turns} turns`);
    await writing;
  });

  it('[BL21] reads again what was damaged on its way down', async () => {
    await blobs.put('a', Buffer.from('good'), PNG);
    server.onRequest = ({ query }) => {
      if (query.get('alt') === 'media' && clock.sleeps.length === 0) server.inject('corrupt');
    };
    assert.equal((await blobs.get('a'))?.bytes.toString(), 'good');
    assert.equal(clock.sleeps.length, 1);
  });

  it('[BL22] reads type, size and bytes of one generation, though the blob is replaced meanwhile', async () => {
    await blobs.put('a', Buffer.from('first'), PNG);
    let replaced = false;
    server.onRequest = ({ query }) => {
      if (query.get('alt') !== 'media' || replaced) return;
      replaced = true;
      server.objects.insert('a', Buffer.from('the second'), { contentType: 'text/plain' }, null);
    };
    const got = await blobs.get('a');
    assert.equal(got?.bytes.toString(), 'the second');
    assert.deepEqual([got.info.size, got.info.contentType], [10, 'text/plain']);
  });

  it('[BL23] does not take a missing bucket for missing blobs', async () => {
    const elsewhere = open(server, { bucket: 'no-such-bucket' });
    await assert.rejects(elsewhere.get('a'), failsWith('blobsUnavailable', false));
    await assert.rejects(elsewhere.info('a'), failsWith('blobsUnavailable', false));
    await assert.rejects(elsewhere.delete('a'), failsWith('blobsUnavailable', false));
    await assert.rejects(elsewhere.list('', '', 1), failsWith('blobsUnavailable', false));
    await assert.rejects(elsewhere.ping(), failsWith('blobsUnavailable', false));
  });

  it('[BL24] touches nothing outside its prefix', async () => {
    const inner = open(server, { prefix: 'in' });
    await blobs.put('inner', Buffer.from('outside'), PNG);
    await inner.put('a', Buffer.from('inside'), PNG);
    assert.deepEqual(
      (await inner.list('', '', 10)).map((info) => info.name),
      ['a'],
    );
    assert.equal((await blobs.get('in/a'))?.bytes.toString(), 'inside');
  });

  it('[BL10] lists on over the pages of the service, past objects that are no blobs', async () => {
    for (let i = 0; i < 1500; i += 1) server.objects.insert(`n/${1000 + i}`, Buffer.alloc(0), {}, null);
    server.objects.insert('n/1000 is no blob', Buffer.alloc(0), {}, null);
    const found = await blobs.list('n/', '', 1200);
    assert.deepEqual([found.length, found[0]?.name, found.at(-1)?.name], [1200, 'n/1000', 'n/2199']);
    const rest = await blobs.list('n/', 'n/2199', 1000);
    assert.deepEqual([rest.length, rest[0]?.name, rest.at(-1)?.name], [300, 'n/2200', 'n/2499']);
  });
});
