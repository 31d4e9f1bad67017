/** Seeded randomness, split by purpose so that one more draw here does not shuffle all others. */

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `count` bytes. */
  bytes(count: number): Uint8Array;
  /** An independent stream for `purpose`. */
  split(purpose: string): Random;
}

/** A whole number in [low, high]. */
export function integerBetween(random: Random, low: number, high: number): number {
  return low + Math.floor(random.next() * (high - low + 1));
}

/** 32-bit FNV-1a: turns a text into a seed, or into a place. Not against anybody who chooses the text. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The sfc32 generator by Chris Doty-Humphrey: small, fast, passes PractRand. Not for secrets. */
export function seededRandom(seed: number, purpose = ''): Random {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = hashText(purpose);
  let counter = 1;
  function word(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  }
  for (let i = 0; i < 12; i++) word();
  return {
    next: () => word() / 2 ** 32,
    bytes(count) {
      const bytes = new Uint8Array(count);
      for (let at = 0; at < count; at++) bytes[at] = word();
      return bytes;
    },
    split: (next) => seededRandom(seed, `${purpose}/${next}`),
  };
}
