/** The HTTP protocol. One line per version that was ever released. */
export const PROTOCOL_VERSION = 1; // 1: first

/** Records in cache and store begin with it; version N reads N - 1. */
export const FORMAT_VERSION = 1; // 1: first
