/** One rule of the engine broken by a change of its source: shows that the simulator would notice. */
export type Mutant = {
  readonly name: string;
  /** The rule that it breaks. */
  readonly rule: string;
  /** Files are told from the root of the project. */
  readonly changes: readonly Change[];
  /** Configuration, and the seed from which on a few runs notice. `undefined`: none is known; `npm run simulate -- --mutant NAME` seeks one. */
  readonly found: { readonly config: string; readonly seed: number } | undefined;
};

/** `find` occurs exactly once in the file. */
export type Change = { readonly file: string; readonly find: string; readonly replace: string };

export function mutant(name: string, rule: string, found: Mutant['found'], ...changes: Change[]): Mutant {
  return { name, rule, changes, found };
}

export function at(config: string, seed: number): Mutant['found'] {
  return { config, seed };
}

export function change(file: string, find: string, replace: string): Change {
  return { file: `src/core/${file}.ts`, find, replace };
}
