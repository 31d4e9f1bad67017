/** The packets by which nodes try the way between them: of the data path's own protocol and port, with a network number that no network has. */

/** The largest number there is; no network gets it, so that a kernel with such a packet does nothing. */
export const probeNumber = 0xffffff;

/** Bytes of IP packets that are tried beside the largest of the sender's interface: what usual lines, tunnels and clouds leave. */
const usualSizes: readonly number[] = [8951, 1500, 1492, 1480, 1460, 1450, 1440, 1420, 1400, 1380, 1350, 1280, 576];

/** IP and UDP. */
const headBytes = 28;

/** Sizes to send from an interface of this MTU, largest first. */
export function probeSizes(mtu: number): number[] {
  return [...new Set([mtu, ...usualSizes.filter((size) => size < mtu)])];
}

/** What makes an IP packet of `size` bytes. */
export function probePayload(size: number): Buffer {
  const payload = Buffer.alloc(Math.max(size - headBytes, 8));
  payload[0] = 0x08;
  payload.writeUIntBE(probeNumber, 4, 3);
  return payload;
}
