/** Prints a list as docker's commands do: a table, ids alone, JSON lines, or a template of the user's. */
import { compareTexts } from '#base/text/text';
import { expandForRow, jsonText } from './template.ts';
import { tableLines } from './table.ts';

export interface Column<T> {
  heading: string;
  /** Key under --format; the heading in camel case where docker has it so. */
  key: string;
  text(row: T): string;
  /** What templates and JSON show instead of the text. */
  value?(row: T): unknown;
}

export interface ListOptions {
  quiet?: boolean | undefined;
  format?: string | undefined;
}

/** Beside the table's columns. */
export interface ListExtras<T> {
  /** Keys that only templates and JSON show. */
  more?: readonly Column<T>[];
  /** What `{{.Label "key"}}` reads; such lists have it and no others. */
  labels?: (row: T) => Readonly<Record<string, string>>;
}

/** Lines for `rows`. */
export async function listLines<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  { quiet, format }: ListOptions,
  id: (row: T) => string,
  { more = [], labels }: ListExtras<T> = {},
): Promise<string[]> {
  if (quiet && (format === undefined || format === 'table')) return rows.map(id);
  if (quiet && format === 'raw') return rows.map((row) => `id: ${id(row)}`);
  const all = [...columns, ...more];
  if (format === 'json') return rows.map((row) => jsonText(valuesOf(all, row)));
  if (format === 'raw') return rows.flatMap((row) => [...columns.map((column) => `${rawKey(column)}: ${String(shown(column, row))}`), '']);
  if (format === undefined || format === 'table') {
    return tableLines([columns.map((column) => column.heading), ...rows.map((row) => columns.map((column) => column.text(row)))]);
  }
  const data = rows.map((row) => ({ ...valuesOf(all, row), ...(labels && { Label: (key: unknown) => labels(row)[String(key)] ?? '' }) }));
  // As docker has it: in a list's template \t and \n need no quotes around them.
  const template = format.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  if (!template.startsWith('table ')) return data.map((row) => expandForRow(template, row));
  const headings = Object.fromEntries(all.map((column) => [column.key, column.heading]));
  const body = template.slice('table '.length);
  return tableLines([{ ...headings, ...(labels && { Label: String }) }, ...data].map((row) => expandForRow(body, row).split('\t')));
}

/** `a=b,c=d` */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function shown<T>(column: Column<T>, row: T): unknown {
  return column.value ? column.value(row) : column.text(row);
}

function valuesOf<T>(columns: readonly Column<T>[], row: T): Record<string, unknown> {
  return Object.fromEntries(columns.map((column) => [column.key, shown(column, row)] as const).sort(([a], [b]) => compareTexts(a, b)));
}

/** `DESIRED STATE` is `desired_state`, `NETWORK ID` is `network_id`. */
function rawKey<T>(column: Column<T>): string {
  return column.heading.toLowerCase().replaceAll(' ', '_');
}
