/** Object ids in SwarmKit's form: 25 characters of base 36 (identity/randomid.go). */
import type { Random } from './random.ts';

const idBytes = 17;
const idLength = 25;

/** A new object id; about 129 bits of `random`. */
export function newId(random: Random): string {
  const bytes = random.bytes(idBytes);
  // The top bit is set so that the number always has 27 digits, of which the first two are dropped.
  let digits = '0x';
  for (let at = 0; at < idBytes; at++) digits += ((bytes[at] ?? 0) | (at === 0 ? 0x180 : 0x100)).toString(16).slice(1);
  return BigInt(digits)
    .toString(36)
    .slice(1, idLength + 1)
    .padEnd(idLength, '0');
}
