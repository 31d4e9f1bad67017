/** How deep a JSON text nests objects and lists, without reading it: what is deeper than anything of ours would end whoever walks over it. */

/** Of what comes from others. */
export const deepestJson = 100;

const quote = 0x22;
const backslash = 0x5c;
const opening: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const closing: ReadonlySet<number> = new Set([0x7d, 0x5d]);

/** @param bytes UTF-8: no byte of a longer character is one of the text's signs */
export function isDeeper(bytes: Uint8Array, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (quoted) {
      if (byte === backslash) at++;
      else if (byte === quote) quoted = false;
    } else if (byte === quote) quoted = true;
    else if (opening.has(byte) && ++depth > limit) return true;
    else if (closing.has(byte)) depth--;
  }
  return false;
}
