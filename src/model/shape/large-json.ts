/** JSON of many megabytes in steps: its long texts, which are nearly all of it, are taken out first and put back behind the parser. */
import type { Steps } from '#base/pace/steps';
import { deepestJson, isDeeper } from '#base/text/json-depth';
import { parseJson } from './json.ts';

/** Bytes of a text that is worth taking out. */
const longBytes = 16 * 1024;
/** Bytes, or texts, that are looked at in one step. */
const stepBytes = 1024 * 1024;
const stepTexts = 2000;
/** What is left without the long texts is parsed in one go. */
const frameLimitBytes = 8 * 1024 * 1024;

const quote = 0x22;
const backslash = 0x5c;
/** No text that anybody sends by mistake. */
const mark = '\0text ';

export class FrameTooLarge extends Error {
  constructor() {
    super(`the request holds more than ${frameLimitBytes} bytes beside its long texts`);
  }
}

/** The value of `bytes`. Throws SyntaxError as JSON.parse does and where it is nested deeper than anything of ours, and FrameTooLarge. */
export function* parseLargeJson(bytes: Buffer): Steps<unknown> {
  const texts: string[] = [];
  const frame: Buffer[] = [];
  let copied = 0;
  let [lookedAt, looks] = [0, 0];
  for (let start = bytes.indexOf(quote); start >= 0; start = bytes.indexOf(quote, start)) {
    const end = endOfText(bytes, start);
    if (end < bytes.length && end - start > longBytes && isPlain(bytes.subarray(start + 1, end))) {
      frame.push(bytes.subarray(copied, start), Buffer.from(JSON.stringify(`${mark}${texts.length}`)));
      texts.push(bytes.toString('utf8', start + 1, end));
      copied = end + 1;
    }
    if (end - lookedAt > stepBytes || ++looks % stepTexts === 0) {
      lookedAt = end;
      yield;
    }
    start = end + 1;
  }
  frame.push(bytes.subarray(copied));
  if (frame.reduce((sum, { length }) => sum + length, 0) > frameLimitBytes) throw new FrameTooLarge();
  const rest = Buffer.concat(frame);
  if (isDeeper(rest, deepestJson)) throw new SyntaxError(`nested more than ${deepestJson} deep`);
  yield;
  const value = parseJson(rest.toString('utf8'));
  yield;
  return texts.length === 0 ? value : withTexts(value, texts);
}

/** The closing quote; the end of the bytes when there is none. */
function endOfText(bytes: Buffer, start: number): number {
  for (let end = bytes.indexOf(quote, start + 1); end >= 0; end = bytes.indexOf(quote, end + 1)) {
    let slashes = 0;
    while (bytes[end - 1 - slashes] === backslash) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return bytes.length;
}

/** Whether the text stands for itself. What is no JSON in it is left for the parser to refuse. */
function isPlain(text: Buffer): boolean {
  if (text.includes(backslash)) return false;
  for (let at = 0; at < text.length; at++) if ((text[at] as number) < 0x20) return false;
  return true;
}

/** Puts the texts back, in keys as well. */
function withTexts(value: unknown, texts: readonly string[]): unknown {
  const text = (one: string): string => (one.startsWith(mark) ? (texts[Number(one.slice(mark.length))] ?? one) : one);
  const root = { value };
  const open: Record<string, unknown>[] = [root];
  for (let holder = open.pop(); holder; holder = open.pop()) {
    for (const key of Object.keys(holder)) {
      const held = holder[key];
      if (typeof held === 'string') holder[key] = text(held);
      else if (typeof held === 'object' && held !== null) open.push(held as Record<string, unknown>);
      if (!key.startsWith(mark)) continue;
      Object.defineProperty(holder, text(key), { value: holder[key], writable: true, enumerable: true, configurable: true });
      delete holder[key];
    }
  }
  return root.value;
}
