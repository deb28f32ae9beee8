import type { Mutant } from './mutant.ts';
import { HISTORY_MUTANTS } from './mutants-history.ts';
import { LOCK_MUTANTS } from './mutants-locks.ts';
import { PICTURE_MUTANTS } from './mutants-pictures.ts';
import { READER_MUTANTS } from './mutants-reader.ts';
import { RESERVATION_MUTANTS } from './mutants-reservations.ts';
import { RESTORE_MUTANTS } from './mutants-restore.ts';
import { STORE_MUTANTS } from './mutants-store.ts';
import { WRITER_MUTANTS } from './mutants-writer.ts';

export const MUTANTS: readonly Mutant[] = [
  ...WRITER_MUTANTS,
  ...STORE_MUTANTS,
  ...READER_MUTANTS,
  ...RESTORE_MUTANTS,
  ...LOCK_MUTANTS,
  ...HISTORY_MUTANTS,
  ...RESERVATION_MUTANTS,
  ...PICTURE_MUTANTS,
];

export function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no mutant ${name}; there are ${MUTANTS.map((candidate) => candidate.name).join(', ')}`);
  return found;
}
