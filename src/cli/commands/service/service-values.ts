/** What the texts behind service flags mean: ports, mounts, files, durations. Bad ones are refused with exit code 2. */
import { parseDuration } from '#base/text/duration';
import { parseSize } from '#base/text/human';
import type { GenericResource, Mount, NetworkAttachmentConfig, PortConfig } from '#model/object/service-spec';
import { CommandError, exitCodes } from '../../command-error.ts';

const longestRange = 1000;

/** One port, or as many as the range in `text` has. */
export function ports(text: string, flag: string): PortConfig[] {
  const short = /^(?:(\d+)(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (!short) return [longPort(text, flag)];
  const [, published, publishedEnd = published, target = '', targetEnd = target, protocol] = short;
  const count = Number(targetEnd) - Number(target) + 1;
  const publishedCount = published === undefined ? count : Number(publishedEnd) - Number(published) + 1;
  if (count < 1 || count > longestRange || count !== publishedCount) throw usage(`${flag}: the ranges in "${text}" do not fit each other`);
  return Array.from({ length: count }, (_, index) => ({
    Protocol: oneOf(`${flag} protocol`, protocol ?? 'tcp', ['tcp', 'udp', 'sctp']),
    TargetPort: portNumber(flag, Number(target) + index),
    ...(published !== undefined && { PublishedPort: portNumber(flag, Number(published) + index) }),
    PublishMode: 'ingress' as const,
  }));
}

function longPort(text: string, flag: string): PortConfig {
  const keys = keyValues(text, flag, ['published', 'target', 'protocol', 'mode']);
  const { published, target } = keys;
  if (target === undefined) throw usage(`${flag} needs a target port: "${text}"`);
  return {
    Protocol: oneOf(`${flag} protocol`, keys['protocol'] ?? 'tcp', ['tcp', 'udp', 'sctp']),
    TargetPort: portNumber(flag, whole(`${flag} target`, target)),
    ...(published !== undefined && { PublishedPort: portNumber(flag, whole(`${flag} published`, published)) }),
    PublishMode: oneOf(`${flag} mode`, keys['mode'] ?? 'ingress', ['ingress', 'host']),
  };
}

function portNumber(flag: string, port: number): number {
  if (port > 65_535) throw usage(`${flag}: ${port} is no port: the highest is 65535`);
  return port;
}

const mountKeys =
  'type source src target destination dst readonly ro consistency bind-propagation bind-nonrecursive ' +
  'bind-create-src volume-nocopy volume-subpath volume-driver volume-label volume-opt tmpfs-size tmpfs-mode';

export function mount(text: string): Mount {
  const keys = keyValues(text, '--mount', mountKeys.split(' '));
  const Target = keys['target'] ?? keys['destination'] ?? keys['dst'];
  if (Target === undefined) throw usage(`--mount needs a target: "${text}"`);
  const Source = keys['source'] ?? keys['src'];
  const Type = oneOf('--mount type', keys['type'] ?? 'volume', ['bind', 'volume', 'tmpfs']);
  const alien = Object.keys(keys).find((key) => /^(bind|volume|tmpfs)-/.test(key) && !key.startsWith(`${Type}-`));
  if (alien !== undefined) throw usage(`--mount: ${alien} does not go with type=${Type}`);
  return {
    Type,
    Target,
    ...(Source !== undefined && { Source }),
    ...((isOn(keys, 'readonly') || isOn(keys, 'ro')) && { ReadOnly: true }),
    ...(keys['consistency'] !== undefined && { Consistency: keys['consistency'] }),
    ...mountOptions(text, keys),
  };
}

type Keys = Readonly<Record<string, string | undefined>>;

function mountOptions(text: string, keys: Keys): Pick<Mount, 'BindOptions' | 'VolumeOptions' | 'TmpfsOptions'> {
  const bind = {
    ...(keys['bind-propagation'] !== undefined && { Propagation: keys['bind-propagation'] }),
    ...(isOn(keys, 'bind-nonrecursive') && { NonRecursive: true }),
    ...(isOn(keys, 'bind-create-src') && { CreateMountpoint: true }),
  };
  const labels = pairs(repeated(text, 'volume-label'));
  const options = pairs(repeated(text, 'volume-opt'));
  const driver = keys['volume-driver'];
  const volume = {
    ...(isOn(keys, 'volume-nocopy') && { NoCopy: true }),
    ...(keys['volume-subpath'] !== undefined && { Subpath: keys['volume-subpath'] }),
    ...(labels && { Labels: labels }),
    ...((driver !== undefined || options) && { DriverConfig: { ...(driver !== undefined && { Name: driver }), ...(options && { Options: options }) } }),
  };
  const tmpfs = {
    ...(keys['tmpfs-size'] !== undefined && { SizeBytes: size('--mount tmpfs-size', keys['tmpfs-size']) }),
    ...(keys['tmpfs-mode'] !== undefined && { Mode: octal('--mount tmpfs-mode', keys['tmpfs-mode']) }),
  };
  return {
    ...(Object.keys(bind).length > 0 && { BindOptions: bind }),
    ...(Object.keys(volume).length > 0 && { VolumeOptions: volume }),
    ...(Object.keys(tmpfs).length > 0 && { TmpfsOptions: tmpfs }),
  };
}

/** A key without a value is on. */
function isOn(keys: Keys, key: string): boolean {
  return key in keys && !['false', '0'].includes(keys[key] ?? '');
}

function repeated(text: string, key: string): string[] | undefined {
  const found = text.split(',').filter((part) => part.startsWith(`${key}=`));
  return found.length > 0 ? found.map((part) => part.slice(key.length + 1)) : undefined;
}

export function networkAttachment(text: string): NetworkAttachmentConfig {
  if (!text.includes('=')) return { Target: text };
  const keys = keyValues(text, '--network', ['name', 'alias', 'driver-opt']);
  if (keys['name'] === undefined) throw usage(`--network needs a name: "${text}"`);
  const aliases = repeated(text, 'alias');
  const options = pairs(repeated(text, 'driver-opt'));
  return { Target: keys['name'], ...(aliases && { Aliases: aliases }), ...(options && { DriverOpts: options }) };
}

/** A secret or config and the file that it becomes. `root` stands before a target that is not given. */
export function fileReference(text: string, flag: string, root: string): { source: string; File: { Name: string; UID: string; GID: string; Mode: number } } {
  const keys: Keys = text.includes('=') ? keyValues(text, flag, ['source', 'src', 'target', 'uid', 'gid', 'mode']) : { source: text };
  const source = keys['source'] ?? keys['src'];
  if (!source) throw usage(`${flag} needs a source: "${text}"`);
  return {
    source,
    File: { Name: keys['target'] ?? root + source, UID: keys['uid'] ?? '0', GID: keys['gid'] ?? '0', Mode: octal(flag, keys['mode'] ?? '0444') },
  };
}

/** `name=soft[:hard]` */
export function ulimit(text: string): { Name: string; Soft: number; Hard: number } {
  const match = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (!match) throw usage(`--ulimit is name=soft[:hard], not "${text}"`);
  return { Name: match[1] ?? '', Soft: Number(match[2]), Hard: Number(match[3] ?? match[2]) };
}

/** `host:address` as a line of a hosts file: address first. */
export function hostLine(text: string): string {
  const at = text.search(/[:=]/);
  if (at < 1 || at === text.length - 1) throw usage(`--host is NAME:ADDRESS, not "${text}"`);
  return `${text.slice(at + 1)} ${text.slice(0, at)}`;
}

/** `kind=2` is a count, `kind=name` a named one. */
export function genericResource(text: string): GenericResource {
  const [Kind = '', Value = ''] = text.split('=');
  if (Kind === '' || Value === '') throw usage(`--generic-resource is kind=value, not "${text}"`);
  return /^\d+$/.test(Value) ? { DiscreteResourceSpec: { Kind, Value: Number(Value) } } : { NamedResourceSpec: { Kind, Value } };
}

function keyValues(text: string, flag: string, known: readonly string[]): Record<string, string | undefined> {
  const parts = text.split(',').map((part) => part.split('='));
  for (const [key = ''] of parts)
    if (!known.includes(key.toLowerCase())) throw usage(`${flag}: unexpected key "${key}" in "${text}"; it may be ${known.join(', ')}`);
  return Object.fromEntries(parts.map(([key = '', ...rest]) => [key.toLowerCase(), rest.join('=')]));
}

export function pairs(texts: readonly string[] | undefined): Record<string, string> | undefined {
  return texts && Object.fromEntries(texts.map((text) => [text.split('=')[0] ?? '', text.split('=').slice(1).join('=')]));
}

export function whole(flag: string, text: string): number {
  if (!/^\d+$/.test(text)) throw usage(`${flag} is a whole number, not "${text}"`);
  return Number(text);
}

function octal(flag: string, text: string): number {
  if (!/^[0-7]+$/.test(text)) throw usage(`${flag}: mode is octal, such as 0400, not "${text}"`);
  return Number.parseInt(text, 8);
}

export function duration(flag: string, text: string): number {
  const value = parseDuration(text);
  if (value === undefined) throw usage(`${flag} is a duration such as 10s or 1m30s, not "${text}"`);
  return value;
}

export function size(flag: string, text: string): number {
  try {
    return parseSize(text);
  } catch {
    throw usage(`${flag} is a size such as 64M, not "${text}"`);
  }
}

export function oneOf<T extends string>(flag: string, text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw usage(`${flag} is one of ${values.join(', ')}, not "${text}"`);
  return found;
}

export function usage(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
