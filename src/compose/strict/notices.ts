/** What Docker says about keys that a swarm does not take: ignored with a word, or refused. */
import { compareTexts } from '#base/text/text';
import { isMap } from '../value.ts';
import type { Value, ValueMap } from '../value.ts';

/** Something for stderr: a log line (the CLI gives it time and level) or plain text. */
export type Notice = { kind: 'log'; message: string } | { kind: 'text'; text: string };

const unsupported = [
  'build',
  'cgroupns_mode',
  'cgroup_parent',
  'devices',
  'domainname',
  'external_links',
  'ipc',
  'links',
  'mac_address',
  'network_mode',
  'pid',
  'privileged',
  'restart',
  'security_opt',
  'shm_size',
  'userns_mode',
] as const;

const deprecated: Readonly<Record<string, string>> = {
  container_name: 'Setting the container name is not supported.',
  expose: "Exposing ports is unnecessary - services on the same network can access each other's containers on any port.",
};

const limits = 'Set resource limits using deploy.resources';
const shared =
  'To share a volume between services, define it using the top-level `volumes` option and reference it from each service that shares it using the service-level `volumes` option.';
const forbidden: Readonly<Record<string, string>> = {
  extends: 'Support for `extends` is not implemented yet.',
  volume_driver: 'Instead of setting the volume driver on the service, define a volume using the top-level `volumes` option and specify the driver there.',
  volumes_from: shared,
  cpu_quota: limits,
  cpu_shares: limits,
  cpuset: limits,
  mem_limit: limits,
  memswap_limit: limits,
};

function services(file: Value): ValueMap[] {
  const section = isMap(file) ? file.services : undefined;
  return isMap(section) ? Object.values(section).filter(isMap) : [];
}

function used(files: readonly Value[], keys: readonly string[]): string[] {
  const all = files.flatMap(services);
  return keys.filter((key) => all.some((service) => key in service)).sort(compareTexts);
}

function explained(keys: readonly string[], texts: Readonly<Record<string, string>>): string {
  return keys.map((key) => `${key}: ${texts[key] ?? ''}`).join('\n\n');
}

/** The refusal's text when a file uses keys that swarms never take; undefined otherwise. */
export function forbiddenText(file: Value): string | undefined {
  const keys = used([file], Object.keys(forbidden));
  return keys.length === 0 ? undefined : `Compose file contains unsupported options:\n\n${explained(keys, forbidden)}\n`;
}

/** Warnings about ignored keys, of all files together. */
export function ignoredNotices(files: readonly Value[]): Notice[] {
  const notices: Notice[] = [];
  const ignored = used(files, unsupported);
  if (ignored.length > 0) notices.push({ kind: 'text', text: `Ignoring unsupported options: ${ignored.join(', ')}\n\n` });
  const old = used(files, Object.keys(deprecated));
  if (old.length > 0) notices.push({ kind: 'text', text: `Ignoring deprecated options:\n\n${explained(old, deprecated)}\n\n` });
  return notices;
}
