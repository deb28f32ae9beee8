import type { CreateEngine } from './fleet.ts';
import { loadEngine, loadMutant } from './mutant-loader.ts';
import { mutantNamed } from './mutants.ts';
import { createNaiveEngine } from './naive-engine.ts';

/** The engine; with a name, the engine that breaks this rule; `naive`: the one that keeps none. */
export async function chooseEngine(mutant: string | undefined): Promise<CreateEngine> {
  if (mutant === 'naive') return createNaiveEngine;
  return mutant === undefined ? loadEngine() : loadMutant(mutantNamed(mutant));
}
