import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Colour where the stream is a terminal and `NO_COLOR` does not forbid it. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream });
}
