/** Queries that nobody sane sends: no answer, or a well-formed one; never a throw, never a long wait. */
import { decode, encode } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NameTable } from '#network/names';
import { Answers } from '#resolver/answers';
import { readQuery } from '#resolver/dns/dns-message';
import { Upstream } from '#resolver/upstream';
import { endpointTask, serviceEndpoint } from '../support/endpoints.ts';

const service = serviceEndpoint('web_api', [], [endpointTask('a', 1, true, 'front 10.0.1.5 api')]);
const query = encode({
  type: 'query',
  id: 7,
  flags: 0x100,
  questions: [{ type: 'A', name: 'api' }],
  additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 4096, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
});

/** Any bytes, or a good query with some of its bytes changed, cut or repeated. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 700 }),
  fc.tuple(fc.array(fc.tuple(fc.nat(query.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(query.length)).map(([changes, end]) => {
    const bytes = Uint8Array.from(query);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes.subarray(0, end);
  }),
  // Names that point at themselves or at one another, as compression allows.
  fc.array(fc.nat(60), { minLength: 1, maxLength: 12 }).map((pointers) => {
    const head = Uint8Array.from(query.subarray(0, 12));
    return Uint8Array.from([...head, ...pointers.flatMap((to) => [0xc0, to]), 0, 1, 0, 1]);
  }),
);

test('no message breaks the reader, and what it takes for a query has one question', () => {
  fc.assert(
    fc.property(hostile, (bytes) => {
      const read = readQuery(bytes);
      if (read) expect(read.question.name.length).toBeLessThanOrEqual(700);
    }),
    { numRuns: 3000 },
  );
});

test('every answer is one that can be read, and echoes the id', async () => {
  // No server of the host: what is not ours fails at once.
  const answers = new Answers(new Upstream({ file: '/nonexistent', port: 53 }));
  answers.use(new NameTable([service]), new Set());
  await fc.assert(
    fc.asyncProperty(hostile, async (bytes) => {
      const answer = await answers.answer(bytes, '10.0.1.9', 'front', true).catch((error: unknown) => error);
      if (answer === undefined) return;
      expect(answer).toBeInstanceOf(Uint8Array);
      const { id, type } = decode(answer as Buffer);
      expect([id, type]).toEqual([((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0), 'response']);
    }),
    { numRuns: 2000 },
  );
});
