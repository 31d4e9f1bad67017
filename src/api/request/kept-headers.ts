/** Headers that are handed on: what is about the connection stays with it. */

export const connectionHeaders: readonly string[] = ['connection', 'keep-alive', 'proxy-connection', 'expect', 'upgrade'];

/** Raw headers as pairs, in their order and spelling, without those named in `left` (lower case). */
export function keptHeaders(raw: readonly string[], left: ReadonlySet<string>): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    if (!left.has(name.toLowerCase())) pairs.push([name, value]);
  }
  return pairs;
}
