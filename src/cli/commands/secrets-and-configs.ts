/** `secret` and `config`: create, ls, inspect, rm. The two differ in a name and a column. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { humanDuration } from '#base/text/human';
import type { Secret } from '#model/object/secret';
import { filters } from '../client.ts';
import { CommandError } from '../command-error.ts';
import { labelText, listLines, type Column } from '../output/list.ts';
import { prettyConfig, prettySecret } from '../output/file-pretty.ts';
import { compareNatural } from '../output/natural.ts';
import { collect, filterMap, openSession } from '../session.ts';
import { removeEach } from './change.ts';
import { inspectObjects } from './inspect.ts';
import { readDisk } from '../deploy/stack-files.ts';

type FileKind = 'secret' | 'config';

interface ListFlags {
  format?: string;
  filter?: string[];
  quiet?: boolean;
}

export function addFiles(program: Command, kind: FileKind): Command {
  const group = program.command(kind).description(`manage ${kind}s`);
  group
    .command('create')
    .description(`create a ${kind} from a file or, with \`-\`, from standard input`)
    .argument('<name>')
    .argument('<file>')
    .option('-l, --label <key=value>', 'label', collect)
    .option('--template-driver <driver>', 'golang: the content is a template')
    .action((name: string, file: string, flags: { label?: string[]; templateDriver?: string }, command: Command) =>
      createFile(kind, name, file, flags, command),
    );
  group
    .command('ls')
    .alias('list')
    .description(`list ${kind}s`)
    .option('-f, --filter <filter>', 'id=, name=, label=', collect)
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .action((flags: ListFlags, command: Command) => listFiles(kind, flags, command));
  group
    .command('inspect')
    .description(`show ${kind}s${kind === 'secret' ? ', without their values' : ''}`)
    .argument(`<${kind}...>`)
    .option('-f, --format <template>', 'a template')
    .option('--pretty', 'for people to read')
    .action((names: readonly string[], { format, pretty }: { format?: string; pretty?: boolean }, command: Command) => {
      if (pretty && format !== undefined) throw new CommandError('--format is incompatible with human friendly format');
      const shown = pretty ? (kind === 'secret' ? prettySecret : prettyConfig) : undefined;
      return inspectObjects(openSession(command), names, format, kind, (name) => [`/${kind}s/${encodeURIComponent(name)}`], shown as never);
    });
  group
    .command('rm')
    .alias('remove')
    .description(`remove ${kind}s`)
    .argument(`<${kind}...>`)
    .action((names: readonly string[], _: object, command: Command) =>
      removeEach(openSession(command), names, (name) => `/${kind}s/${encodeURIComponent(name)}`),
    );
  return group;
}

async function createFile(kind: FileKind, name: string, file: string, flags: { label?: string[]; templateDriver?: string }, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const Labels = Object.fromEntries((flags.label ?? []).map((text) => [text.split('=')[0], text.split('=').slice(1).join('=')]));
  const Data = Buffer.from(readContent(file)).toString('base64');
  const { ID } = await client.post<{ ID: string }>(`/${kind}s/create`, {
    Name: name,
    Labels,
    Data,
    ...(flags.templateDriver && { Templating: { Name: flags.templateDriver } }),
  });
  terminal.out(ID);
}

export function readContent(file: string): Uint8Array {
  if (file === '-') return readFileSync(0);
  const result = readDisk(file);
  if ('error' in result) throw new CommandError(result.error);
  return result.bytes;
}

async function listFiles(kind: FileKind, flags: ListFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  const objects = await client.get<Secret[]>(`/${kind}s`, filters(filterMap(flags.filter)));
  objects.sort((a, b) => compareNatural(a.Spec.Name, b.Spec.Name));
  const age = (time: string): string => `${humanDuration(Date.now() - Date.parse(time))} ago`;
  const columns: Column<Secret>[] = [
    { heading: 'ID', key: 'ID', text: (object) => object.ID },
    { heading: 'NAME', key: 'Name', text: (object) => object.Spec.Name },
    ...(kind === 'secret' ? [{ heading: 'DRIVER', key: 'Driver', text: (object: Secret) => object.Spec.Driver?.Name ?? '' }] : []),
    { heading: 'CREATED', key: 'CreatedAt', text: (object) => age(object.CreatedAt) },
    { heading: 'UPDATED', key: 'UpdatedAt', text: (object) => age(object.UpdatedAt) },
  ];
  const labels = (object: Secret): Readonly<Record<string, string>> => object.Spec.Labels ?? {};
  const more: Column<Secret>[] = [{ heading: 'LABELS', key: 'Labels', text: (object) => labelText(labels(object)) }];
  for (const line of await listLines(objects, columns, flags, (object) => object.ID, { more, labels })) terminal.out(line);
}
