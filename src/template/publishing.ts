// At the top of a template a name that is set is for blocks, includes and importers to see.

import type { Execute } from './execution.ts';
import type { Frame } from './frame.ts';

/** What is imported is seen by the template's own parts, and not exported again. */
export function publishOne(name: string, frame: Frame, exported: boolean): Execute {
  if (!frame.isTop) return () => undefined;
  const id = frame.idOf(name);
  return (on) => {
    const value = on.get(id);
    if (value !== undefined) on.context.set.set(name, value);
    if (!exported) on.context.exported.delete(name);
    else if (!name.startsWith('_')) on.context.exported.add(name);
  };
}

export function publish(names: readonly string[], frame: Frame, exported: boolean): Execute {
  const acts = names.map((name) => publishOne(name, frame, exported));
  return (on) => acts.forEach((act) => act(on));
}
