/** Prints a list as docker's commands do: a table, ids alone, JSON lines, or a template of the user's. */
import { expandTemplate } from './template.ts';
import { tableLines } from './table.ts';

export interface Column<T> {
  heading: string;
  /** Key under --format; the heading in camel case where docker has it so. */
  key: string;
  text(row: T): string;
}

export interface ListOptions {
  quiet?: boolean | undefined;
  format?: string | undefined;
}

/** Lines for `rows`. `more` are keys that only templates and JSON show. */
export function listLines<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  { quiet, format }: ListOptions,
  id: (row: T) => string,
  more: readonly Column<T>[] = [],
): string[] {
  if (quiet && format === undefined) return rows.map(id);
  const all = [...columns, ...more];
  const data = (row: T): Record<string, string> =>
    Object.fromEntries(all.map((column) => [column.key, column.text(row)]).sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? '')));
  if (format === 'json') return rows.map((row) => JSON.stringify(data(row)));
  if (format === undefined || format === 'table') {
    return tableLines([columns.map((column) => column.heading), ...rows.map((row) => columns.map((column) => column.text(row)))]);
  }
  if (!format.startsWith('table ')) return rows.map((row) => expandTemplate(format, data(row)));
  const template = format.slice('table '.length);
  const headings = Object.fromEntries(all.map((column) => [column.key, column.heading]));
  return tableLines([headings, ...rows.map(data)].map((row) => expandTemplate(template, row).split('\t')));
}
