/** How long the kernel remembers led connections that have ended. */
import { publishedMark } from './rule-set.ts';

/**
 * A client may use his port again as soon as his connection has ended, and the kernel then takes the place of the old one in its table for the new one,
 * by the same number. An engine that ends a container lists all that is remembered of it, and deletes what it listed, one by one: what began in between
 * in the place of an old one was cut off, though it led to somebody else. Ends that are forgotten after two seconds instead of two minutes are not listed.
 * Two are enough for a last packet that is sent again.
 */
const secondsKept = 2;

/** Name of the table beside `table`, which stands as it is as long as that does. */
export function briefEndsTable(table: string): string {
  return `${table}_ends`;
}

/** Lines for nft that make it; where it is there already, they change nothing about connections. Kernels without timeouts of connections refuse them. */
export function briefEndsText(table: string): string {
  const name = `ip ${briefEndsTable(table)}`;
  return [
    `add table ${name}`,
    `add ct timeout ${name} brief { protocol tcp; l3proto ip; policy = { time_wait : ${secondsKept}, close : ${secondsKept} }; }`,
    // Asked of the first packet of each connection alone, before its source is chosen.
    `add chain ${name} post { type nat hook postrouting priority 89; }`,
    `flush chain ${name} post`,
    `add rule ${name} post ct mark ${publishedMark} ct status dnat ct timeout set "brief"`,
    '',
  ].join('\n');
}
