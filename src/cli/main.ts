/** Entry of the command line: runs one command and turns its end into an exit code. */
import { CommanderError, type Command } from 'commander';
import { printable } from '#base/text/printable';
import { Refusal } from '#base/refusal';
import { CommandError, exitCodes } from './command-error.ts';
import { buildProgram } from './program.ts';

/** Runs `args` (without node and program). Never throws for what a user can do wrong. */
export async function main(args: readonly string[]): Promise<void> {
  process.stdout.on('error', endOnClosedPipe);
  const program = buildProgram();
  everyCommand(program, (command) => command.exitOverride());
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

function everyCommand(command: Command, act: (command: Command) => void): void {
  act(command);
  for (const child of command.commands) everyCommand(child, act);
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own message already; asking for help is no mistake, nor is a group of commands alone.
  if (error instanceof CommanderError) return error.exitCode === 0 || error.code === 'commander.help' ? 0 : exitCodes.usage;
  if (error instanceof CommandError || error instanceof Refusal) {
    process.stderr.write(`${printable(error.message)}\n`);
    return error instanceof CommandError ? error.exitCode : exitCodes.refused;
  }
  throw error;
}

/** `shoal service logs | head` ends without a word. */
function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
}
