/** What is wrong with stack files, in the formats of those who ask: people, programs, CI servers. */
import { counted } from '#base/text/human';
import { diagnosticText, type Diagnostic, type StackFile } from '#compose/compose';
import { explainDiagnostics } from '#compose/explain';

export type LintFormat = 'text' | 'json' | 'junit';
export const lintFormats: readonly string[] = ['text', 'json', 'junit'] satisfies LintFormat[];

export interface Linted {
  files: readonly StackFile[];
  /** How many the files have; undefined when they are mistaken. */
  services: number | undefined;
  diagnostics: readonly Diagnostic[];
}

/** Lines for stdout. */
export function lintLines({ files, services, diagnostics }: Linted, format: LintFormat): string[] {
  if (format === 'text') return [...explainDiagnostics(diagnostics, files), lintSummary(services, diagnostics)];
  if (format === 'json') return [JSON.stringify({ services, errors: count(diagnostics, 'error'), warnings: count(diagnostics, 'warning'), diagnostics })];
  return junitLines(files, diagnostics);
}

function lintSummary(services: number | undefined, diagnostics: readonly Diagnostic[]): string {
  const found = (['error', 'warning'] as const).map((severity) => counted(count(diagnostics, severity), severity));
  return [...(services === undefined ? [] : [counted(services, 'service')]), ...found].join(', ');
}

function count(diagnostics: readonly Diagnostic[], severity: Diagnostic['severity']): number {
  return diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
}

/** A test for each file; what names no file is the first one's. */
function junitLines(files: readonly StackFile[], diagnostics: readonly Diagnostic[]): string[] {
  const paths = [...new Set([...files.map(({ path }) => path), ...diagnostics.flatMap(({ file }) => file ?? [])])];
  const of = (path: string): Diagnostic[] => diagnostics.filter(({ file }) => (file ?? paths[0]) === path);
  const failed = paths.filter((path) => count(of(path), 'error') > 0).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="shoal stack lint" tests="${paths.length}" failures="${failed}" errors="0" skipped="0">`,
    ...paths.flatMap((path) => testCase(path, of(path))),
    '</testsuite>',
  ];
}

function testCase(path: string, diagnostics: readonly Diagnostic[]): string[] {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const warnings = diagnostics.filter(({ severity }) => severity === 'warning');
  const head = `  <testcase classname="stack" name="${escaped(path)}"`;
  if (diagnostics.length === 0) return [`${head}/>`];
  return [
    `${head}>`,
    ...(errors.length > 0 ? [`    <failure message="${escaped(errors[0]?.message ?? '')}">${escaped(errors.map(diagnosticText).join('\n'))}</failure>`] : []),
    ...(warnings.length > 0 ? [`    <system-out>${escaped(warnings.map(diagnosticText).join('\n'))}</system-out>`] : []),
    '  </testcase>',
  ];
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML has no place for control characters. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
