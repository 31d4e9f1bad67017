/** Bytes in letters as age writes its keys: Bech32 (BIP 173), of any length. */

const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const checkLetters = 6;

/** @param prefix in small letters */
export function bech32(prefix: string, bytes: Uint8Array): string {
  const values = inFives(bytes);
  const check = checkOf([...expanded(prefix), ...values, ...Array.from({ length: checkLetters }, () => 0)]) ^ 1;
  const sum = Array.from({ length: checkLetters }, (_, at) => (check >>> (5 * (checkLetters - 1 - at))) & 31);
  return `${prefix}1${[...values, ...sum].map((value) => letters.charAt(value)).join('')}`;
}

function expanded(prefix: string): number[] {
  const codes = Array.from(Buffer.from(prefix, 'latin1'));
  return [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31)];
}

function inFives(bytes: Uint8Array): number[] {
  const values: number[] = [];
  let [held, bits] = [0, 0];
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) values.push((held >>> (bits - 5)) & 31);
  }
  if (bits > 0) values.push((held << (5 - bits)) & 31);
  return values;
}

function checkOf(values: readonly number[]): number {
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [at, generator] of generators.entries()) if ((top >>> at) & 1) sum ^= generator;
  }
  return sum >>> 0;
}
