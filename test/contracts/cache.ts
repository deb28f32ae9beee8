import assert from 'node:assert/strict';
import type { Cache, CacheKey, CasToken } from '../../src/ports/cache.ts';
import { isFailure } from '../../src/ports/failure.ts';
import { MAX_CACHE_KEY_BYTES, MAX_RECORD_BYTES } from '../../src/protocol/limits.ts';

export type CacheUnderTest = {
  readonly cache: Cache;
  /** Another handle to the same data, as another instance would hold; the same one where there can be no other. */
  readonly other: Cache;
  /** Lets a time to live of one second run out (with the two seconds of play that a backend has). */
  readonly outliveOneSecond: () => Promise<void>;
  readonly close: () => Promise<void>;
};

const LARGEST = Buffer.alloc(MAX_RECORD_BYTES, 'x');
let places = 0;

/** The laws of `ports/cache.ts`. `open` is called once; each test works in a place of its own. */
export function cacheContract(open: () => Promise<CacheUnderTest>): void {
  let under: CacheUnderTest;
  let cache: Cache;
  let other: Cache;
  let place: string;

  before(async () => {
    under = await open();
    ({ cache, other } = under);
  });
  after(() => under?.close());
  beforeEach(() => {
    place = `contract-${process.pid}-${++places}`;
  });

  const key = (rest: string): CacheKey => `i/${place}/${rest}`;
  const text = async (at: CacheKey): Promise<string | undefined> => (await cache.get([at]))[0]?.value.toString();
  const tokenOf = async (at: CacheKey, by: Cache = cache): Promise<CasToken> => {
    const [entry] = await by.get([at]);
    assert(entry !== undefined);
    return entry.token;
  };
  const bytes = (value: string): Buffer => Buffer.from(value);

  describe('get', () => {
    it('[CA1] answers in the order of the keys, with holes, and with repeats', async () => {
      await cache.set(key('a'), bytes('A'));
      await cache.set(key('b'), bytes('B'));
      const asked = [key('b'), key('none'), key('a'), key('b')];
      const values = (await cache.get(asked)).map((entry) => entry?.value.toString());
      assert.deepEqual(values, ['B', undefined, 'A', 'B']);
    });

    it('[CA1] answers 250 keys, every third of which is missing', async () => {
      const asked = Array.from({ length: 250 }, (_, i) => key(String(i)));
      await Promise.all(asked.map((at, i) => (i % 3 === 0 ? undefined : cache.set(at, bytes(String(i))))));
      const values = (await cache.get(asked)).map((entry) => entry?.value.toString());
      assert.deepEqual(
        values,
        asked.map((_, i) => (i % 3 === 0 ? undefined : String(i))),
      );
    });

    it('[CA1] answers no keys with nothing', async () => assert.deepEqual(await cache.get([]), []));

    it('[CA2] keeps keys apart that begin alike, and places that do', async () => {
      const keys = [`i/${place}/a`, `i/${place}/aa`, `i/${place}/a/`, `i/${place}/a#`, `i/${place}a/a`, `x/${place}/a`];
      for (const [i, at] of keys.entries()) await cache.add(at, bytes(String(i)));
      assert.deepEqual(
        (await cache.get(keys)).map((entry) => entry?.value.toString()),
        ['0', '1', '2', '3', '4', '5'],
      );
      await cache.delete(keys[0] ?? '');
      assert.deepEqual(
        (await cache.get(keys)).map((entry) => entry?.value.toString()),
        [undefined, '1', '2', '3', '4', '5'],
      );
    });

    it('[CA3] gives back bytes as they were: none, all 256, the largest record', async () => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      for (const value of [Buffer.alloc(0), every, LARGEST]) {
        await cache.set(key('set'), value);
        await cache.delete(key('add'));
        await cache.add(key('add'), value);
        const [bySet, byAdd] = await cache.get([key('set'), key('add')]);
        assert(bySet !== undefined && byAdd !== undefined);
        assert(bySet.value.equals(value) && byAdd.value.equals(value));
        const outcome = await cache.cas(key('add'), value, byAdd.token);
        assert.equal(outcome.status, 'stored');
        assert((await cache.get([key('add')]))[0]?.value.equals(value));
      }
    });

    it('[CA3] takes the longest key', async () => {
      const longest = key('').padEnd(MAX_CACHE_KEY_BYTES, '~');
      await cache.set(longest, bytes('long'));
      assert.equal(await text(longest), 'long');
    });

    it('[CA4] what it gave out does not change when the record does', async () => {
      await cache.set(key('a'), bytes('one'));
      await cache.append(key('a'), bytes(' two'));
      const [before] = await cache.get([key('a')]);
      await cache.append(key('a'), bytes(' three'));
      const [between] = await cache.get([key('a')]);
      assert(between !== undefined);
      await cache.cas(key('a'), bytes('other'), between.token);
      assert.equal(before?.value.toString(), 'one two');
      assert.equal(between.value.toString(), 'one two three');
    });
  });

  describe('add', () => {
    it('[CA5] creates once; the token names what it created', async () => {
      const token = await cache.add(key('a'), bytes('mine'));
      assert(token !== undefined);
      assert.equal(await other.add(key('a'), bytes('yours')), undefined);
      assert.equal(await text(key('a')), 'mine');
      assert.equal((await cache.cas(key('a'), bytes('next'), token)).status, 'stored');
    });

    it('[CA5] of many at once one creates', async () => {
      const tries = Array.from({ length: 20 }, (_, i) => (i % 2 ? cache : other).add(key('a'), bytes(String(i))));
      const won = (await Promise.all(tries)).flatMap((token, i) => (token === undefined ? [] : [i]));
      assert.equal(won.length, 1);
      assert.equal(await text(key('a')), String(won[0]));
    });

    it('[CA5] creates again after a delete', async () => {
      await cache.add(key('a'), bytes('1'));
      await cache.delete(key('a'));
      assert.notEqual(await cache.add(key('a'), bytes('2')), undefined);
      assert.equal(await text(key('a')), '2');
    });
  });

  describe('cas', () => {
    it('[CA6] replaces the value that the token names and answers the next token', async () => {
      await cache.add(key('a'), bytes('1'));
      const first = await cache.cas(key('a'), bytes('2'), await tokenOf(key('a')));
      assert(first.status === 'stored');
      const second = await cache.cas(key('a'), bytes('3'), first.token);
      assert.equal(second.status, 'stored');
      assert.equal(await text(key('a')), '3');
    });

    it('[CA7] a refused cas leaves the old value', async () => {
      await cache.add(key('a'), bytes('1'));
      const stale = await tokenOf(key('a'));
      await other.cas(key('a'), bytes('2'), await tokenOf(key('a'), other));
      assert.deepEqual(await cache.cas(key('a'), bytes('3'), stale), { status: 'conflict' });
      assert.equal(await text(key('a')), '2');
    });

    it('[CA7] a token does not name an equal value that came later', async () => {
      await cache.add(key('a'), bytes('same'));
      const stale = await tokenOf(key('a'));
      await cache.set(key('a'), bytes('same'));
      assert.deepEqual(await cache.cas(key('a'), bytes('3'), stale), { status: 'conflict' });
      await cache.delete(key('a'));
      await cache.add(key('a'), bytes('same'));
      assert.deepEqual(await cache.cas(key('a'), bytes('3'), stale), { status: 'conflict' });
      assert.equal(await text(key('a')), 'same');
    });

    it('[CA8] of a key that is gone is missing, and does not create', async () => {
      await cache.add(key('a'), bytes('1'));
      const token = await tokenOf(key('a'));
      await other.delete(key('a'));
      assert.deepEqual(await cache.cas(key('a'), bytes('2'), token), { status: 'missing' });
      assert.equal(await text(key('a')), undefined);
    });

    it('[CA9] of many with one token one is stored', async () => {
      await cache.add(key('a'), bytes('0'));
      const token = await tokenOf(key('a'));
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) => cache.cas(key('a'), bytes(`${i}`), token)),
      );
      const stored = outcomes.flatMap(({ status }, i) => (status === 'stored' ? [i] : []));
      assert.equal(stored.length, 1);
      assert.equal(await text(key('a')), String(stored[0]));
    });

    it('[CA9] eight writers on two handles lose no increment', async () => {
      await cache.add(key('count'), bytes('0'));
      const writer = async (by: Cache): Promise<void> => {
        for (let done = 0; done < 25; ) {
          const [entry] = await by.get([key('count')]);
          assert(entry !== undefined);
          const next = bytes(String(Number(entry.value.toString()) + 1));
          if ((await by.cas(key('count'), next, entry.token)).status === 'stored') done++;
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, i) => writer(i % 2 ? cache : other)));
      assert.equal(await text(key('count')), '200');
    });
  });

  describe('casThenGet', () => {
    it('[CA10] reads what is there after the cas, the key itself too', async () => {
      await cache.set(key('b'), bytes('B'));
      await cache.add(key('a'), bytes('1'));
      const { cas, read } = await cache.casThenGet(key('a'), bytes('2'), await tokenOf(key('a')), [
        key('b'),
        key('a'),
        key('none'),
      ]);
      assert(cas.status === 'stored');
      assert.deepEqual(
        read.map((entry) => entry?.value.toString()),
        ['B', '2', undefined],
      );
      assert.equal((await cache.cas(key('a'), bytes('3'), cas.token)).status, 'stored');
    });

    it('[CA10] reads as well when the cas is refused', async () => {
      await cache.add(key('a'), bytes('1'));
      const stale = await tokenOf(key('a'));
      await cache.set(key('a'), bytes('2'));
      const refused = await cache.casThenGet(key('a'), bytes('3'), stale, [key('a')]);
      assert.equal(refused.cas.status, 'conflict');
      assert.equal(refused.read[0]?.value.toString(), '2');
      await cache.delete(key('a'));
      const missing = await cache.casThenGet(key('a'), bytes('3'), stale, [key('a')]);
      assert.deepEqual(missing, { cas: { status: 'missing' }, read: [undefined] });
      const nothing = await cache.casThenGet(key('a'), bytes('3'), stale, []);
      assert.deepEqual(nothing, { cas: { status: 'missing' }, read: [] });
    });

    it('[CA10] two that read each other: at least one sees the other', async () => {
      // The store-buffer test: each writes its own key, then reads that of the other.
      for (let round = 0; round < 50; round++) {
        const [a, b] = [key(`a${round}`), key(`b${round}`)];
        await Promise.all([cache.add(a, bytes('old')), cache.add(b, bytes('old'))]);
        const [ofA, ofB] = await Promise.all([tokenOf(a), tokenOf(b, other)]);
        const [left, right] = await Promise.all([
          cache.casThenGet(a, bytes('new'), ofA, [b]),
          other.casThenGet(b, bytes('new'), ofB, [a]),
        ]);
        const seen = [left.read[0]?.value.toString(), right.read[0]?.value.toString()];
        assert(seen.includes('new'), `round ${round}: ${seen}`);
      }
    });

    it('[CA10] keys of another place are an assertion error, and nothing is written', async () => {
      await cache.add(key('a'), bytes('1'));
      const token = await tokenOf(key('a'));
      await assert.rejects(cache.casThenGet(key('a'), bytes('2'), token, [`i/${place}x/a`]), /place/);
      assert.equal(await text(key('a')), '1');
    });
  });

  describe('append', () => {
    it('[CA11] adds at the end, and the token changes', async () => {
      await cache.add(key('a'), bytes('1'));
      const stale = await tokenOf(key('a'));
      assert.equal(await cache.append(key('a'), bytes('23')), true);
      assert.equal(await cache.append(key('a'), Buffer.alloc(0)), true);
      assert.equal(await text(key('a')), '123');
      assert.deepEqual(await cache.cas(key('a'), bytes('x'), stale), { status: 'conflict' });
    });

    it('[CA11] two handles at once lose nothing', async () => {
      await cache.add(key('a'), bytes(''));
      await Promise.all(
        Array.from({ length: 40 }, (_, i) => (i % 2 ? cache : other).append(key('a'), bytes(`<${i}>`))),
      );
      const parts = (await text(key('a')))?.match(/<\d+>/g) ?? [];
      assert.equal(new Set(parts).size, 40);
    });

    it('[CA12] to nothing is false and creates nothing', async () => {
      assert.equal(await cache.append(key('a'), bytes('1')), false);
      assert.equal(await text(key('a')), undefined);
    });

    it('[CA12] beyond the bound is false and keeps what is there', async () => {
      const piece = Buffer.alloc(200 * 1024, 'p');
      await cache.add(key('a'), Buffer.from('start'));
      let held = 5;
      while (await cache.append(key('a'), piece)) held += piece.length;
      assert(held > 600 * 1024 && held < 1024 * 1024, `${held} bytes`);
      const [entry] = await cache.get([key('a')]);
      assert.equal(entry?.value.length, held);
      assert.equal(entry.value.toString('latin1', 0, 7), 'startpp');
      assert.equal((await cache.cas(key('a'), bytes('less'), entry.token)).status, 'stored');
      assert.equal(await cache.append(key('a'), piece), true);
    });
  });

  describe('delete', () => {
    it('[CA13] removes; false when there is nothing', async () => {
      await cache.add(key('a'), bytes('1'));
      assert.equal(await cache.delete(key('a')), true);
      assert.equal(await text(key('a')), undefined);
      assert.equal(await cache.delete(key('a')), false);
    });

    it('[CA13] with a token removes only what the token names', async () => {
      await cache.add(key('lock'), bytes('mine'));
      const mine = await tokenOf(key('lock'));
      await cache.set(key('lock'), bytes('of the next owner'));
      assert.equal(await cache.delete(key('lock'), mine), false);
      assert.equal(await text(key('lock')), 'of the next owner');
      assert.equal(await cache.delete(key('lock'), await tokenOf(key('lock'))), true);
      assert.equal(await cache.delete(key('lock'), mine), false);
      assert.equal(await text(key('lock')), undefined);
    });
  });

  describe('what is refused before anything is sent', () => {
    it('[CA14] a record over the bound is tooLarge and the old value stays', async () => {
      const over = Buffer.alloc(MAX_RECORD_BYTES + 1);
      await cache.set(key('a'), bytes('old'));
      const token = await tokenOf(key('a'));
      const refused = (error: unknown) => isFailure(error, 'tooLarge') && !error.unclear;
      await assert.rejects(cache.set(key('a'), over), refused);
      await assert.rejects(cache.add(key('b'), over), refused);
      await assert.rejects(cache.cas(key('a'), over, token), refused);
      await assert.rejects(cache.casThenGet(key('a'), over, token, []), refused);
      await assert.rejects(cache.append(key('a'), over), refused);
      assert.deepEqual(
        (await cache.get([key('a'), key('b')])).map((entry) => entry?.value.toString()),
        ['old', undefined],
      );
      assert.equal((await cache.cas(key('a'), bytes('new'), token)).status, 'stored');
    });

    it('[CA15] a key out of form is an assertion error and does not disturb what is in flight', async () => {
      await cache.set(key('a'), bytes('fine'));
      const long = key('').padEnd(251, 'k');
      const control = key(String.fromCharCode(13, 10));
      const bad = ['', 'a', 'i/x', 'i//x', 'I/x/', 'ii/x/', long, key('with space'), control, key('é'), key('\x7f')];
      const inFlight = Array.from({ length: 20 }, () => text(key('a')));
      for (const wrong of bad) {
        const refused = /assertion failed/;
        await assert.rejects(cache.get([key('a'), wrong]), refused, JSON.stringify(wrong));
        await assert.rejects(cache.add(wrong, bytes('1')), refused);
        await assert.rejects(cache.set(wrong, bytes('1')), refused);
        await assert.rejects(cache.append(wrong, bytes('1')), refused);
        await assert.rejects(cache.delete(wrong), refused);
      }
      assert.deepEqual(new Set(await Promise.all(inFlight)), new Set(['fine']));
      assert.equal(await text(key('a')), 'fine');
    });

    it('[CA16] a time to live of nothing, or of 30 days and more, is an assertion error', async () => {
      for (const ttl of [0, -1, Number.NaN, 30 * 86_400, 2_000_000_000]) {
        await assert.rejects(cache.set(key('a'), bytes('1'), ttl), /assertion failed/, String(ttl));
        await assert.rejects(cache.add(key('a'), bytes('1'), ttl), /assertion failed/, String(ttl));
      }
      assert.equal(await text(key('a')), undefined);
      await cache.set(key('a'), bytes('1'), 30 * 86_400 - 1);
      assert.equal(await text(key('a')), '1');
    });
  });

  describe('time to live', () => {
    it('[CA17] [CA18] a record dies with its time, appended or not; a cas makes it lasting, or gives it a time', async () => {
      const start = performance.now();
      await cache.set(key('set'), bytes('1'), 1);
      await cache.add(key('add'), bytes('1'), 1);
      await cache.set(key('appended'), bytes('1'), 1);
      await cache.set(key('lasting'), bytes('1'), 1);
      await cache.append(key('appended'), bytes('2'));
      await cache.set(key('renewed'), bytes('1'));
      const { status } = await cache.cas(key('lasting'), bytes('2'), await tokenOf(key('lasting')));
      await cache.cas(key('renewed'), bytes('2'), await tokenOf(key('renewed')), 1);
      const all = [key('set'), key('add'), key('appended'), key('lasting'), key('renewed')];
      const early = (await cache.get(all)).map((entry) => entry?.value.toString());
      // Only a machine that is held up for a second gets here too late to look.
      const inTime = performance.now() - start < 1000;
      if (inTime) assert.deepEqual([status, ...early], ['stored', '1', '1', '12', '2', '2']);
      await under.outliveOneSecond();
      const late = (await cache.get(all)).map((entry) => entry?.value.toString());
      assert.deepEqual(late, [undefined, undefined, undefined, '2', undefined]);
      assert.notEqual(await cache.add(key('set'), bytes('again')), undefined);
      assert.equal(await cache.append(key('add'), bytes('x')), false);
    });
  });

  it('[CA18] a cas with a time to live that is refused changes neither the value nor its time', async () => {
    await cache.set(key('a'), bytes('1'));
    const stale = await tokenOf(key('a'));
    await cache.set(key('a'), bytes('2'));
    assert.deepEqual(await cache.cas(key('a'), bytes('3'), stale, 1), { status: 'conflict' });
    await assert.rejects(cache.cas(key('a'), bytes('3'), await tokenOf(key('a')), 30 * 86_400), /assertion failed/);
    await under.outliveOneSecond();
    assert.equal(await text(key('a')), '2');
  });

  it('[CA19] ping settles while the cache answers', () => cache.ping());
}

/** The end of a cache; `open` makes one that nobody else uses. */
export function closedCacheContract(open: () => Promise<Cache>): void {
  it('[CA20] after close every operation fails with closed, and closing again does no harm', async () => {
    const cache = await open();
    await cache.set('i/closing/a', Buffer.from('1'));
    const [entry] = await cache.get(['i/closing/a']);
    assert(entry !== undefined);
    await cache.close();
    await cache.close();
    const value = Buffer.from('2');
    const closed = (error: unknown) => isFailure(error, 'closed') && !error.unclear;
    await assert.rejects(cache.get(['i/closing/a']), closed);
    await assert.rejects(cache.add('i/closing/a', value), closed);
    await assert.rejects(cache.cas('i/closing/a', value, entry.token), closed);
    await assert.rejects(cache.casThenGet('i/closing/a', value, entry.token, []), closed);
    await assert.rejects(cache.append('i/closing/a', value), closed);
    await assert.rejects(cache.delete('i/closing/a'), closed);
    await assert.rejects(cache.set('i/closing/a', value), closed);
    await assert.rejects(cache.ping(), closed);
  });
}
