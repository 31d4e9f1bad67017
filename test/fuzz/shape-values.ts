/** Values for shapes: mostly what a field takes, now and then anything. */
import fc from 'fast-check';
import { numberTypes } from '#model/shape/field-types';
import type { Kind } from '#model/shape/shape';

const texts = fc.oneof(
  fc.constantFrom(
    '',
    'web',
    'a',
    'node-one',
    'ingress',
    'host',
    'any',
    'vip',
    'pause',
    'start-first',
    'tcp',
    'volume',
    '/x',
    '10.0.0.0/24',
    '10.0.0.0/33',
    'fd00::/64',
    'a==b',
    'node.role==manager',
    '{{.Node.ID}}',
    '{{',
  ),
  fc.constantFrom('__proto__', 'constructor', '\u0000', '\u001b[2J', '\ud800', 'x'.repeat(70), 'é', '../..', 'sha256:' + 'f'.repeat(64), 'a:b:c'),
  fc.string({ maxLength: 10, unit: 'binary' }),
);
const wild = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e20, 2 ** 63, 1e308, '', 'x', [], {}, [[]], [null], { a: null }, '1', -0) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
const base64 = fc.oneof(fc.base64String({ maxLength: 40 }), fc.constantFrom('=', 'a', 'e_-='));

function plain(kind: Kind): fc.Arbitrary<unknown> {
  switch (kind.type) {
    case 'text':
      return texts;
    case 'base64':
      return base64;
    case 'flag':
      return fc.boolean();
    case 'word':
      return fc.constantFrom(...kind.words, '', 'WRONG');
    case 'list':
      return fc.array(valueFor(kind.of), { maxLength: 3 });
    case 'record':
      return fc.dictionary(texts, valueFor(kind.of), { maxKeys: 3 });
    case 'object':
      return fc.record(Object.fromEntries(Object.entries(kind.fields).map(([name, field]) => [name, valueFor(field)])), { requiredKeys: [] });
    case 'refused':
      return fc.constantFrom(false, 0, '', [], true, 'x', { a: 1 });
    default: {
      const { least, most, whole } = numberTypes[kind.type];
      const small = whole ? fc.integer({ min: Math.max(least, -2), max: 12 }) : fc.double({ min: -1, max: 2, noNaN: true });
      return fc.oneof({ weight: 6, arbitrary: small }, { weight: 1, arbitrary: fc.constantFrom(least, most, most / 2, 1e9) });
    }
  }
}

/** A JSON value of the kind in nine cases of ten. */
export function valueFor(kind: Kind): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: fc.memo(() => plain(kind))() }, { weight: 1, arbitrary: wild });
}
