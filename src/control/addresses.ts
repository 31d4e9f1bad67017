/** Refusals of address texts. */
import { Refusal } from '#base/refusal';
import { isAddress, parsePrefix } from '#model/address';

/** Refuses `text` unless it is absent or an address with a prefix length. */
export function checkSubnet(what: string, text: string | undefined): void {
  if (text && !parsePrefix(text)) throw new Refusal('invalidArgument', `ipam configuration: invalid ${what} ${text}`);
}

/** Refuses `text` unless it is absent or an address. */
export function checkAddress(what: string, text: string | undefined): void {
  if (text && !isAddress(text)) throw new Refusal('invalidArgument', `ipam configuration: invalid ${what} ${text}`);
}
