/** Checks of address texts; the sums with them are the allocator's. */
import { Refusal } from '#base/refusal';

/** Refuses `text` unless it is absent or an address with a prefix length. */
export function checkSubnet(what: string, text: string | undefined): void {
  if (!text) return;
  const [address = '', prefix = '', ...rest] = text.split('/');
  const bits = addressBits(address);
  const length = /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN;
  if (rest.length > 0 || bits === 0 || !(length >= 0 && length <= bits)) {
    throw new Refusal('invalidArgument', `ipam configuration: invalid ${what} ${text}`);
  }
}

/** Refuses `text` unless it is absent or an address. */
export function checkAddress(what: string, text: string | undefined): void {
  if (text && addressBits(text) === 0) throw new Refusal('invalidArgument', `ipam configuration: invalid ${what} ${text}`);
}

/** 32 or 128 for an address of IP version 4 or 6; 0 for anything else. */
function addressBits(text: string): number {
  const parts = text.split('.');
  if (parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return 32;
  return isVersion6(text) ? 128 : 0;
}

function isVersion6(text: string): boolean {
  if (!/^[0-9a-fA-F:]+$/.test(text)) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (groups.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}
