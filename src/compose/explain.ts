/** Diagnostics for people at a terminal: the line of the file, and a mark under the place. */
import { diagnosticText } from './compose.ts';
import type { Diagnostic, StackFile } from './compose.ts';

/** Columns that are shown of one line, the place within them. */
const maxShown = 100;

/**
 * Lines of text, in the order of `diagnostics`; below each whose file is among `files` its source line and a caret.
 * Control characters of the file are shown as blanks.
 */
export function explainDiagnostics(diagnostics: readonly Diagnostic[], files: readonly StackFile[]): string[] {
  const sources = new Map(files.map(({ path, bytes }) => [path, new TextDecoder().decode(bytes).split('\n')]));
  return diagnostics.flatMap((diagnostic) => {
    const { file, line, column } = diagnostic;
    const source = file === undefined || line === undefined ? undefined : sources.get(file)?.[line - 1];
    const text = diagnostic.severity === 'warning' ? `warning: ${diagnosticText(diagnostic)}` : diagnosticText(diagnostic);
    return source === undefined || source.trim() === '' ? [text] : [text, ...marked(source, line ?? 1, column ?? 1)];
  });
}

function marked(source: string, line: number, column: number): string[] {
  const first = column <= maxShown ? 0 : column - Math.floor(maxShown / 2);
  const shown = source
    .slice(first, first + maxShown)
    .replace(/\p{Cc}/gu, ' ')
    .trimEnd();
  const gutter = String(line);
  return [`  ${gutter} | ${shown}`, `  ${' '.repeat(gutter.length)} | ${' '.repeat(Math.max(0, column - 1 - first))}^`];
}
