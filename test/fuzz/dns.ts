/** DNS messages: whatever a container sends, the name server gives an answer of the right size with its id, or none. */
import fc from 'fast-check';
import { encode } from 'dns-packet';
import { codeOf, readQuery, responseCode, writeAnswer } from '#resolver/dns/dns-message';
import { target } from './target.ts';

interface Change {
  at: number;
  byte: number;
}

interface Message {
  name: string;
  type: string;
  changes: Change[];
  tail: Uint8Array;
  overUdp: boolean;
  answers: number;
}

const label = fc.oneof(fc.constantFrom('web', 'tasks', 'a'.repeat(63), '-', '*'), fc.string({ minLength: 1, maxLength: 10 }));
const inputs: fc.Arbitrary<Message> = fc.record({
  name: fc.array(label, { maxLength: 5 }).map((labels) => labels.join('.')),
  type: fc.constantFrom('A', 'AAAA', 'PTR', 'SRV', 'ANY', 'TXT', 'OPT', 'AXFR'),
  changes: fc.array(fc.record({ at: fc.nat(60), byte: fc.nat(255) }), { maxLength: 6 }),
  tail: fc.uint8Array({ maxLength: 20 }),
  overUdp: fc.boolean(),
  answers: fc.nat(100),
});

export const dnsTarget = target<Message>({ name: 'dns-packets', inputs, start: async () => ({ judge, stop: async () => undefined }) });

function judge({ name, type, changes, tail, overUdp, answers }: Message): string | undefined {
  const bytes = Buffer.concat([encodedOr(name, type), tail]);
  for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
  const query = readQuery(bytes);
  if (!query) return undefined;
  const given = Array.from({ length: answers }, (_, index) => ({ type: 'A', name: query.question.name, ttl: 3, data: `10.0.0.${index}` }) as const);
  const answer = answered(() => writeAnswer(query, responseCode.ok, given, overUdp));
  if (answer === undefined) return undefined;
  if (answer.readUInt16BE(0) !== bytes.readUInt16BE(0)) return 'the answer has another id';
  if (codeOf(answer) !== responseCode.ok) return 'the answer has another code';
  return overUdp && answer.length > 4096 ? `an answer of ${answer.length} bytes by UDP` : undefined;
}

/** A question that no codec writes back gets no answer: the server says so by silence. */
function answered(write: () => Buffer): Buffer | undefined {
  try {
    return write();
  } catch {
    return undefined;
  }
}

function encodedOr(name: string, type: string): Buffer {
  try {
    return encode({ type: 'query', id: 7, flags: 256, questions: [{ name, type: type as 'A' }] });
  } catch {
    return Buffer.from(name);
  }
}
