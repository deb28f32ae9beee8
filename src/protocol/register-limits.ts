/** Apart from the other bounds: the client library loads this one alone. Bytes of a value as JSON. */
export const MAX_REGISTER_BYTES = 256 * 1024;
