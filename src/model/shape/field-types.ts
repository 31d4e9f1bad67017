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

/** Index of the first character that standard base64 does not take there; undefined when all is well. Line ends are skipped, as Go does. */
export function base64Fault(text: string): number | undefined {
  const sound = soundLength(text);
  const plain = text.slice(sound).replaceAll(/[\r\n]/g, '');
  const good = /^[A-Za-z0-9+/]*/.exec(plain)?.[0].length ?? 0;
  const padding = plain.slice(good);
  const wanted = ['', undefined, '==', '='][good % 4];
  return padding === wanted ? undefined : sound + good;
}

/** Length of a beginning of which a decoder took every character; a multiple of four. Megabytes a millisecond, where a look at each character takes ten. */
function soundLength(text: string): number {
  // The decoder takes the other alphabet of base64 too.
  if (text.includes('-') || text.includes('_')) return 0;
  let sound = 0;
  // The end, which may be padded, is looked at closely.
  while (sound + pieceLength < text.length && scratch.write(text.slice(sound, sound + pieceLength), 'base64') === scratch.length) sound += pieceLength;
  return sound;
}
