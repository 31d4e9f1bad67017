/** The key that locked managers are opened with, in Docker's form: `SWMKEY-1-`, and 32 bytes in base64 without padding. */
const prefix = 'SWMKEY-1-';
/** Bytes of chance that a key is made of. */
export const unlockKeyBytes = 32;

/** @param secret bytes of chance, `unlockKeyBytes` of them */
export function unlockKeyText(secret: Uint8Array): string {
  return prefix + Buffer.from(secret).toString('base64').replaceAll('=', '');
}

/** Undefined where the text is no such key. */
export function unlockKeyOf(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  const bytes = Buffer.from(trimmed.slice(prefix.length), 'base64');
  return bytes.length === unlockKeyBytes && unlockKeyText(bytes) === trimmed ? bytes : undefined;
}
