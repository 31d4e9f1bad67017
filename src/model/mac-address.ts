/** Hardware addresses on cluster networks: made of the address, so that every node knows those of all others. */
import type { NetworkAttachment, Task } from './object/task.ts';

/** Docker's derived form: newer engines choose by chance, and peers must know it. */
export function macAddress(address: string): string {
  const hex = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `02:42:${hex.join(':')}`;
}

/** A task's attachments to cluster networks in the order of its container's interfaces. The ingress network comes last: a container's own networks are the ones it is known by. */
export function interfacesOf(task: Task): readonly NetworkAttachment[] {
  const attached = (task.NetworksAttachments ?? []).filter(({ Addresses }) => Addresses.length > 0);
  return attached.toSorted((a, b) => Number(a.Network.Spec.Ingress ?? false) - Number(b.Network.Spec.Ingress ?? false));
}

/** One that an interface can have: six bytes with colons between, of one host, and not nothing. It goes into settings of other hosts. */
export function isMacAddress(text: string): boolean {
  return /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(text) && /[1-9a-f]/i.test(text);
}

/** What the spec asks for is the first interface's. Specs of before it was looked at may ask for what is none. */
export function wishedMacAddress(task: Task, networkId: string): string | undefined {
  const wished = interfacesOf(task)[0]?.Network.ID === networkId ? task.Spec.ContainerSpec?.Shoal?.MacAddress : undefined;
  return wished !== undefined && isMacAddress(wished) ? wished : undefined;
}
