/** `stack config`: the files as they were understood, merged and filled in. */
import type { Command } from 'commander';
import { CommandError, exitCodes } from '../../command-error.ts';
import { chosenMode, type LoadFlags } from '../../deploy/flags.ts';
import { openSession, type Session } from '../../session.ts';
import { addLoadOptions } from './stack-deploy.ts';

interface ConfigFlags extends LoadFlags {
  skipInterpolation?: boolean;
  json?: boolean;
}

export function addStackConfig(stack: Command): void {
  const config = stack.command('config').description('print the merged and interpolated file');
  addLoadOptions(config)
    .option('--skip-interpolation', "leave variables as they are; only in Docker's own way")
    .option('--json', "as JSON, for programs; not in Docker's own way")
    .action(runConfig);
}

async function runConfig(flags: ConfigFlags, command: Command): Promise<void> {
  const session = openSession(command);
  // Without a daemon the files are still there to be read.
  const mode = flags.skipInterpolation ? 'strict' : await chosenMode(session.client, flags).catch(() => 'spec');
  if (mode === 'strict' && flags.json)
    throw new CommandError("--json is not for Docker's own way: leave out --strict and --skip-interpolation, or add --spec", exitCodes.usage);
  if (mode === 'strict') await printStrict(session, flags);
  else await printSpec(session, flags);
}

async function printStrict({ terminal, environment }: Session, flags: ConfigFlags): Promise<void> {
  const [{ renderStrictConfig }, { readStackFiles, surroundings }, { checkReadable, printNotices }] = await Promise.all([
    import('#compose/render/config'),
    import('../../deploy/stack-files.ts'),
    import('../../deploy/notices.ts'),
  ]);
  if (!flags.composeFile) throw new CommandError('Specify a Compose file (with --compose-file)');
  const { files, directory } = readStackFiles(flags.composeFile, checkReadable);
  const request = { mode: 'strict', files, directory, ...surroundings(environment), rotate: false } as const;
  const result = renderStrictConfig(request, { skipInterpolation: flags.skipInterpolation === true });
  printNotices(terminal, result.notices);
  if ('error' in result) throw new CommandError(result.error);
  terminal.raw(result.text, 'stdout');
}

async function printSpec({ terminal, environment }: Session, flags: ConfigFlags): Promise<void> {
  const [{ renderSpecConfig }, { refusalText, specRequest, warn }] = await Promise.all([
    import('#compose/render/spec-config'),
    import('../../deploy/spec-files.ts'),
  ]);
  const request = specRequest(environment, undefined, flags);
  const { text, diagnostics } = renderSpecConfig(request, flags.json ? 'json' : 'yaml');
  if (text === undefined) throw new CommandError(refusalText(diagnostics, request, terminal));
  warn(terminal, diagnostics);
  terminal.raw(text, 'stdout');
}
