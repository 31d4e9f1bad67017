/** Collects what is wrong with a stack's files, each with its place. */
import { compareTexts } from '#base/text/text';
import { Refusal } from '#base/refusal';
import type { Diagnostic } from '../compose.ts';
import type { SchemaError } from '../schema/check.ts';
import { isList, isMap } from '../value.ts';
import type { Path, Value } from '../value.ts';
import type { Source } from '../yaml/read.ts';
import { nearest } from './nearest.ts';

/** More than anyone reads at once; and where collecting ends, since each has its place to be looked up. */
const maxDiagnostics = 200;
const maxCollected = 1000;

export interface Report {
  diagnostics: Diagnostic[];
  /** Files read so far; a later one speaks for a path before an earlier one. */
  sources: Source[];
}

export function newReport(): Report {
  return { diagnostics: [], sources: [] };
}

export function failed(report: Report): boolean {
  return report.diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

/** Sorted by place, each once. */
export function diagnosticsOf(report: Report): Diagnostic[] {
  const seen = new Map(report.diagnostics.map((diagnostic) => [JSON.stringify(diagnostic), diagnostic]));
  const order = (a: Diagnostic, b: Diagnostic): number =>
    compareTexts(a.file ?? '', b.file ?? '') || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0) || compareTexts(a.message, b.message);
  return [...seen.values()].sort(order).slice(0, maxDiagnostics);
}

/** Adds one diagnostic; `source` absent: the last file that holds the path. */
export function add(report: Report, severity: Diagnostic['severity'], path: Path, message: string, hint?: string, source?: Source): void {
  if (report.diagnostics.length >= maxCollected) return;
  const holder = source ?? holderOf(report, path);
  const place = holder?.place(path);
  report.diagnostics.push({
    severity,
    ...(holder && { file: holder.path }),
    ...place,
    ...(path.length > 0 && { key: path.join('.') }),
    message,
    ...(hint !== undefined && { hint }),
  });
}

/** `file:line:column` of what stands at `path`. */
export function placeText(report: Report, path: Path): string {
  const holder = holderOf(report, path);
  const place = holder?.place(path);
  return [holder?.path, place?.line, place?.column].filter((part) => part !== undefined).join(':');
}

/** The last file that holds the path. */
function holderOf(report: Report, path: Path): Source | undefined {
  return report.sources.findLast((candidate) => holds(candidate.value, path)) ?? report.sources[0];
}

function holds(value: Value, path: Path): boolean {
  let current: Value | undefined = value;
  for (const step of path) {
    if (isList(current)) current = current[Number(step)];
    else if (isMap(current)) current = current[String(step)];
    else return false;
    if (current === undefined) return false;
  }
  return true;
}

/** What Docker's decoder puts before its reason; the place says it better. */
const decoderPrefix = /^decoding failed due to the following error\(s\):\n\n(error decoding '[^']*': )?/;

/** The decoder's `Deploy.Resources.Limits.memory` and `Volumes[1]` as keys of the file. */
function fieldPath(field: string): (string | number)[] {
  const steps = field
    .toLowerCase()
    .split(/[.[\]]+/)
    .filter((step) => step !== '');
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

/** Adds a refusal thrown somewhere below; a fault of our own goes on up. `path` stands in where it names none. */
export function addRefusal(report: Report, error: unknown, path: Path = [], source?: Source): void {
  if (!(error instanceof Refusal)) throw error;
  const { file, line, column, path: own, field, hint } = error.facts;
  const message = error.message.replace(decoderPrefix, '');
  if (typeof file === 'string') {
    const place = { ...(typeof line === 'number' && { line }), ...(typeof column === 'number' && { column }) };
    report.diagnostics.push({ severity: 'error', file, ...place, message, ...(typeof hint === 'string' && { hint }) });
    return;
  }
  const inner = typeof field === 'string' ? fieldPath(field) : Array.isArray(own) ? (own as (string | number)[]) : [];
  add(report, 'error', [...path, ...inner], message, undefined, source);
}

/** Adds a schema's errors, leaving out "none of these forms" where the nearest form's own errors follow. */
export function addSchemaErrors(report: Report, errors: readonly SchemaError[], severity: Diagnostic['severity'], source: Source): void {
  for (const [index, error] of errors.entries()) {
    const next = errors[index + 1];
    if (error.kind === 'oneOf' && next !== undefined && startsWith(next.path, error.path)) continue;
    const path = error.unknownKey === undefined ? error.path : [...error.path, error.unknownKey];
    const guess = error.unknownKey === undefined ? undefined : nearest(error.unknownKey, error.knownKeys ?? []);
    const hint = error.hint ?? (guess === undefined ? undefined : `did you mean ${guess}?`);
    const message = error.unknownKey === undefined ? withoutPath(error) : `unknown key ${error.unknownKey}`;
    add(report, severity, path, message, hint, source);
  }
}

/** The place says it better. */
function withoutPath({ path, message }: SchemaError): string {
  const words = `${path.join('.')} `;
  return path.length > 0 && message.includes(words) ? message.replace(words, '') : message;
}

function startsWith(path: Path, prefix: Path): boolean {
  return prefix.every((step, index) => step === path[index]);
}
