import { describeBlobs } from '../../contracts/blobs.ts';
import { MemoryBlobs } from '../../doubles/memory-blobs.ts';

describeBlobs('in memory, for tests', async () => {
  const blobs = new MemoryBlobs();
  return { blobs, teardown: () => blobs.close() };
});
