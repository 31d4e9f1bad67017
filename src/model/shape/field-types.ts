/** The one table of what a field may hold: Go's types, as every client of the Engine API reads them back. */

export interface NumberType {
  /** The smallest and largest value that Go takes, as JSON gives them to us: its very largest come rounded up by one. */
  least: number;
  most: number;
  whole: boolean;
  /** What stands for the largest value: the next one below it that Go reads back. */
  kept?: number;
}

export const numberTypes = {
  int64: { least: -(2 ** 63), most: 2 ** 63, whole: true, kept: 2 ** 63 - 1024 },
  uint64: { least: 0, most: 2 ** 64, whole: true, kept: 2 ** 64 - 2048 },
  uint32: { least: 0, most: 2 ** 32 - 1, whole: true },
  uint16: { least: 0, most: 2 ** 16 - 1, whole: true },
  float32: { least: -3.4028234663852886e38, most: 3.4028234663852886e38, whole: false },
} as const satisfies Record<string, NumberType>;

export type NumberName = keyof typeof numberTypes;

/** Half a character: JSON can spell it, UTF-8 cannot. */
const loneSurrogate = /\p{Surrogate}/u;

export function isText(value: string): boolean {
  return !loneSurrogate.test(value);
}

/** Of what is decoded here nothing is kept. */
const scratch = Buffer.alloc(48 * 1024);
const pieceLength = (scratch.length / 3) * 4;

/** Where Go's decoder gives up on what is no standard base64; undefined when all is well. Line ends are skipped, as Go does. */
export function base64Fault(text: string): number | undefined {
  let count = 0;
  for (let start = 0; start < text.length; start += pieceLength) {
    const piece = text.slice(start, start + pieceLength);
    const plain = withoutLineEnds(piece);
    if (isSound(plain)) {
      count += plain.length;
      continue;
    }
    const odd = start + (/[^A-Za-z0-9+/\r\n]/.exec(piece)?.index ?? 0);
    const filled = (count + withoutLineEnds(text.slice(start, odd)).length) % 4;
    return text.charAt(odd) === '=' && filled >= 2 ? paddingFault(text, odd, filled) : odd;
  }
  // A text that is cut off is at fault where its last four begin.
  return count % 4 === 0 ? undefined : text.length - (count % 4);
}

export function withoutLineEnds(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\r\n]+/g, '') : text;
}

/** Whether a decoder takes every character: megabytes a millisecond, where a look at each takes ten. It takes the other alphabet of base64 too, and of what is beyond ASCII the low byte. */
function isSound(plain: string): boolean {
  if (plain.includes('-') || plain.includes('_') || /[\u0080-\uffff]/.test(plain)) return false;
  const whole = plain.padEnd(Math.ceil(plain.length / 4) * 4, 'A');
  return scratch.write(whole, 'base64') === (whole.length / 4) * 3;
}

/** @param filled characters of the last four before the padding that begins at `first` */
function paddingFault(text: string, first: number, filled: number): number | undefined {
  let last = first;
  if (filled === 2) {
    last = behindLineEnds(text, first + 1);
    if (last === text.length) return last;
    if (text.charAt(last) !== '=') return last - 1;
  }
  const end = behindLineEnds(text, last + 1);
  return end < text.length ? end : undefined;
}

function behindLineEnds(text: string, start: number): number {
  const ends = /[\r\n]*/y;
  ends.lastIndex = start;
  return start + (ends.exec(text)?.[0].length ?? 0);
}
