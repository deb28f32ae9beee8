import type { Figures } from './predict.ts';

export type Comparison = {
  readonly figure: keyof Figures;
  readonly model: number;
  readonly simulation: number;
  /** Largest difference that counts as agreement, as a share of what was simulated. */
  readonly tolerance: number;
  readonly agrees: boolean;
};

const TOLERANCES: { readonly [figure in keyof Figures]: number } = {
  instanceBusy: 0.1,
  nodeBusy: 0.1,
  answersPerClient: 0.1,
  pairsPerInstance: 0.03,
  connectionsPerNode: 0,
  conflicts: 0.25,
  writesPerUpdate: 0.03,
  delayMean: 0.15,
  delayP50: 0.15,
  delayP99: 0.25,
};
/** Shares as small as this are the same to whoever plans. */
const NEGLIGIBLE: { readonly [figure in keyof Figures]?: number } = { nodeBusy: 0.005, conflicts: 0.005 };

/** Every figure on its own: one that is wrong is not outvoted by the others. */
export function compare(model: Figures, simulation: Figures): Comparison[] {
  return (Object.keys(TOLERANCES) as (keyof Figures)[]).map((figure) => {
    const tolerance = TOLERANCES[figure];
    const difference = Math.abs(model[figure] - simulation[figure]);
    const agrees = difference <= Math.max(tolerance * simulation[figure], NEGLIGIBLE[figure] ?? 0);
    return { figure, model: model[figure], simulation: simulation[figure], tolerance, agrees };
  });
}
