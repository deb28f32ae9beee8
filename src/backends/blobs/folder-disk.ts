import { link, lstat, mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../ports/failure.ts';
import type { Random } from '../../ports/random.ts';
import { hasCode } from './folder-file.ts';

/** No write takes that long. */
const LEFT_BEHIND_MS = 3_600_000;

/** Gives a written file its name, unless that exists: also against other processes. */
export async function linkNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw new Failure('preconditionFailed', `${to} exists`, { cause: error });
    throw error;
  }
}

/** Makes the folder for unfinished writes, and removes what a crash left there; not what another process may be writing now. */
export async function prepareFolder(incoming: string, random: Random): Promise<void> {
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const probe = join(incoming, random.id());
  await (await open(probe, 'wx', 0o600)).close();
  const { mtimeMs: now } = await lstat(probe);
  await rm(probe);
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const { mtimeMs } = await lstat(path).catch(() => ({ mtimeMs: now }));
    if (now - mtimeMs > LEFT_BEHIND_MS) await rm(path, { force: true });
  }
}

/** Makes what was done to `path` last; until then it is done, but a power cut may take it back. */
export async function settleFolder(path: string): Promise<void> {
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    throw new Failure('blobsUnavailable', `cannot sync the folder of ${path}`, { unclear: true, cause: error });
  }
}

/** Makes the folders from `root` down to `folder` and syncs each one's parent, so that they survive a power cut. */
export async function makeFolders(root: string, folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  for (let at = folder; at !== root; at = dirname(at)) await syncFolder(dirname(at));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
