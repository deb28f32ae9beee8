/** An item of a kind that this server does not know (a newer build made it). */
export class FailedKind extends Error {
  readonly kind: string;

  constructor(kind: string) {
    super(`the kind ${JSON.stringify(kind)} is not known to this server`);
    this.name = 'FailedKind';
    this.kind = kind;
  }
}
