/** Which name servers the host itself uses. */

/** At most this many are asked, as the C library does. */
const limit = 3;

/** Servers in the text of a resolv.conf, without those in `own`: asking ourselves would go round in a circle. */
export function resolversOf(text: string, own: ReadonlySet<string>): string[] {
  const servers: string[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*nameserver\s+(\S+)/.exec(line);
    if (match?.[1] && !own.has(match[1])) servers.push(match[1]);
  }
  return servers.slice(0, limit);
}
