/** `stack lint`: what is wrong with stack files, asked of nobody: no daemon, no Docker. */
import type { Command } from 'commander';
import { CommandError, exitCodes } from '../../command-error.ts';
import { lintFormats, type LintFormat } from '../../output/diagnostics.ts';
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
  const request = specRequest(environment, undefined, flags);
  const { stack, diagnostics } = loadStack(flags.strict ? { ...request, mode: 'strict', stack: 'stack' } : request);
  for (const line of lintLines({ files: request.files, services: stack?.Services.length, diagnostics }, format as LintFormat)) terminal.out(line);
  if (diagnostics.some(({ severity }) => severity === 'error')) process.exitCode = exitCodes.refused;
}
