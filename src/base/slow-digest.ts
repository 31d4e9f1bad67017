/** A salted digest that is slow on purpose: it tells whether a secret is the same, and gives nobody a quick way to guess it. */
import { createHash, scryptSync, timingSafeEqual } from 'node:crypto';

const cost = { N: 2 ** 14, r: 8, p: 1 } as const;
const bytes = 32;
export const saltBytes = 16;

/** Answers of late, so that a look at a hundred secrets does not take as many slow digests each time. */
const known = new Map<string, boolean>();
const mostKnown = 1_000;

/** `scrypt$14$8$1$<salt>$<digest>`, both in base64url. */
export function slowDigest(data: Uint8Array, salt: Uint8Array): string {
  const digest = scryptSync(data, salt, bytes, cost);
  return ['scrypt', Math.log2(cost.N), cost.r, cost.p, textOf(salt), textOf(digest)].join('$');
}

/** Whether the digest is of this data; undefined when it is none that we can read. */
export function isDigestOf(text: string, data: Uint8Array): boolean | undefined {
  const match = /^scrypt\$14\$8\$1\$([\w-]+)\$([\w-]+)$/.exec(text);
  if (!match) return undefined;
  const key = `${text} ${createHash('sha256').update(data).digest('hex')}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const digest = Buffer.from(match[2] ?? '', 'base64url');
  const same = digest.length === bytes && timingSafeEqual(digest, scryptSync(data, Buffer.from(match[1] ?? '', 'base64url'), bytes, cost));
  if (known.size >= mostKnown) known.clear();
  known.set(key, same);
  return same;
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString('base64url');
}
