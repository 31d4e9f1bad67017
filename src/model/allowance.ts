/** What a repository may be allowed beyond running containers of its own: the words, and whether a list of them covers something. */

/** Each word with its meaning; `value` says what stands behind the `=`. */
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
} as const satisfies Readonly<Record<string, { value: string | undefined; meaning: string }>>;

export type AllowanceWord = keyof typeof allowances;

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
  return { word: known, value: isPathWord(known) && value.startsWith('/') ? cleanPath(value) : value };
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
    if (need.word === 'repositories') return isPlaceBelow(need.value, known.value);
    return isPathWord(need.word) && known.value.startsWith('/') && isBelow(need.value, known.value);
  });
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
