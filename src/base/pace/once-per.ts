/** What is made of an object that never changes is made once, and kept as long as somebody has that object: a change of one among many costs what the one costs. */

export function oncePer<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const made = new WeakMap<K, { value: V }>();
  return (of) => {
    const known = made.get(of) ?? { value: make(of) };
    made.set(of, known);
    return known.value;
  };
}

/** The same for what depends on more than the object: `rest` says all of that as a text, and only what was made for the last one is kept. */
export function oncePerWith<K extends object, V, R>(make: (of: K, rest: R) => V): (of: K, rest: R, text: string) => V {
  const made = new WeakMap<K, { value: V; text: string }>();
  return (of, rest, text) => {
    const last = made.get(of);
    if (last?.text === text) return last.value;
    const value = make(of, rest);
    made.set(of, { value, text });
    return value;
  };
}
