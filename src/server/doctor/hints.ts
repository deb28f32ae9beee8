import { existsSync } from 'node:fs';
import type { Bus } from '../../ports/bus.ts';
import { openBlobs, openBus, openCache, type SystemParts } from '../backends.ts';
import type { Config } from '../config.ts';
import { type Finding, fail, messageOf, ok, warn } from './findings.ts';

/** A bus says nothing more of what was before when it has been quiet for so long. */
const QUIET_MS = 700;
const SETTLE_MS = 5_000;
const HINTS = 8;
const BETWEEN_HINTS_MS = 500;

export async function examineBlobs(config: Config, parts: SystemParts): Promise<Finding[]> {
  const { blobs: choice } = config;
  const name = choice.backend === 'gcs' ? `gs://${choice.bucket}` : choice.path;
  if (choice.backend === 'folder' && !existsSync(choice.path))
    return [ok('blobs', `${name} will be made by the first start`)];
  try {
    const blobs = await openBlobs(config, parts);
    try {
      await blobs.ping();
      return [ok('blobs', name)];
    } finally {
      await blobs.close();
    }
  } catch (error) {
    const fix =
      choice.backend === 'gcs'
        ? 'make the bucket, and give this account roles/storage.objectUser on it'
        : 'let this user write to the folder, or name another with LONGSHORE_BLOBS';
    return [fail('blobs', `${name}: ${messageOf(error)}`, fix)];
  }
}

/** Whether a hint of one instance comes to another. Only delays depend on it. */
export async function examineBus(config: Config, parts: SystemParts): Promise<Finding[]> {
  const { backend } = config.bus;
  if (backend === 'memory') return [ok('bus', 'one instance: none is needed')];
  const cache = openCache(config, parts);
  const opened: Bus[] = [];
  try {
    const [near, far] = [await openBus(config, cache, parts), await openBus(config, cache, parts)];
    opened.push(near, far);
    const tookMs = await timeHint(near, far, `doctor-${parts.random.id()}`, parts);
    if (tookMs !== undefined) return [ok('bus', `${backend}: a hint came after ${tookMs.toFixed(0)} ms`)];
    const fix =
      backend === 'pulse'
        ? 'the pulse goes through memcached: see the lines of the cache'
        : 'make the topic, and give this account roles/pubsub.editor; see the log of a server with LONGSHORE_LOG_LEVEL=info';
    return [warn('bus', `${backend}: no hint came; changes on other instances are seen up to 2 s late`, fix)];
  } finally {
    await Promise.all(opened.map((bus) => bus.close()));
    await cache.close();
  }
}

async function timeHint(near: Bus, far: Bus, space: string, { clock }: SystemParts): Promise<number | undefined> {
  let wokenAt: number | undefined;
  const stop = far.watch(space, () => {
    wokenAt = clock.monotonic();
  });
  try {
    // Watching begins with a wake of its own.
    const began = clock.monotonic();
    do {
      wokenAt = undefined;
      await clock.sleep(QUIET_MS);
    } while (wokenAt !== undefined && clock.monotonic() - began < SETTLE_MS);
    for (let i = 0; i < HINTS; i++) {
      const sentAt = clock.monotonic();
      near.publish(space);
      await clock.sleep(BETWEEN_HINTS_MS);
      if (wokenAt !== undefined) return wokenAt - sentAt;
    }
    return undefined;
  } finally {
    stop();
  }
}
