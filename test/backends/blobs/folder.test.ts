import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFolderBlobs } from '../../../src/backends/blobs/folder.ts';
import type { Blobs } from '../../../src/ports/blobs.ts';
import { isFailure } from '../../../src/ports/failure.ts';
import type { Random } from '../../../src/ports/random.ts';
import { describeBlobs } from '../../contracts/blobs.ts';

const random: Random = { fraction: () => 0.5, id: () => randomBytes(12).toString('base64url') };
const PNG = { contentType: 'image/png' };

function unavailable(error: unknown): boolean {
  return isFailure(error, 'blobsUnavailable');
}

describeBlobs('folder', async () => {
  const path = mkdtempSync(join(tmpdir(), 'longshore-blobs-'));
  const blobs = createFolderBlobs({ path: join(path, 'made', 'by', 'the backend'), random });
  return {
    blobs,
    teardown: async () => {
      await blobs.close();
      rmSync(path, { recursive: true });
    },
  };
});

describe('blob folder', () => {
  let path: string;
  let blobs: Blobs;
  const file = (name: string): string => join(path, name);

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'longshore-blobs-'));
    blobs = createFolderBlobs({ path, random });
  });

  afterEach(async () => {
    await blobs.close();
    rmSync(path, { recursive: true });
  });

  it('[BL14] keeps blobs and rising generations over a restart', async () => {
    const info = await blobs.put('a/b', Buffer.from('x'), PNG);
    await blobs.close();
    blobs = createFolderBlobs({ path, random });
    assert.deepEqual(await blobs.get('a/b'), { info, bytes: Buffer.from('x') });
    const next = await blobs.put('a/b', Buffer.from('y'), { ...PNG, ifGeneration: info.generation });
    assert.ok(BigInt(next.generation) > BigInt(info.generation));
  });

  it('[BL14] raises generations although the clock of the file system went back', async () => {
    const { generation } = await blobs.put('a', Buffer.from('x'), PNG);
    const future = BigInt(generation) + 3_600_000_000n;
    writeFileSync(file('a@'), replaceText(readFileSync(file('a@')), generation, future.toString()));
    const next = await blobs.put('a', Buffer.from('y'), PNG);
    assert.equal(next.generation, (future + 1n).toString());
  });

  it('[BL15] leaves nothing of a write that did not end, and removes it at a later start', async () => {
    await blobs.put('a', Buffer.from('whole'), PNG);
    writeFileSync(file('+incoming/left'), 'half a bl');
    utimesSync(file('+incoming/left'), 0, 0);
    writeFileSync(file('+incoming/under-way'), 'of another process');
    await blobs.close();
    blobs = createFolderBlobs({ path, random });
    assert.deepEqual(
      (await blobs.list('', '', 10)).map((info) => info.name),
      ['a'],
    );
    assert.deepEqual(readdirSync(file('+incoming')), ['under-way']);
  });

  it('[BL15] leaves no file behind when a write is refused or fails', async () => {
    await blobs.put('a', Buffer.from('x'), PNG);
    await assert.rejects(blobs.put('a', Buffer.from('y'), { ...PNG, ifGeneration: 'absent' }));
    writeFileSync(file('b'), 'a file where a folder has to be');
    await assert.rejects(blobs.put('b/c', Buffer.from('y'), PNG), unavailable);
    assert.deepEqual(readdirSync(file('+incoming')), []);
  });

  it('[BL15] creates a name once, also when another process does it at the same time', async () => {
    const other = createFolderBlobs({ path, random });
    const absent = { ...PNG, ifGeneration: 'absent' };
    const ended = await Promise.allSettled(
      [blobs, other, blobs, other].map((one) => one.put('a', Buffer.from('x'), absent)),
    );
    assert.equal(ended.filter((one) => one.status === 'fulfilled').length, 1);
    await other.close();
  });

  it('[BL16] fails on a damaged file instead of giving out its bytes', async () => {
    const damage: readonly ((whole: Buffer) => Buffer)[] = [
      (whole) => whole.subarray(0, whole.length - 1),
      (whole) => whole.subarray(0, 5),
      (whole) => Buffer.concat([whole, Buffer.from('!')]),
      (whole) => Buffer.concat([Buffer.from('XXXX'), whole.subarray(4)]),
      (whole) => replaceText(whole, 'the content', 'the c0ntent'),
      (whole) => replaceText(whole, 'contentType', 'contentTyqe'),
    ];
    for (const change of damage) {
      await blobs.put('a', Buffer.from('the content'), PNG);
      const changed = change(readFileSync(file('a@')));
      writeFileSync(file('a@'), changed);
      await assert.rejects(blobs.get('a'), unavailable);
      await blobs.put('b', Buffer.from('whole'), PNG);
      const names = (await blobs.list('', '', 10)).map(({ name }) => name);
      assert.deepEqual(names, ['a', 'b']);
      rmSync(file('a@'));
    }
  });

  it('[BL17] does not follow a link', async () => {
    await blobs.put('real', Buffer.from('x'), PNG);
    symlinkSync(file('real@'), file('a@'));
    await assert.rejects(blobs.get('a'), unavailable);
    await assert.rejects(blobs.info('a'), unavailable);
  });

  it('[BL17] makes files that only their owner reads', async () => {
    await blobs.put('a/b', Buffer.from('x'), PNG);
    const modes = ['a', 'a/b@'].map((name) => readMode(file(name)));
    assert.deepEqual(modes, ['700', '600']);
  });

  it('[BL12] fails a ping while the folder cannot be used, and answers again afterwards', async () => {
    rmSync(path, { recursive: true });
    writeFileSync(path, 'a file in its place');
    await assert.rejects(blobs.ping(), unavailable);
    rmSync(path);
    await blobs.ping();
  });
});

function replaceText(bytes: Buffer, from: string, to: string): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(from, to), 'latin1');
}

function readMode(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}
