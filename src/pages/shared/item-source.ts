import { refusalOf } from '../../client/errors.ts';
import type { OpsResponse } from '../../protocol/ops.ts';

/** Where an item is read that the client library does not follow as it is needed. */
export type ItemSource = {
  /** Of the item, as in the API. */
  readonly url: string;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

export type StreamedOp = OpsResponse['ops'][number];

const WAIT_SECONDS = 25;

export function itemUrl(space: string, item: string): string {
  return `/v1/spaces/${encodeURIComponent(space)}/items/${encodeURIComponent(item)}`;
}

/** Throws `RefusedError` where the answer is none. */
export async function ask({ url, headers, signal }: ItemSource, path: string): Promise<Response> {
  const answer = await fetch(url + path, { headers: headers(), signal });
  if (answer.ok) return answer;
  throw await refusalOf(answer);
}

/** The operations after that index, page by page, for ever; the pages after the last operation are waited for. `lineage`: of the operations up to that index. */
export async function* opPages(
  source: ItemSource,
  after: number,
  lineage?: string,
): AsyncGenerator<OpsResponse, never, void> {
  for (let [index, come] = [after + 1, lineage]; ; ) {
    const query = new URLSearchParams({ index: String(index), wait: String(WAIT_SECONDS) });
    if (come !== undefined) query.set('lineage', come);
    const page = (await (await ask(source, `/ops?${query}`)).json()) as OpsResponse;
    [index, come] = [page.nextIndex, page.lineage];
    yield page;
  }
}
