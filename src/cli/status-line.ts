const LINE_MS = 1_000;
const TERMINAL_MS = 100;

/** What goes on, on stderr: on a terminal one line that is written over, elsewhere a line a second; the first at once. */
export class StatusLine {
  readonly onTerminal = process.stderr.isTTY === true;
  #shownAt = Number.NEGATIVE_INFINITY;
  #isShown = false;

  /** `text` is asked for only where it is time for it. */
  show(text: () => string): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.onTerminal ? TERMINAL_MS : LINE_MS)) return;
    this.#shownAt = now;
    this.#isShown = true;
    process.stderr.write(this.onTerminal ? `\r${text()}\u001b[K` : `${text()}\n`);
  }

  end(): void {
    if (this.onTerminal && this.#isShown) process.stderr.write('\r\u001b[K');
  }
}
