/** Whatever bytes come in, the loader answers: with a stack, or with reasons, within bounds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadStack } from '#compose/load';
import type { LoadResult } from '#compose/compose';
import { renderStrictConfig } from '#compose/render/config';
import { renderSpecConfig } from '#compose/render/spec-config';
import { errorsOf, load, request } from '#test/support/compose';

function loadBytes(bytes: Uint8Array, mode: 'strict' | 'spec'): LoadResult {
  return loadStack({ ...request({ 'compose.yml': '' }), mode, files: [{ path: 'compose.yml', bytes }] });
}

function answers(bytes: Uint8Array): void {
  for (const mode of ['strict', 'spec'] as const) {
    const result = loadBytes(bytes, mode);
    expect(result.stack !== undefined || result.diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
  }
}

/** Text in the shape of a stack file, with anything for its values. */
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, 0, -1, 1.5, '', '80:80', './x:/y', '1h', '${A', '${A:-${B}}', '$$', 'a: b', '__proto__', '5m'),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('image', 'deploy', 'ports', 'target', 'source', 'type', 'replicas', '__proto__', 'x-y', 'a.b'), tie('any'), { maxKeys: 4 }),
  ),
})).any;
const serviceKeys = fc.constantFrom(
  'image',
  'command',
  'environment',
  'env_file',
  'ports',
  'volumes',
  'networks',
  'secrets',
  'configs',
  'deploy',
  'healthcheck',
  'ulimits',
  'extends',
  'depends_on',
  'tmpfs',
  'gpus',
  'logging',
  'scale',
  'constructor',
);
const file = fc.record(
  {
    services: fc.dictionary(fc.constantFrom('a', 'b', 'a.b', '__proto__'), fc.dictionary(serviceKeys, value, { maxKeys: 5 }), { maxKeys: 3 }),
    volumes: value,
    networks: value,
    configs: value,
  },
  { requiredKeys: [] },
);

describe('the loader never crashes', () => {
  test('on arbitrary bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), answers), { numRuns: 300 });
  });

  test('on arbitrary text of YAML characters', () => {
    const text = fc.string({ unit: fc.constantFrom(...Array.from('ab:-{}[],&*!|>\'"%@` \n\t#?<0.')), maxLength: 80 });
    fc.assert(
      fc.property(text, (source) => answers(Buffer.from(source))),
      { numRuns: 500 },
    );
  });

  test('on files of the right shape with wrong values', () => {
    fc.assert(
      fc.property(file, (content) => answers(Buffer.from(JSON.stringify(content)))),
      { numRuns: 500 },
    );
  });
});

describe('hostile input ends with one clear error', () => {
  const bomb = `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join()}]`).join('\n')}\n`;
  const merges = `x0: &x0 {k: 1}\n${Array.from({ length: 40_000 }, (_, i) => `x${i + 1}: &x${i + 1} {<<: *x${i}}`).join('\n')}\n`;
  test.each([
    ['10 MB', 'a'.repeat(10 * 1024 * 1024), 'bytes; at most'],
    ['deep nesting', '['.repeat(20_000), 'yaml: '],
    ['deep maps', Array.from({ length: 400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'max depth'],
    ['alias bomb', bomb, 'excessive aliasing'],
    ['chained merges', merges, ''],
    ['circular alias', 'a: &a [*a]', 'contains itself'],
    ['wrong encoding', Buffer.from([0x61, 0x3a, 0xff, 0xfe]), 'UTF-8'],
    ['control characters', 'a: \u0001', 'control characters'],
  ])(
    '%s',
    (_name, source, part) => {
      for (const mode of ['strict', 'spec'] as const) {
        const errors = errorsOf(loadBytes(Buffer.from(source as string), mode));
        expect(errors.length).toBeGreaterThan(0);
        expect(errors[0]).toContain(part);
      }
    },
    10_000,
  );

  test('__proto__ is a key like any other', () => {
    const errors = errorsOf(loadBytes(Buffer.from('services: {__proto__: {image: a}}\n__proto__: {polluted: 1}'), 'strict'));
    expect(errors).toEqual(['(root) Additional property __proto__ is not allowed']);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

test('what is printed loads to the same print', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'B', '1', ' ', ':', '#', '-', '"', "'", '\n', '\t', '{', '%', 'é', '0', '.', '\u0007'), maxLength: 12 });
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/), text), fc.array(text), (labels, command) => {
      const source = JSON.stringify({ services: { a: { image: 'a', labels, command } } });
      const skip = { skipInterpolation: true };
      const first = renderStrictConfig(request({ 'compose.yml': source }, { mode: 'strict' }), skip);
      if (!('text' in first)) throw new Error(first.error);
      const second = renderStrictConfig(request({ 'compose.yml': first.text }, { mode: 'strict' }), skip);
      expect('text' in second ? second.text : second.error).toBe(first.text);
    }),
    { numRuns: 500 },
  );
});

test('what spec mode prints is the same stack again', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'B', '1', ' ', ':', '#', '-', '"', "'", '$', '{', '}', '%', 'é', '0', '.', '\\'), maxLength: 12 });
  const dictionary = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/), text, { maxKeys: 3 });
  const port = fc.record(
    { target: fc.integer({ min: 1, max: 65_535 }), published: fc.integer({ min: 1, max: 65_535 }).map(String) },
    { requiredKeys: ['target'] },
  );
  const service = fc.record(
    {
      image: fc.constantFrom('a', 'b:1', 'r.example.org/c'),
      labels: dictionary,
      environment: dictionary,
      command: fc.array(text, { maxLength: 3 }),
      ports: fc.uniqueArray(port, { maxLength: 3, selector: ({ target, published }) => `${published ?? ''}:${target}` }),
      volumes: fc.constantFrom(['v:/v'], ['./d:/d:ro', '/t'], [{ type: 'tmpfs', target: '/x', tmpfs: { mode: '1770', size: '1m' } }]),
      tmpfs: fc.constantFrom('/run', ['/a:size=1m', '/b']),
      deploy: fc.record({ replicas: fc.nat(9), labels: dictionary }, { requiredKeys: [] }),
      depends_on: fc.constantFrom(['a'], { a: { condition: 'service_healthy' } }),
      configs: fc.constantFrom(['c'], [{ source: 'c', target: '/c', mode: '0400' }]),
      gpus: fc.constantFrom('all', [{ count: 2 }]),
      shm_size: fc.constantFrom('64m', 1024),
      extra_hosts: fc.constantFrom(['a:1'], { b: '::1' }),
    },
    { requiredKeys: ['image'] },
  );
  const stack = fc.record({
    services: fc.dictionary(fc.constantFrom('a', 'b', 'c.d', 'constructor'), service, { maxKeys: 3 }),
    configs: fc.record({ c: fc.record({ content: text }) }),
  });
  fc.assert(
    fc.property(stack, (content) => {
      const services = { a: { image: 'a' }, ...content.services };
      const source = JSON.stringify({ ...content, services, volumes: { v: {} } });
      const escaped = source.replaceAll('$', '$$$$');
      const first = load({ 'compose.yml': escaped });
      const printed = renderSpecConfig(request({ 'compose.yml': escaped }));
      expect(errorsOf(first)).toEqual([]);
      expect(load({ 'compose.yml': printed.text ?? '' }).stack).toEqual(first.stack);
    }),
    { numRuns: 300 },
  );
});
