/** DER, as certificates are written in it: elements made, and read strictly. */

/** The kinds of elements that requests and certificates have. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  name: 0x06,
  text: 0x0c,
  printable: 0x13,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One that means what its place says; `constructed`: it holds others. */
export const contextTag = (number: number, constructed: boolean): number => (constructed ? 0xa0 : 0x80) | number;

export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, { length: each }) => sum + each, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthOf(length)]), ...content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

/** `dotted`: as in `1.2.840.10045.2.1`. */
export function objectName(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [40 * first + second, ...rest].flatMap((part) => {
    const digits = [part & 0x7f];
    for (let left = Math.floor(part / 0x80); left > 0; left = Math.floor(left / 0x80)) digits.unshift(0x80 | (left & 0x7f));
    return digits;
  });
  return element(tags.name, Buffer.from(bytes));
}

/** Of whole bytes. */
export function bits(content: Uint8Array): Buffer {
  return element(tags.bits, Buffer.of(0), content);
}

/** To the second; from 2050 on years have four digits. @param ms since 1970 */
export function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
  const isShort = digits >= '1950' && digits < '2050';
  return element(isShort ? tags.utcTime : tags.time, Buffer.from(isShort ? digits.slice(2) : digits, 'latin1'));
}

export interface Element {
  tag: number;
  content: Buffer;
  /** With tag and length. */
  whole: Buffer;
}

/** The elements that `bytes` hold, one after the other; undefined of what is not that, to the last byte. */
export function elementsIn(bytes: Buffer): Element[] | undefined {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = elementAt(bytes, at);
    if (!next) return undefined;
    found.push(next);
    at += next.whole.length;
  }
  return found;
}

function elementAt(bytes: Buffer, at: number): Element | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  // Of what is read here nothing is as long as four bytes can say.
  const digits = first < 0x80 ? 0 : first & 0x7f;
  if (digits > 3 || (first & 0x80 && digits === 0) || at + 2 + digits > bytes.length) return undefined;
  const length = digits === 0 ? first : bytes.readUIntBE(at + 2, digits);
  const begin = at + 2 + digits;
  // There is one way to write each length.
  if (lengthOf(length).length !== digits + 1 || begin + length > bytes.length) return undefined;
  return { tag, content: bytes.subarray(begin, begin + length), whole: bytes.subarray(at, begin + length) };
}
