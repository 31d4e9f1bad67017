/** What is wrong with a JSON text in the words of Go's decoder, told from the words of this engine's. */

/** What stands in V8's message → what Go expects at that character. */
const places: readonly (readonly [RegExp, string])[] = [
  [/^Expected (?:property name|double-quoted)/, 'looking for beginning of object key string'],
  [/^Expected ':'/, 'after object key'],
  [/^Expected ',' or '}'/, 'after object key:value pair'],
  [/^Expected ',' or ']'/, 'after array element'],
  [/^Unexpected non-whitespace character after JSON/, 'after top-level value'],
];

/** @param message of the SyntaxError that JSON.parse threw */
export function goFault(text: string, message: string): string {
  const position = Number(/ at position (\d+)/.exec(message)?.[1] ?? text.length);
  const place = places.find(([beginning]) => beginning.test(message))?.[1];
  const character = place === undefined ? /^Unexpected token '(.)'/su.exec(message)?.[1] : /^./su.exec(text.slice(position, position + 2))?.[0];
  // A text that ends too early is at fault behind its end, or in what it left open.
  if (character === undefined) return 'unexpected end of JSON input';
  return `invalid character ${character === "'" ? String.raw`'\''` : `'${character}'`} ${place ?? 'looking for beginning of value'}`;
}
