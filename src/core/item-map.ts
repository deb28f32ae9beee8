/** A map by space and item. Nested, not by a joined key: joining and hashing a text for each look costs more than the look. */
export class ItemMap<Value> {
  readonly #spaces = new Map<string, Map<string, Value>>();

  get(space: string, item: string): Value | undefined {
    return this.#spaces.get(space)?.get(item);
  }

  set(space: string, item: string, value: Value): void {
    const items = this.#spaces.get(space);
    if (items) items.set(item, value);
    else this.#spaces.set(space, new Map([[item, value]]));
  }

  delete(space: string, item: string): void {
    const items = this.#spaces.get(space);
    if (items?.delete(item) && items.size === 0) this.#spaces.delete(space);
  }

  *values(): IterableIterator<Value> {
    for (const items of this.#spaces.values()) yield* items.values();
  }
}
