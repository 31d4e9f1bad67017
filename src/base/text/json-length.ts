/** How long a value's JSON text is, without making it. */

/** What JSON escapes: quotes, backslashes, control characters, lone halves of surrogate pairs. */
const mayBeEscaped = /["\\\u0000-\u001f\ud800-\udfff]/;

/** From this length on a text is looked through as fast as memory is, and only for what text files hold. */
const longLength = 4096;
const usualEscapes = ['"', '\\', '\n', '\r', '\t'];

/** `JSON.stringify(value).length` of a plain JSON value; long texts with control characters that no text file holds count for less. */
export function jsonLength(value: unknown): number {
  if (typeof value === 'string') return isEscaped(value) ? JSON.stringify(value).length : value.length + 2;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value).length;
  let length = 2;
  let parts = 0;
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) length += jsonLength(item ?? null);
    parts = value.length;
  } else {
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      length += jsonLength(key) + 1 + jsonLength(item);
      parts++;
    }
  }
  return length + Math.max(0, parts - 1);
}

function isEscaped(text: string): boolean {
  return text.length < longLength ? mayBeEscaped.test(text) : usualEscapes.some((each) => text.includes(each));
}
