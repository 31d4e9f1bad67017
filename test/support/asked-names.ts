/** Questions to a resolver that serves the loopback address of the process tests. */
import { decode, encode } from 'dns-packet';
import { askByTcp, askByUdp } from '#resolver/upstream';

/** Long enough for a busy machine: an answer that is late is no answer lost. */
export const patienceMs = 20_000;

/** The addresses of a name, or why there is none, as a text. */
export async function ask(port: number, name: string, overTcp = false, limitMs = patienceMs): Promise<string> {
  const query = encode({ type: 'query', id: 4711, flags: 0x100, questions: [{ type: 'A', name }] });
  const answer = await (overTcp ? askByTcp : askByUdp)(query, '127.0.54.1', port, limitMs);
  if (!answer) return 'no answer';
  const { answers = [], flags = 0 } = decode(answer);
  if ((flags & 15) !== 0) return `code ${flags & 15}`;
  return answers
    .map((record) => (record.type === 'A' ? record.data : record.type))
    .toSorted()
    .join(' ');
}

/** Asks as a stub resolver does: again when no answer comes, for the kernel promises no datagram a place. Whoever hangs answers no try. */
export async function askUntilAnswered(port: number, name: string, overTcp = false): Promise<string> {
  for (let tried = 0; tried < 20; tried++) {
    const answer = await ask(port, name, overTcp, 2000);
    if (answer !== 'no answer') return answer;
  }
  return 'no answer to 20 questions';
}
