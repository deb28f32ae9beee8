export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** An id of 96 random bits in base64url: 16 characters. */
  id(): string;
}
