/** Object ids in SwarmKit's form: 25 characters of base 36 (identity/randomid.go). */
import type { Random } from './random.ts';

const idBytes = 17;
const idLength = 25;

/** A new object id; about 129 bits of `random`. */
export function newId(random: Random): string {
  const bytes = random.bytes(idBytes);
  // The top bit is set so that the number always has 27 digits, of which the first two are dropped.
  let number = BigInt((bytes[0] ?? 0) | 0x80);
  for (let i = 1; i < idBytes; i++) number = (number << 8n) | BigInt(bytes[i] ?? 0);
  return number
    .toString(36)
    .slice(1, idLength + 1)
    .padEnd(idLength, '0');
}
