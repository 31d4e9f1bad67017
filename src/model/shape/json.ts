/** JSON as Go reads it: numbers that JavaScript would round, or whose spelling Go refuses for whole numbers, keep their spelling. */

/** Such a number. Fields of whole numbers refuse it unless it is one that is only large; others take its value. */
export class SpelledNumber {
  constructor(readonly spelling: string) {}

  get value(): number {
    return Number(this.spelling);
  }
}

/** No key that anybody sends by mistake. */
const mark = '\0number';
/** Beyond as many digits a number may not be what it says. */
const exactDigits = 15;

/** Throws SyntaxError as JSON.parse does. */
export function parseJson(text: string): unknown {
  const marked = markNumbers(text);
  if (marked === text) return JSON.parse(text) as unknown;
  // What is no JSON is refused with the places of the text as it came.
  JSON.parse(text);
  return JSON.parse(marked, (_key, value: unknown) => (isMarked(value) ? new SpelledNumber(value[mark]) : value));
}

function isMarked(value: unknown): value is { [mark]: string } {
  return typeof value === 'object' && value !== null && typeof (value as { [mark]?: unknown })[mark] === 'string';
}

function markNumbers(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x2d || isDigit(code)) {
      const end = endOfNumber(text, at);
      const spelling = text.slice(at, end);
      if (isOdd(spelling)) {
        parts.push(text.slice(copied, at), JSON.stringify({ [mark]: spelling }));
        copied = end;
      }
      at = end;
    } else at++;
  }
  return copied === 0 ? text : `${parts.join('')}${text.slice(copied)}`;
}

function isOdd(spelling: string): boolean {
  return spelling.length > exactDigits || spelling === '-0' || /[.eE]/.test(spelling);
}

/** Behind the closing quote; the end of the text when there is none. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && (isDigit(text.charCodeAt(end)) || '.eE+-'.includes(text.charAt(end)))) end++;
  return end;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
