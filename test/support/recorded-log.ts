import { EventEmitter, once } from 'node:events';
import type { Log, LogFields } from '../../src/ports/log.ts';

export type LogLine = { readonly level: string; readonly fields: LogFields; readonly message: string };

/** Keeps what was logged, and lets a test await a line. */
export class RecordedLog implements Log {
  readonly lines: LogLine[] = [];
  readonly #events = new EventEmitter();

  debug = (fields: LogFields, message: string) => this.#keep('debug', fields, message);
  info = (fields: LogFields, message: string) => this.#keep('info', fields, message);
  warn = (fields: LogFields, message: string) => this.#keep('warn', fields, message);
  error = (fields: LogFields, message: string) => this.#keep('error', fields, message);

  /** Settles with the next line of this message. */
  async next(message: string): Promise<LogLine> {
    const [line] = await once(this.#events, message);
    return line;
  }

  count(message: string): number {
    return this.lines.filter((line) => line.message === message).length;
  }

  #keep(level: string, fields: LogFields, message: string): void {
    const line = { level, fields, message };
    this.lines.push(line);
    if (message !== 'error') this.#events.emit(message, line);
  }
}
