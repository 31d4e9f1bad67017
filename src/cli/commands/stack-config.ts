/** `stack config`: the files as they were understood, merged and filled in. */
import type { Command } from 'commander';
import { CommandError } from '../command-error.ts';
import type { ModeFlags } from '../deploy/flags.ts';
import { collect, openSession } from '../session.ts';

interface ConfigFlags extends ModeFlags {
  composeFile?: string[];
  skipInterpolation?: boolean;
}

export function addStackConfig(stack: Command): void {
  stack
    .command('config')
    .description('print the merged and interpolated file')
    .option('-c, --compose-file <file>', 'stack file, `-` for standard input; may be repeated', collect)
    .option('--skip-interpolation', 'leave variables as they are')
    .option('--strict', "print what Docker's own loader makes of it")
    .option('--spec', 'print what the Compose Specification makes of it')
    .action(runConfig);
}

async function runConfig(flags: ConfigFlags, command: Command): Promise<void> {
  const { terminal, environment } = openSession(command);
  const [{ renderStrictConfig }, { readStackFiles, surroundings }, { checkReadable, printNotices }] = await Promise.all([
    import('#compose/render/config'),
    import('./stack-files.ts'),
    import('../deploy/notices.ts'),
  ]);
  if (!flags.composeFile) throw new CommandError('Specify a Compose file (with --compose-file)');
  const { files, directory } = readStackFiles(flags.composeFile, checkReadable);
  const request = { mode: 'strict', files, directory, ...surroundings(environment), rotate: false } as const;
  const result = renderStrictConfig(request, { skipInterpolation: flags.skipInterpolation === true });
  printNotices(terminal, result.notices);
  if ('error' in result) throw new CommandError(result.error);
  terminal.raw(result.text, 'stdout');
}
