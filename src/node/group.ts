/** The group whose members may use the socket. */
import { readFileSync } from 'node:fs';
import { Refusal } from '#base/refusal';

/** The id of a group that is given by name or number; throws Refusal when this host has none of that name. `groups`: text of /etc/group. */
export function groupId(group: string, groups: string = readFileSync('/etc/group', 'utf8')): number {
  if (/^\d{1,10}$/.test(group)) return Number(group);
  const line = groups.split('\n').find((each) => each.startsWith(`${group}:`));
  const id = Number(line?.split(':')[2] ?? Number.NaN);
  if (group === '' || !Number.isInteger(id)) {
    throw new Refusal('invalidArgument', `--group: this host has no group "${group}": make it (groupadd --system ${group}), or name another`);
  }
  return id;
}
