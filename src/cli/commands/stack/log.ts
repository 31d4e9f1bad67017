/** `stack history --log`, `repo history`: who did what to a stack or a repository, and whether its log is as it was written. */
import { counted, humanDuration } from '#base/text/human';
import type { LogCheck } from '#model/difference/log-check';
import type { Deed } from '#model/git/deed';
import { CommandError, exitCodes } from '../../command-error.ts';
import { listLines, type Column } from '../../output/list.ts';
import type { Session } from '../../session.ts';

export interface LogFlags {
  format?: string;
  quiet?: boolean;
  verify?: boolean;
  head?: string;
}

/** An entry as the daemon shows it. */
type ShownDeed = Omit<Deed['Spec'], 'Name' | 'Of' | 'Content'> & { Seal: string };

const columns: readonly Column<ShownDeed>[] = [
  { heading: 'ENTRY', key: 'Number', text: ({ Number: number }) => String(number), value: (deed) => deed.Number },
  { heading: 'WHEN', key: 'When', text: ({ Time }) => `${humanDuration(Date.now() - Date.parse(Time))} ago` },
  { heading: 'WHO', key: 'Who', text: ({ Who }) => Who },
  { heading: 'WHAT', key: 'What', text: ({ What }) => What },
  { heading: 'REVISION', key: 'Revision', text: ({ Revision: number }) => (number === undefined ? '' : String(number)), value: (deed) => deed.Revision },
  { heading: 'COMMIT', key: 'Commit', text: ({ Commit = '' }) => Commit.slice(0, 12), value: ({ Commit }) => Commit },
  { heading: 'PLAN', key: 'Plan', text: ({ Plan = '' }) => Plan },
  { heading: 'REASON', key: 'Reason', text: ({ Reason = '' }) => Reason },
];
const more: readonly Column<ShownDeed>[] = [
  { heading: 'TIME', key: 'Time', text: ({ Time }) => Time },
  { heading: 'SEAL', key: 'Seal', text: ({ Seal }) => Seal },
];

/** Newest first. @param path of the stack or the repository */
export async function listLog({ client, terminal }: Pick<Session, 'client' | 'terminal'>, path: string, flags: LogFlags): Promise<void> {
  const deeds = await client.get<ShownDeed[]>(`${path}/log`);
  for (const line of await listLines(deeds.toReversed(), columns, flags, ({ Number: number }) => String(number), { more })) terminal.out(line);
}

export async function verifyLog(
  { client, terminal }: Pick<Session, 'client' | 'terminal'>,
  what: string,
  path: string,
  { head }: Pick<LogFlags, 'head'>,
): Promise<void> {
  const found = await client.get<LogCheck>(`${path}/log/check`, head === undefined ? {} : { head });
  if (found.Broken) throw new CommandError(`the log of ${what} breaks at ${found.Broken.At}: ${found.Broken.Why}`, exitCodes.refused);
  const revisions = found.Revisions === 0 ? '' : ` and ${counted(found.Revisions, 'revision')}`;
  if (found.Head === '')
    terminal.out(`nothing of ${what} is logged yet${found.Revisions === 0 ? '' : `: ${counted(found.Revisions, 'revision')} came before there were logs`}`);
  else
    terminal.out(
      `${found.Entries === 1 ? '1 entry' : `${found.Entries} entries`}${revisions}, as they were written: from ${found.Before || 'the first'} to ${found.Head}`,
    );
}
