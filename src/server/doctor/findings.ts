export type Level = 'ok' | 'warn' | 'fail';

/** One line of the doctor. `fix`: what to do, wherever not all is well. */
export type Finding = {
  readonly check: string;
  readonly level: Level;
  readonly detail: string;
  readonly fix?: string;
};

/** A part of the examination. What it throws is a finding too. */
export type Check = { readonly name: string; readonly examine: () => Promise<readonly Finding[]> };

export function ok(check: string, detail: string): Finding {
  return { check, level: 'ok', detail };
}
export function warn(check: string, detail: string, fix: string): Finding {
  return { check, level: 'warn', detail, fix };
}
export function fail(check: string, detail: string, fix: string): Finding {
  return { check, level: 'fail', detail, fix };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What a check says that did not end in time, or failed where nobody expected it to. */
export async function within(ms: number, { name, examine }: Check): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    const finding = fail(
      name,
      `no answer within ${ms / 1_000} s`,
      'see whether it runs, and whether this machine may reach it',
    );
    timer = setTimeout(() => resolve([finding]), ms);
  });
  try {
    return await Promise.race([examine(), late]);
  } catch (error) {
    return [fail(name, messageOf(error), 'this was not expected: the message above says what there is to know')];
  } finally {
    clearTimeout(timer);
  }
}
