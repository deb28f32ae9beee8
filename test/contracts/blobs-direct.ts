import assert from 'node:assert/strict';
import type { BlobInfo, Blobs } from '../../src/ports/blobs.ts';
import { isFailure } from '../../src/ports/failure.ts';

const TEXT = { contentType: 'text/plain; charset=utf-8' };
const HOUR_MS = 3_600_000;

/** The laws of `DirectBlobs`. */
export function describeDirect(blobs: () => Blobs): void {
  const ways = () => {
    const { direct } = blobs();
    assert.ok(direct);
    return direct;
  };
  const until = () => Date.now() + HOUR_MS;
  const send = ({ url, headers }: { url: string; headers: Readonly<Record<string, string>> }, bytes: string) =>
    fetch(url, { method: 'PUT', headers, body: bytes });

  describe('direct transfers', () => {
    it('[BL26] a signed URL writes a blob once, of no more bytes than it was signed for', async () => {
      const signed = await ways().uploadUrl('a/b', { maxBytes: 5, until: until() });
      assert.equal((await send(signed, 'too long')).ok, false);
      assert.equal((await send(signed, '')).ok, false);
      assert.equal(await blobs().info('a/b'), undefined);
      assert.equal((await send(signed, 'bytes')).ok, true);
      assert.equal((await send(signed, 'other')).ok, false, 'there is one already');
      assert.equal((await blobs().get('a/b'))?.bytes.toString(), 'bytes');
    });

    it('[BL26] what was signed cannot be changed or left out', async () => {
      const signed = await ways().uploadUrl('a', { maxBytes: 5, until: until() });
      const wider = { ...signed.headers, 'x-goog-content-length-range': '1,500' };
      assert.equal((await send({ ...signed, headers: wider }, 'bytes')).ok, false);
      assert.equal((await send({ ...signed, headers: {} }, 'bytes')).ok, false);
      assert.equal((await send({ ...signed, url: signed.url.replace('/a?', '/b?') }, 'bytes')).ok, false);
      assert.equal((await fetch(signed.url)).ok, false);
      assert.deepEqual(await blobs().list('', '', 10), []);
    });

    it('[BL27] a signed URL reads a blob, with the type and disposition that it was signed with', async () => {
      await blobs().put('a/b', Buffer.from('bytes'), TEXT);
      const disposition = 'attachment; filename="x.bin"';
      const url = await ways().downloadUrl('a/b', { until: until(), contentType: 'image/png', disposition });
      const answer = await fetch(url);
      assert.equal(await answer.text(), 'bytes');
      assert.equal(answer.headers.get('content-type'), 'image/png');
      assert.equal(answer.headers.get('content-disposition'), disposition);
      assert.equal((await fetch(url.replace('image%2Fpng', 'text%2Fhtml'))).ok, false);
      assert.equal((await fetch(url, { method: 'DELETE' })).ok, false);
    });

    it('[BL28] copies one generation under another name and type', async () => {
      const first = await put(blobs(), 'a', 'first');
      const copied = await ways().copy('a', first.generation, 'b', 'image/png');
      assert.deepEqual({ ...copied, generation: '' }, { name: 'b', size: 5, contentType: 'image/png', generation: '' });
      assert.deepEqual(await blobs().get('b'), { info: copied, bytes: Buffer.from('first') });
      await put(blobs(), 'a', 'second');
      await assert.rejects(ways().copy('a', first.generation, 'b', 'image/png'), refused);
      await assert.rejects(ways().copy('never', first.generation, 'b', 'image/png'), refused);
      assert.equal((await blobs().get('b'))?.bytes.toString(), 'first');
      const again = await ways().copy('b', copied.generation, 'b', 'image/gif');
      assert.ok(BigInt(again.generation) > BigInt(copied.generation));
    });
  });
}

function refused(error: unknown): boolean {
  return isFailure(error, 'preconditionFailed') && !error.unclear;
}

function put(blobs: Blobs, name: string, content: string): Promise<BlobInfo> {
  return blobs.put(name, Buffer.from(content), TEXT);
}
