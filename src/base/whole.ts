/** Reading a stream of bytes to its end, where that comes soon enough. */

/** All that comes; undefined when it is more than `limitBytes`: the stream is left then, and the rest not read. Throws what the stream does. */
export async function wholeOf(stream: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > limitBytes) return undefined;
    parts.push(part);
  }
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The same as text. */
export async function wholeText(stream: AsyncIterable<Uint8Array>, limitBytes: number): Promise<string | undefined> {
  const whole = await wholeOf(stream, limitBytes);
  return whole && new TextDecoder('utf-8', { ignoreBOM: true }).decode(whole);
}
