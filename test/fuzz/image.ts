/** Image references: every text is read or refused, and what is read means the same when it is written. */
import fc from 'fast-check';
import { familiarImage, isFixedImage, normalImage, parseImage, readImage } from '#model/image/image-reference';
import { target } from './target.ts';

const piece = fc.oneof(
  fc.constantFrom(
    'a',
    'B',
    '0',
    '.',
    '..',
    '_',
    '__',
    '___',
    '-',
    '/',
    ':',
    '@',
    'sha256:',
    'localhost',
    'docker.io/',
    '[::1]',
    ':5000',
    'library/',
    'f'.repeat(64),
  ),
  fc.string({ maxLength: 3, unit: 'binary' }),
);

export const imageTarget = target<string>({
  name: 'image-references',
  inputs: fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  start: async () => ({ judge, stop: async () => undefined }),
});

function judge(text: string): string | undefined {
  isFixedImage(text);
  const read = readImage(text);
  if (read === undefined) return undefined;
  for (const written of [normalImage(text), familiarImage(text, true)]) {
    const again = parseImage(written);
    if (again.registry !== read.registry || again.path !== read.path || (read.digest ?? again.digest) !== again.digest)
      return `${written} is another image than ${text}`;
  }
  return undefined;
}
