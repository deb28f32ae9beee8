/** Indexes that can be queried, each over one ASCII string per record; a record without the string is not in the index. */
export type StoreIndex = 'open' | 'due' | 'cover' | 'tomb';

/** `data`: text of at most `MAX_ROW_BYTES` in UTF-8; the store does not look inside. */
export type StoreRecord = {
  readonly data: string;
  readonly indexes: { readonly [name in StoreIndex]?: string };
};
