/** Image references in lists. */

/** The name as people write it: no default registry, no digest where there is a tag. */
export function familiarImage(image: string, whole = false): string {
  const short = image.replace(/^(docker\.io|index\.docker\.io)\//, '').replace(/^library\//, '');
  const [name = '', digest] = short.split('@');
  return whole || digest === undefined || !/:[^/]+$/.test(name) ? short : name;
}
