/** What an unquoted scalar means, by the rules of Go's YAML reader (YAML 1.2 with octal, binary and underscored numbers). */
import { Float, Moment } from '../value.ts';
import type { Scalar } from '../value.ts';

const words: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, new Float(Number.NaN)] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word) => [word, new Float(Infinity)] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((word) => [word, new Float(-Infinity)] as const),
]);

/** The value of a plain scalar's text. */
export function resolvePlain(text: string): Scalar {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (!/^[-+.\d]/.test(text)) return text;
  const bare = text.replaceAll('_', '');
  return parseMoment(text) ?? parseInteger(bare) ?? parseFloating(bare) ?? text;
}

/** strconv.ParseInt(text, 0, 64), then ParseUint: 0777, 0o777, 0x1F, 0b11; undefined outside 64 bits. */
export function parseInteger(text: string): number | bigint | undefined {
  const match = /^([-+]?)(?:0[xX]([\da-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9]\d*))$/.exec(text);
  if (!match) return undefined;
  const [, sign, hexadecimal, binary, octal, decimal] = match;
  let magnitude = BigInt(decimal ?? 0);
  if (hexadecimal !== undefined) magnitude = BigInt(`0x${hexadecimal}`);
  if (binary !== undefined) magnitude = BigInt(`0b${binary}`);
  if (octal !== undefined) magnitude = BigInt(`0o${octal}`);
  const value = sign === '-' ? -magnitude : magnitude;
  if (value >= 2n ** 64n || value < -(2n ** 63n)) return undefined;
  return BigInt.asIntN(53, value) === value ? Number(value) : value;
}

function parseFloating(text: string): Float | undefined {
  if (!/^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? new Float(value) : undefined;
}

/** The four forms of a timestamp that Go's reader knows. */
function parseMoment(text: string): Moment | undefined {
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:([Tt ])(\d{1,2}):(\d{1,2}):(\d{1,2}(?:\.\d{1,9})?)(Z|[-+]\d\d:\d\d)?)?$/.exec(text);
  if (!match) return undefined;
  const [, year = '', month = '', day = '', separator, hour = '0', minute = '0', second = '0', zone] = match;
  // A blank separates only times without a zone; T asks for one.
  if (separator !== undefined && (separator === ' ') !== (zone === undefined)) return undefined;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > daysOf(Number(year), Number(month))) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) >= 60) return undefined;
  const [whole = '0', fraction = ''] = second.split('.');
  const rest = fraction.replace(/0+$/, '');
  const time = `${pad(hour)}:${pad(minute)}:${pad(whole)}${rest === '' ? '' : `.${rest}`}`;
  return new Moment(`${year}-${pad(month)}-${pad(day)}`, time, zone === undefined || zone === 'Z' ? '' : zone.replace(':', ''));
}

function daysOf(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

function pad(text: string): string {
  return text.padStart(2, '0');
}
