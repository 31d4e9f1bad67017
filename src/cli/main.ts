/** Entry of the command line. */
export async function main(args: readonly string[]): Promise<void> {
  throw new Error(`not yet: ${args.join(' ')}`);
}
