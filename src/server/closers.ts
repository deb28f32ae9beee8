type Closer = { readonly name: string; readonly close: () => Promise<void> };

/**
 * What has been opened, to be closed in reverse order. Everything is closed, whatever fails on the way; the failures
 * are thrown together at the end.
 */
export class Closers {
  readonly #opened: Closer[] = [];
  #closing: Promise<void> | undefined;

  add(name: string, close: () => Promise<void>): void {
    this.#opened.push({ name, close });
  }

  /** A second call waits for the first. */
  closeAll(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: Error[] = [];
    for (const { name, close } of this.#opened.splice(0).reverse()) {
      try {
        await close();
      } catch (cause) {
        failures.push(new Error(`${name} could not be closed`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join('; '));
  }
}
