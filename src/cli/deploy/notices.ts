/** What Docker's loader says on the way, as its CLI prints it. */
import { printable } from '#base/text/printable';
import type { StackFile } from '#compose/compose';
import type { Notice } from '#compose/strict/notices';
import { isMap } from '#compose/value';
import { readYaml } from '#compose/yaml/read';
import { CommandError } from '../command-error.ts';
import type { Terminal } from '../output/terminal.ts';

export function printNotices(terminal: Terminal, notices: readonly Notice[]): void {
  for (const notice of notices) {
    if (notice.kind === 'text') terminal.raw(printable(notice.text), 'stderr');
    else terminal.error(`time="${localTime(new Date())}" level=warning msg=${JSON.stringify(notice.message)}`);
  }
}

/** Seconds, with the offset of where we are. */
function localTime(now: Date): string {
  const offset = -now.getTimezoneOffset();
  const shifted = new Date(now.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return offset === 0 ? `${shifted}Z` : `${shifted}${offset > 0 ? '+' : '-'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
}

/** Docker reads and parses file by file: a broken file before a missing one is what it reports. Throws Refusal. */
export function checkReadable(files: readonly StackFile[]): void {
  for (const file of files) {
    if (!isMap(readYaml(file.path, file.bytes).value)) throw new CommandError('top-level object must be a mapping');
  }
}
