/** Fields are plain data. Never a marker, token, secret, value of an item or query string. */
export type LogFields = { readonly [name: string]: unknown };

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}
