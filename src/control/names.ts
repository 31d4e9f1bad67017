/** The rules that names of objects follow (swarmkit manager/controlapi/common.go, secret.go). */
import { Refusal } from '#base/refusal';

/** Each character is read once: with one more `+` inside, a wrong one after thirty letters would be looked for in a billion ways. */
const dnsName = /^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9])*$/;
const dnsNameLimit = 63;
const fileName = /^[a-zA-Z0-9]+(?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?$/;
const fileNameLimit = 64;

/** Names of services and networks. */
export function checkName(name: string | undefined): void {
  if (!name) throw new Refusal('invalidArgument', 'meta: name must be provided');
  if (!dnsName.test(name)) throw new Refusal('invalidArgument', 'name must be valid as a DNS name component');
  if (name.length > dnsNameLimit) throw new Refusal('invalidArgument', `name must be ${dnsNameLimit} characters or fewer`);
}

/** Names of secrets and configs. */
export function checkFileName(name: string | undefined): void {
  if (!name) throw new Refusal('invalidArgument', 'name must be provided');
  if (name.length > fileNameLimit || !fileName.test(name)) {
    throw new Refusal(
      'invalidArgument',
      `invalid name, only ${fileNameLimit} [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]`,
    );
  }
}
