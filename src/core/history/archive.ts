import type { SpaceDeps } from '../spaces/settings.ts';
import { ArchiveFiles } from './archive-files.ts';
import { moveSegments } from './move-segments.ts';

/** What reads the oldest archived operations, and what moves them there, where that is wanted. */
export function openArchive(deps: SpaceDeps) {
  if (!deps.archive) return undefined;
  const { blobs, afterMs } = deps.archive;
  const files = new ArchiveFiles(blobs);
  const failed = 'archived operations could not be moved to the blobs';
  const sweeps = afterMs === undefined ? [] : [{ run: () => moveSegments(deps, files, afterMs), failed }];
  return { files, sweeps };
}
