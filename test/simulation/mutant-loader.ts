import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CreateEngine } from './fleet.ts';
import type { Mutant } from './mutant.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Modules below these folders are loaded once more for each mutant; all others are shared. */
const MUTATED = ['/src/core/', '/src/model/'];

const loaded = new Map<string, Mutant>();
let hooked = false;

/** The engine as it is. */
export async function loadEngine(): Promise<CreateEngine> {
  return takeFactory(await import(pathToFileURL(join(ROOT, 'src/core/engine.ts')).href));
}

/** The engine with one rule broken in its source, which stays as it is on disk. */
export async function loadMutant(mutant: Mutant): Promise<CreateEngine> {
  return takeFactory(await importMutated(mutant, 'src/core/engine.ts'));
}

/** A module, and all of the core and the model below it, as they are with the change. */
export function importMutated(mutant: Mutant, path: string): Promise<unknown> {
  for (const { file } of mutant.changes) mutate(mutant, file, readFileSync(join(ROOT, file), 'utf8'));
  loaded.set(mutant.name, mutant);
  hook();
  return import(`${pathToFileURL(join(ROOT, path)).href}?mutant=${mutant.name}`);
}

/** Pure: the source of a file with the rule broken. Throws unless every text that is to be found in it is there exactly once. */
export function mutate(mutant: Mutant, file: string, source: string): string {
  let text = source;
  for (const change of mutant.changes) {
    if (change.file !== file) continue;
    const parts = text.split(change.find);
    if (parts.length !== 2) {
      throw new Error(`mutant ${mutant.name}: ${JSON.stringify(change.find)} is ${parts.length - 1} times in ${file}`);
    }
    text = parts.join(change.replace);
  }
  return text;
}

function takeFactory(module: unknown): CreateEngine {
  return (module as { createEngine: CreateEngine }).createEngine;
}

function hook(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const name = mutantOf(context.parentURL ?? '');
      const inside = MUTATED.some((folder) => resolved.url.includes(folder)) && !resolved.url.includes('?');
      return name && inside ? { ...resolved, url: `${resolved.url}?mutant=${name}` } : resolved;
    },
    load(url, context, next) {
      const mutant = loaded.get(mutantOf(url) ?? '');
      if (!mutant) return next(url, context);
      const path = fileURLToPath(url.split('?')[0] ?? url);
      const source = mutate(mutant, path.slice(ROOT.length), readFileSync(path, 'utf8'));
      return { format: 'module-typescript', source, shortCircuit: true };
    },
  });
}

function mutantOf(url: string): string | undefined {
  return url.split('?mutant=')[1];
}
