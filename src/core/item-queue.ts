import { ItemMap } from './item-map.ts';

/** Runs the tasks of one item one after the other, in the order they came; tasks of different items do not wait for each other. */
export class ItemQueue {
  readonly #tails = new ItemMap<Promise<void>>();

  run<T>(space: string, item: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(space, item);
    const result = before === undefined ? task() : before.then(task);
    const end = (): void => {
      if (this.#tails.get(space, item) === settled) this.#tails.delete(space, item);
    };
    const settled = result.then(end, end);
    this.#tails.set(space, item, settled);
    return result;
  }
}
