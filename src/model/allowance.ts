/** What a repository may be allowed beyond running containers of its own, and what it is held to: the words, and whether a list of them covers something. */
import { matchesWildcard } from '#base/text/wildcard';
import { constraintText } from './constraint.ts';

/** Each word with its meaning; `value` says what stands behind the `=`. Where one of those is said that take away, the repository has what is said of its kind alone. */
export const allowances = {
  mounts: { value: 'PATH', meaning: 'bind mounts of this folder of the host, and of all below it' },
  privileged: { value: undefined, meaning: 'privileged containers' },
  capabilities: { value: 'NAME', meaning: 'this capability, beyond those that every container has; ALL for all' },
  host: { value: 'NAMESPACE', meaning: 'a namespace of the host, or of another container: network, pid, ipc, uts, userns or cgroup' },
  devices: { value: 'PATH', meaning: 'this device of the host, or all below this folder; gpus for graphics cards' },
  unconfined: { value: undefined, meaning: 'containers without seccomp, AppArmor or SELinux, or with profiles and options of their own' },
  sysctls: { value: 'NAME', meaning: 'a kernel setting that is not the container’s own' },
  volumes: { value: 'DRIVER', meaning: 'volumes of this driver, or local ones of this file system' },
  external: { value: 'NAME', meaning: 'this network, secret, config or volume that is not the stack’s own' },
  networks: { value: 'DRIVER', meaning: 'networks of this driver; options for driver options, subnets for subnets of their own' },
  secrets: { value: 'DRIVER', meaning: 'secrets that this driver brings' },
  logging: { value: 'DRIVER', meaning: 'this log driver; builtin ones need no word unless an option names a path or an address of the host itself' },
  runtime: { value: 'NAME', meaning: 'this OCI runtime, its annotations, or a cgroup parent: any of runtime=NAME, runtime=annotations, runtime=cgroup-parent' },
  notify: { value: 'HOST', meaning: 'telling this host (host:port) what its own file says under `notifications`' },
  repositories: { value: 'PLACE', meaning: 'declaring repositories at this URL or path, and all below it' },
  upgrade: { value: undefined, meaning: 'saying which release of shoal the daemons of the cluster run; needs full trust, and an operator’s own word' },
  limits: { value: 'NAME', meaning: 'limits that bear on the whole host: oom, rtprio or nice' },
  stacks: { value: 'NAME', meaning: 'no stacks but those of this name; * and ? stand for parts of it', takesAway: true },
  registries: {
    value: 'PLACE',
    meaning: 'no images but those of this registry, or of this path in it and all below; Docker Hub is docker.io, its own are docker.io/library',
    takesAway: true,
  },
  ports: { value: 'RANGE', meaning: 'no published ports but this one, or these: 8080 or 8000-8999', takesAway: true },
  nodes: { value: 'CONSTRAINT', meaning: 'no services but those that have this placement constraint: node.labels.zone==shop', takesAway: true },
} as const satisfies Readonly<Record<string, { value: string | undefined; meaning: string; takesAway?: true }>>;

export type AllowanceWord = keyof typeof allowances;

/** Whether it takes away, and gives nothing. */
export function isLimit(word: AllowanceWord): boolean {
  return 'takesAway' in allowances[word];
}

/** Something that a repository may not have without its word. */
export interface Need {
  word: AllowanceWord;
  /** '' for words without one. */
  value: string;
}

/** `mounts=/srv/data`; undefined when it is none of the words, or lacks its value. */
export function readAllowance(text: string): Need | undefined {
  const at = text.indexOf('=');
  const word = at === -1 ? text : text.slice(0, at);
  const value = at === -1 ? '' : text.slice(at + 1);
  if (!Object.hasOwn(allowances, word)) return undefined;
  const known = word as AllowanceWord;
  if ((allowances[known].value === undefined) !== (value === '')) return undefined;
  if (isPathWord(known) && value !== 'gpus' && value !== '*' && !value.startsWith('/')) return undefined;
  const normal = normalValue(known, value);
  return normal === undefined ? undefined : { word: known, value: normal };
}

/** As it is compared; undefined where it can cover nothing. */
function normalValue(word: AllowanceWord, value: string): string | undefined {
  if (isPathWord(word) && value.startsWith('/')) return cleanPath(value);
  if (value === '*') return value;
  if (word === 'ports') return rangeOf(value) && value;
  if (word === 'nodes') return constraintText(value);
  return word === 'registries' ? value.replace(/\/+$/, '') || undefined : value;
}

/** `8080` or `8000-8999`. */
function rangeOf(text: string): { first: number; last: number } | undefined {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  return first >= 1 && first <= last && last <= 0xffff ? { first, last } : undefined;
}

export function allowanceText({ word, value }: Need): string {
  return value === '' ? word : `${word}=${value}`;
}

/** `mounts=PATH, privileged, …`: for refusals and help. */
export function allowanceUsage(): string {
  return Object.entries(allowances)
    .map(([word, { value }]) => (value === undefined ? word : `${word}=${value}`))
    .join(', ');
}

function isPathWord(word: AllowanceWord): boolean {
  return word === 'mounts' || word === 'devices';
}

/** Whether one of the words covers it. A path covers itself and what is below it; `*` covers all of its word. */
export function isAllowed(asked: Need, allowed: readonly string[]): boolean {
  const need = isPathWord(asked.word) && asked.value.startsWith('/') ? { ...asked, value: cleanPath(asked.value) } : asked;
  return allowed.some((text) => {
    const known = readAllowance(text);
    if (!known || known.word !== need.word) return false;
    if (known.value === '*' || known.value === need.value) return true;
    if (need.word === 'repositories' || need.word === 'registries') return isPlaceBelow(need.value, known.value);
    if (need.word === 'stacks') return matchesWildcard(known.value, need.value);
    if (need.word === 'ports') return isWithin(need.value, known.value);
    return isPathWord(need.word) && known.value.startsWith('/') && isBelow(need.value, known.value);
  });
}

function isWithin(ports: string, around: string): boolean {
  const [asked, known] = [rangeOf(ports), rangeOf(around)];
  return asked !== undefined && known !== undefined && known.first <= asked.first && asked.last <= known.last;
}

/** A place that leads upwards is below nothing. */
function isPlaceBelow(place: string, above: string): boolean {
  const parts = place.split('/');
  return !parts.includes('..') && !parts.includes('.') && !place.includes('%') && place.startsWith(`${above.replace(/\/+$/, '')}/`);
}

/** On the borders of segments: /srv/data covers /srv/data/x and not /srv/database. */
function isBelow(path: string, folder: string): boolean {
  return folder === '/' ? path.startsWith('/') : path.startsWith(`${folder}/`);
}

/** The path without `.`, `..`, doubled and final slashes, as text alone: links of the host are not followed. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
