/** The Engine API's version numbers. */

/** Newest and oldest version whose shapes we speak, as the minor number of 1.x. */
export const newestVersion = 47;
export const oldestVersion = 24;

/** Minor number of a text such as `1.41`; undefined when it is none. */
export function minorVersion(text: string | undefined): number | undefined {
  const match = /^1\.(\d+)$/.exec(text ?? '');
  return match ? Number(match[1]) : undefined;
}
