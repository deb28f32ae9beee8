import assert from 'node:assert/strict';
import type { BlobInfo, Blobs } from '../../src/ports/blobs.ts';
import { isFailure } from '../../src/ports/failure.ts';
import { describeDirect } from './blobs-direct.ts';

/** An empty backend of its own for each test. */
export type BlobsSetup = () => Promise<{ readonly blobs: Blobs; readonly teardown: () => Promise<void> }>;

const TEXT = { contentType: 'text/plain; charset=utf-8' };
const PNG = { contentType: 'image/png' };

function refused(error: unknown): boolean {
  return isFailure(error, 'preconditionFailed') && !error.unclear;
}

/** The laws of `Blobs`, as every backend has to keep them. `direct`: it takes and gives bytes by signed URLs. */
export function describeBlobs(backend: string, setup: BlobsSetup, { direct = false } = {}): void {
  describe(`blobs: ${backend}`, () => {
    let blobs: Blobs;
    let teardown: () => Promise<void>;

    beforeEach(async () => {
      ({ blobs, teardown } = await setup());
    });
    afterEach(() => teardown());

    const put = (name: string, content: string, ifGeneration?: string): Promise<BlobInfo> =>
      blobs.put(name, Buffer.from(content), { ...TEXT, ...(ifGeneration === undefined ? {} : { ifGeneration }) });
    const read = async (name: string): Promise<string | undefined> => (await blobs.get(name))?.bytes.toString();
    const listed = async (prefix: string, after = '', limit = 100): Promise<string[]> =>
      (await blobs.list(prefix, after, limit)).map((info) => info.name);

    describe('reading and writing', () => {
      it('[BL1] gives back what was put, with its type, size and generation', async () => {
        const info = await blobs.put('a/b.png', Buffer.from([0, 255, 13, 10, 0]), PNG);
        assert.deepEqual(
          { ...info, generation: '' },
          { name: 'a/b.png', size: 5, contentType: 'image/png', generation: '' },
        );
        assert.deepEqual(await blobs.get('a/b.png'), { info, bytes: Buffer.from([0, 255, 13, 10, 0]) });
        assert.deepEqual(await blobs.info('a/b.png'), info);
      });

      it('[BL1] keeps an empty blob and a large one', async () => {
        const large = Buffer.alloc(3_000_001, 'harbour ');
        await blobs.put('empty', Buffer.alloc(0), PNG);
        await blobs.put('large', large, PNG);
        assert.equal((await blobs.get('empty'))?.bytes.length, 0);
        assert.equal((await blobs.get('empty'))?.info.size, 0);
        assert.ok((await blobs.get('large'))?.bytes.equals(large));
      });

      it('[BL2] answers undefined for what is absent', async () => {
        await put('a/b', 'x');
        assert.equal(await blobs.get('a'), undefined);
        assert.equal(await blobs.info('a/b/c'), undefined);
        assert.equal(await blobs.delete('other'), false);
      });

      it('[BL3] replaces a blob whole and raises its generation', async () => {
        const first = await blobs.put('a', Buffer.from('a long first text'), PNG);
        const second = await put('a', 'short');
        assert.equal(await read('a'), 'short');
        assert.equal((await blobs.info('a'))?.contentType, TEXT.contentType);
        assert.ok(BigInt(second.generation) > BigInt(first.generation));
      });

      it('[BL3] raises the generation over a delete', async () => {
        const first = await put('a', 'x');
        await blobs.delete('a');
        const second = await put('a', 'x');
        assert.ok(BigInt(second.generation) > BigInt(first.generation));
      });
    });

    it('[BL3] shows a reader the old content or the new one, never a mixture', async () => {
      const content = (round: number): Buffer => Buffer.alloc(200_000 + round, 97 + round);
      await blobs.put('a', content(0), PNG);
      const writing = (async () => {
        for (let round = 1; round <= 10; round += 1) await blobs.put('a', content(round), PNG);
      })();
      let ended = false;
      void writing.finally(() => {
        ended = true;
      });
      while (!ended) {
        const got = await blobs.get('a');
        assert.ok(got);
        const round = got.bytes.length - 200_000;
        assert.ok(got.bytes.equals(content(round)));
        assert.equal(got.info.size, 200_000 + round);
      }
      await writing;
    });

    describe('preconditions', () => {
      it('[BL4] creates only what is absent, where asked', async () => {
        await put('a', 'first', 'absent');
        await assert.rejects(put('a', 'second', 'absent'), refused);
        assert.equal(await read('a'), 'first');
        await blobs.delete('a');
        await put('a', 'third', 'absent');
        assert.equal(await read('a'), 'third');
      });

      it('[BL5] writes only over the generation asked for', async () => {
        const first = await put('a', 'first');
        const second = await put('a', 'second', first.generation);
        await assert.rejects(put('a', 'third', first.generation), refused);
        assert.deepEqual(await blobs.info('a'), second);
        await assert.rejects(put('never', 'x', first.generation), refused);
        await assert.rejects(put('a', 'x', 'no generation of this backend'), refused);
        assert.equal(await read('a'), 'second');
      });

      it('[BL6] lets exactly one of many concurrent writers keep a precondition', async () => {
        for (const round of [0, 1]) {
          const before = (await blobs.info('a'))?.generation ?? 'absent';
          const writers = Array.from({ length: 8 }, (_, i) => put('a', `round ${round} writer ${i}`, before));
          const ended = await Promise.allSettled(writers);
          const winner = ended.findIndex((one) => one.status === 'fulfilled');
          assert.equal(ended.filter((one) => one.status === 'fulfilled').length, 1);
          assert.ok(ended.every((one) => one.status === 'fulfilled' || refused(one.reason)));
          assert.equal(await read('a'), `round ${round} writer ${winner}`);
        }
      });

      it('[BL7] deletes, once, and only the generation asked for', async () => {
        const first = await put('a', 'first');
        const second = await put('a', 'second');
        await assert.rejects(blobs.delete('a', { ifGeneration: first.generation }), refused);
        assert.equal(await read('a'), 'second');
        assert.equal(await blobs.delete('a', { ifGeneration: second.generation }), true);
        assert.equal(await blobs.get('a'), undefined);
        assert.equal(await blobs.delete('a'), false);
        assert.equal(await blobs.delete('a', { ifGeneration: second.generation }), false);
      });
    });

    describe('ranges', () => {
      it('[BL8] gives the bytes from start to end, both included, and the size of the whole', async () => {
        const info = await put('a', '0123456789');
        const got = await blobs.get('a', { start: 2, end: 4 });
        assert.deepEqual(got, { info, bytes: Buffer.from('234') });
        assert.equal((await blobs.get('a', { start: 0, end: 0 }))?.bytes.toString(), '0');
      });

      it('[BL8] clips a range to the blob', async () => {
        const info = await put('a', '0123456789');
        await put('empty', '');
        assert.equal((await blobs.get('a', { start: 8, end: 100 }))?.bytes.toString(), '89');
        assert.deepEqual(await blobs.get('a', { start: 10, end: 12 }), { info, bytes: Buffer.alloc(0) });
        assert.equal((await blobs.get('empty', { start: 0, end: 5 }))?.bytes.length, 0);
        assert.equal(await blobs.get('absent', { start: 0, end: 5 }), undefined);
      });
    });

    describe('names and lists', () => {
      const NEIGHBOURS = [
        'a',
        'a-',
        'a.b',
        'a/b',
        'a/b/c',
        'a0',
        'aa',
        'A',
        'a/B',
        `l/${'x'.repeat(300)}`,
        `l/${'x'.repeat(301)}`,
      ];
      const ODD = ['.hidden', '...x', '~', '_', '-', '0', 'x/.y/..z', `${'s/'.repeat(255)}s`];

      it('[BL9] keeps names apart that share a beginning, a spelling in capitals, or a folder', async () => {
        for (const name of [...NEIGHBOURS, ...ODD]) await put(name, `content of ${name}`);
        for (const name of [...NEIGHBOURS, ...ODD]) assert.equal(await read(name), `content of ${name}`);
        assert.deepEqual(await listed(''), [...NEIGHBOURS, ...ODD].sort());
        await blobs.delete('a');
        assert.equal(await read('a/b'), 'content of a/b');
        assert.equal(await read('A'), 'content of A');
      });

      it('[BL10] lists by prefix, ascending, after a name, at most so many', async () => {
        for (const name of NEIGHBOURS) await put(name, '');
        assert.deepEqual(await listed('a/'), ['a/B', 'a/b', 'a/b/c']);
        assert.deepEqual(await listed('a/b'), ['a/b', 'a/b/c']);
        assert.deepEqual(await listed('a', 'a/b'), ['a/b/c', 'a0', 'aa']);
        assert.deepEqual(await listed('a', 'a.z', 2), ['a/B', 'a/b']);
        assert.deepEqual(await listed('a', 'b'), []);
        assert.deepEqual(await listed('a/', 'A'), ['a/B', 'a/b', 'a/b/c']);
        assert.deepEqual(await listed('none/'), []);
        assert.deepEqual(await listed('../'), []);
      });

      it('[BL10] gives in a list what info gives', async () => {
        const info = await blobs.put('a/b', Buffer.from('xyz'), PNG);
        const [listed] = await blobs.list('a/', '', 10);
        assert.deepEqual(listed, { ...info, writtenAt: listed?.writtenAt });
      });

      it('[BL30] tells in a list when each was written', async () => {
        const began = Date.now();
        await put('a/b', 'xyz');
        await put('a/b', 'new');
        const [listed] = await blobs.list('a/', '', 10);
        // By a clock of its own, and by that of a file system, which may be coarse.
        assert.ok(Math.abs((listed?.writtenAt ?? 0) - began) < 60_000, `written at ${listed?.writtenAt}`);
      });

      it('[BL11] does not take a name that is none', async () => {
        const bad = [
          '',
          '/',
          'a//b',
          '/a',
          'a/',
          '.',
          '..',
          'a/../b',
          '../../etc/passwd',
          'a b',
          'a\0',
          'ä',
          'a\\b',
          'a@',
        ];
        for (const name of [...bad, 'x'.repeat(513)]) {
          await assert.rejects(async () => put(name, 'x'), /not the name of a blob/);
          await assert.rejects(async () => blobs.get(name), /not the name of a blob/);
          await assert.rejects(async () => blobs.delete(name), /not the name of a blob/);
        }
        await assert.rejects(async () => blobs.put('a', Buffer.alloc(0), { contentType: 'a\r\nb: c' }), /content type/);
      });
    });

    it('[BL25] says whether there are ways past the server', () => {
      assert.equal(blobs.direct !== undefined, direct);
    });
    if (direct) describeDirect(() => blobs);

    describe('life', () => {
      it('[BL12] answers a ping', () => blobs.ping());

      it('[BL13] refuses every call after close, which waits for the calls under way', async () => {
        const writing = put('a', 'x');
        await blobs.close();
        await writing;
        const closed = (error: unknown): boolean => isFailure(error, 'closed') && !error.unclear;
        await assert.rejects(put('b', 'x'), closed);
        await assert.rejects(blobs.get('a'), closed);
        await assert.rejects(blobs.info('a'), closed);
        await assert.rejects(blobs.delete('a'), closed);
        await assert.rejects(blobs.list('', '', 1), closed);
        await assert.rejects(blobs.ping(), closed);
        await blobs.close();
      });
    });
  });
}
