/** A line that a person types and nobody sees; from a pipe, its first line. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Resolves with an empty text where nothing comes. */
export async function readHidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  const output = new Writable({ write: (_bytes, _encoding, done) => done() });
  const asking = createInterface({ input: stdin, output, terminal: stdin.isTTY === true });
  if (stdin.isTTY) stderr.write(prompt);
  try {
    return await new Promise<string>((resolve) => {
      asking.once('line', resolve);
      asking.once('close', () => resolve(''));
    });
  } finally {
    asking.close();
    if (stdin.isTTY) stderr.write('\n');
  }
}
