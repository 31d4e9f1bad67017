/** `stack lint`: what is wrong with stack files, asked of nobody: no daemon, no Docker. */
import type { Command } from 'commander';
import { CommandError, exitCodes } from '../../command-error.ts';
import { lintFormats, type Linted, type LintFormat } from '../../output/diagnostics.ts';
import { openSession } from '../../session.ts';
import type { LoadFlags } from '../../deploy/flags.ts';
import { addFileOptions } from './stack-deploy.ts';

interface LintFlags extends LoadFlags {
  format: string;
}

const help = `
Nothing is asked of a daemon: names of external objects, images and placement are not looked at; \`stack plan\` does.
Exit codes: 0 no mistakes (warnings are none), 1 mistakes, 2 wrong usage.`;

export function addStackLint(stack: Command): void {
  const lint = stack.command('lint').description('say what is wrong with stack files, without a daemon');
  addFileOptions(lint).option('--format <format>', 'text, json or junit', 'text').addHelpText('after', help).action(runLint);
}

async function runLint(flags: LintFlags, command: Command): Promise<void> {
  const { terminal, environment } = openSession(command);
  const { format } = flags;
  if (!lintFormats.includes(format)) throw new CommandError(`--format is one of ${lintFormats.join(', ')}, not ${JSON.stringify(format)}`, exitCodes.usage);
  const [{ loadStack }, { specRequest }, { lintLines }] = await Promise.all([
    import('#compose/load'),
    import('../../deploy/spec-files.ts'),
    import('../../output/diagnostics.ts'),
  ]);
  const read = (): Linted => {
    const request = specRequest(environment, undefined, flags);
    const { stack, diagnostics } = loadStack(flags.strict ? { ...request, mode: 'strict', stack: 'stack' } : request);
    return { files: request.files, services: stack?.Services.length, diagnostics };
  };
  const linted = format === 'text' ? read() : orUnread(read, flags);
  const { diagnostics } = linted;
  for (const line of lintLines(linted, format as LintFormat)) terminal.out(line);
  if (diagnostics.some(({ severity }) => severity === 'error')) process.exitCode = exitCodes.refused;
}

/** Programs read the answer in their format also where a file could not be read. */
function orUnread(read: () => Linted, { composeFile = [] }: LintFlags): Linted {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== exitCodes.refused) throw error;
    const file = composeFile.find((path) => error.message.includes(` ${path}:`)) ?? composeFile[0];
    return { files: [], services: undefined, diagnostics: [{ severity: 'error', message: error.message, ...(file !== undefined && { file }) }] };
  }
}
