/** Sizes as people write them. */
import { Refusal } from '#base/refusal';

const exponents: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

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
  const exponent = exponents[suffix[0] ?? ''];
  if (exponent === undefined) throw refuse(`invalid suffix: '${suffix}'`);
  const rest = suffix.slice(1);
  if (suffix[0] === 'b' ? rest !== '' : !['', 'b', 'ib'].includes(rest)) throw refuse(`invalid suffix: '${suffix}'`);
  return Math.trunc(value * 1024 ** exponent);
}

function refuse(message: string): Refusal {
  return new Refusal('invalidArgument', message);
}
