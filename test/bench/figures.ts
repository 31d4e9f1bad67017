/** Medians and how they are shown. */

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export interface Row {
  what: string;
  figure: string;
  target?: string;
  /** Whether the target is met; absent without one. */
  met?: boolean;
}

/** Lines of a table: what, figure, target, verdict. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ what, figure, target = '', met }) => [what, figure, target, met === undefined ? '' : met ? 'met' : 'NOT met']);
  const lines = [['BENCH', 'FIGURE', 'TARGET', ''], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
