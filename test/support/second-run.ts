import type { RunSummary } from './mocha-child.ts';

/** Nothing but their arguments decides what these do: they fail again when they are run again. */
const DETERMINED = /^test\/(auth|core|kinds|model|protocol|raster|simulation)\//;
/** More files than this are not a machine's bad moment. */
const MOST = 2;

/** The files to run once more: those that failed, where each of them hangs on processes, browsers or clocks, and they are few. */
export function chooseAgain(files: RunSummary['files']): string[] {
  const failed = Object.entries(files).flatMap(([file, one]) => (one.failed.length > 0 ? [file] : []));
  const all = failed.every((file) => file !== '' && !DETERMINED.test(file));
  return all && failed.length <= MOST ? failed : [];
}
