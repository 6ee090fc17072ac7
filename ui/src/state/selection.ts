// Which entries are chosen, as lists everywhere do it: a click, with Ctrl one more or less, with Shift all up to there.
// Pure: what was chosen and where it began go in, the same come out.

export interface Selection {
  readonly names: ReadonlySet<string>;
  /** Where a range begins. */
  readonly from: string | null;
}

export const NOTHING: Selection = { names: new Set(), from: null };

export const only = (name: string): Selection => ({ names: new Set([name]), from: name });

/** One more, or one less. */
export function toggled(selection: Selection, name: string): Selection {
  const names = new Set(selection.names);
  if (!names.delete(name)) names.add(name);
  return { names, from: name };
}

/** Everything from where the range began to there; with `more` what was chosen besides stays. */
export function through(selection: Selection, order: readonly string[], to: number, more: boolean): Selection {
  const begun = selection.from === null ? -1 : order.indexOf(selection.from);
  const from = begun < 0 ? to : begun;
  const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { names: new Set(more ? [...selection.names, ...range] : range), from: order[from] ?? null };
}

export const all = (order: readonly string[]): Selection => ({ names: new Set(order), from: order[0] ?? null });

/** Only what is still there. */
export function kept(selection: Selection, there: ReadonlySet<string>): Selection {
  const names = new Set([...selection.names].filter((name) => there.has(name)));
  const from = selection.from !== null && there.has(selection.from) ? selection.from : null;
  return names.size === selection.names.size && from === selection.from ? selection : { names, from };
}
