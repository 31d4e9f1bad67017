/** Files read after the Compose Specification, and what is said about them. */
import { basename, resolve } from 'node:path';
import { diagnosticText, type Diagnostic, type LoadRequest } from '#compose/compose';
import { explainDiagnostics } from '#compose/explain';
import { loadStack } from '#compose/load';
import type { StackSpec } from '#model/object/stack';
import { CommandError, exitCodes } from '../command-error.ts';
import { readStackFiles, surroundings } from './stack-files.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';
import type { LoadFlags } from './flags.ts';

/** Throws CommandError with every mistake of the files; warnings are printed. */
export function loadSpec({ terminal, environment }: Session, name: string | undefined, flags: LoadFlags): StackSpec {
  const request = specRequest(environment, name, flags);
  const { stack, diagnostics } = loadStack(request);
  if (!stack && flags.json === true) terminal.out(JSON.stringify({ refused: true, diagnostics }));
  if (!stack) throw new CommandError(refusalText(diagnostics, request, terminal));
  warn(terminal, diagnostics);
  return stack;
}

export function specRequest(environment: Session['environment'], name: string | undefined, flags: LoadFlags): LoadRequest {
  if (!flags.composeFile) throw new CommandError('name a stack file: -c FILE', exitCodes.usage);
  const { files, directory } = readStackFiles(flags.composeFile);
  return {
    mode: 'spec',
    ...(name !== undefined && { stack: name }),
    files,
    directory,
    ...surroundings(environment),
    ...(flags.profile && { profiles: flags.profile }),
    ...(flags.envFile && { envFiles: flags.envFile.map((path) => resolve(path)) }),
    rotate: flags.rotate !== false,
    strictVariables: flags.strictVars === true,
  };
}

/** Every mistake; for a person at a terminal with the line that it is in. */
export function refusalText(diagnostics: readonly Diagnostic[], { files, directory }: LoadRequest, { interactive }: Terminal): string {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length === 0) return `the stack in ${basename(directory)} is refused`;
  return (interactive ? explainDiagnostics(errors, files) : errors.map(diagnosticText)).join('\n');
}

export function warn(terminal: Terminal, diagnostics: readonly Diagnostic[]): void {
  for (const diagnostic of diagnostics) terminal.error(`warning: ${diagnosticText(diagnostic)}`);
}
