/** A question to the person at the terminal; where there is none, the command itself was the answer. */
import { createInterface } from 'node:readline/promises';
import { CommandError } from './command-error.ts';
import type { Terminal } from './output/terminal.ts';

function canAsk(terminal: Terminal): boolean {
  return terminal.interactive && process.stdin.isTTY;
}

/** Throws CommandError where nobody is there to be asked: what may take more away than its command says is not done unasked. `yes`: how it is allowed. */
export function needsTerminal(terminal: Terminal, question: string, yes: string): void {
  if (!canAsk(terminal)) throw new CommandError(`${question} Nobody is here to be asked: give ${yes}`);
}

/** Throws CommandError when the answer is not yes. */
export async function confirmAtTerminal(terminal: Terminal, question: string): Promise<void> {
  if (!canAsk(terminal)) return;
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('nothing was changed');
  } finally {
    asking.close();
  }
}
