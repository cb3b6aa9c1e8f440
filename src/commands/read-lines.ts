/** One line of a text; numbers start at 1. */
export interface TextLine {
  readonly line: number;
  /** Without the line break; `null` if it is longer than the limit. */
  readonly text: string | null;
}

/**
 * Reads the lines of a UTF-8 stream, ended by `\n` or `\r\n`, each of at most `maxLength` characters.
 *
 * Not `readline`, which also splits at U+2028, a valid character in JSON, and buffers lines of any length.
 */
export async function* readLines(
  stream: AsyncIterable<string | Uint8Array>,
  maxLength: number,
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder();
  let line = 1;
  let kept = '';
  let isTooLong = false;

  function take(part: string): void {
    isTooLong ||= kept.length + part.length > maxLength;
    kept = isTooLong ? '' : kept + part;
  }
  function end(): TextLine {
    const ended = { line, text: isTooLong ? null : kept.replace(/\r$/, '') };
    line += 1;
    kept = '';
    isTooLong = false;
    return ended;
  }

  for await (const chunk of stream) {
    const parts = (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })).split('\n');
    for (const part of parts.slice(0, -1)) {
      take(part);
      yield end();
    }
    take(parts.at(-1) ?? '');
  }
  take(decoder.decode());
  if (kept !== '' || isTooLong) yield end();
}
