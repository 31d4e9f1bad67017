/** Entry of the daemon. */
export async function main(args: readonly string[]): Promise<void> {
  throw new Error(`not yet: ${args.join(' ')}`);
}
