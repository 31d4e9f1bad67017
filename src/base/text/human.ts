/** Durations and sizes as people write them and as the docker CLI tells them (go-units). */
import { Refusal } from '../refusal.ts';

const day = 24;

/** `1 node`, `3 nodes`, `0 nodes`. */
export function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** `5 seconds`, `About a minute`, `3 weeks` of a span in milliseconds. */
export function humanDuration(spanMs: number): string {
  const seconds = Math.floor(spanMs / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(spanMs / 3_600_000);
  if (hours === 1) return 'About an hour';
  if (hours < 2 * day) return `${hours} hours`;
  if (hours < 14 * day) return `${Math.floor(hours / day)} days`;
  if (hours < 60 * day) return `${Math.floor(hours / day / 7)} weeks`;
  if (hours < 730 * day) return `${Math.floor(hours / day / 30)} months`;
  return `${Math.floor(hours / day / 365)} years`;
}

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.952GiB`: four significant digits, powers of 1024. */
export function humanSize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < binaryUnits.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${Number(size.toPrecision(4))}${binaryUnits[unit] ?? ''}`;
}

const sizeExponents: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes of `50m`, `1.5GiB`, `512kb` (all 1024-based). Throws Refusal with go-units' texts. */
export function parseSize(text: string): number {
  const end = Math.max(...Array.from('0123456789. ').map((character) => text.lastIndexOf(character)));
  if (end === -1) throw refuse(`invalid size: '${text}'`);
  const separated = text[end] === ' ';
  const number = text.slice(0, separated ? end : end + 1);
  const suffix = text.slice(end + 1).toLowerCase();
  if (!/^[-+]?(\d+\.?\d*|\.\d+)$/.test(number)) throw refuse(`strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax`);
  const value = Number(number);
  if (value < 0) throw refuse(`invalid size: '${text}'`);
  if (suffix === '') return Math.trunc(value);
  if (suffix.length > 3 || suffix.length === 0) throw refuse(`invalid suffix: '${suffix}'`);
  const exponent = sizeExponents[suffix[0] ?? ''];
  if (exponent === undefined) throw refuse(`invalid suffix: '${suffix}'`);
  const rest = suffix.slice(1);
  if (suffix[0] === 'b' ? rest !== '' : !['', 'b', 'ib'].includes(rest)) throw refuse(`invalid suffix: '${suffix}'`);
  return Math.trunc(value * 1024 ** exponent);
}

function refuse(message: string): Refusal {
  return new Refusal('invalidArgument', message);
}

/** `running` as a heading or a table has it: `Running`. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
